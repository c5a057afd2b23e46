"""What the tests of resilience share: modules beside them and of the edge's and the hub's tests."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "hub"))
sys.path.insert(0, str(Path(__file__).parents[1] / "edge"))
sys.path.insert(0, str(Path(__file__).parent))

from broker_parts import Broker, Hub
from virtual_microphone import VirtualMicrophone


@pytest.fixture
def fast_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where there is one: hundreds of databases are opened there, each synced."""
    memory = Path("/dev/shm")  # noqa: S108 - a folder of our own is made there
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    broker = Broker(tmp_path)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def receiver(broker: Broker) -> Iterator[Hub]:
    """The hub as a device sees it; answers with receipts."""
    hub = Hub(broker.port)
    yield hub
    hub.close()


@pytest.fixture
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    if shutil.which("pulseaudio") is None or shutil.which("pacat") is None:
        pytest.skip("pulseaudio and pacat are not installed")
    device = VirtualMicrophone(tmp_path_factory.mktemp("mic"))  # a socket's path must be short
    yield device
    device.unplug()
