"""A ward on this machine, and a box that starts from the image `make image` has built. Minutes a start."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.append(str(Path(__file__).parents[1] / "hub"))
sys.path.append(str(Path(__file__).parents[1] / "edge"))
sys.path.append(str(Path(__file__).parents[2]))  # tests.arm64

import browser
from card import Card
from emulated_box import HOST, Box
from hub_parts import Hub, until
from virtual_microphone import VirtualMicrophone
from ward_parts import Ward, hub_on, make_ward


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """What the box's journal says last belongs to a failure."""
    report = yield
    box = item.funcargs.get("box") if isinstance(item, pytest.Function) else None
    if report.when == "call" and report.failed and isinstance(box, Box) and box.is_on:
        try:
            said = box.run("journalctl --boot --lines 60 --no-pager --output short-monotonic")
        except (AssertionError, OSError) as error:
            said = f"{error}; its console: {box.tail()}"
        report.sections.append(("the box's journal", said))
    return report


CHECKOUT = Path(__file__).parents[2]
BED = ("clinic", "3b", "bed-12")


@pytest.fixture(scope="session")
def image() -> Path:
    """The image as a card gets it, unpacked."""
    packed = sorted((CHECKOUT / "out" / "image").glob("*.img.xz"), key=os.path.getmtime)
    assert packed, "there is no out/image/*.img.xz; make image builds it"
    unpacked = CHECKOUT / ".cache" / "image" / "tested.img"
    check = ["sha256sum", "--quiet", "-c", f"{packed[-1].name}.sha256"]
    subprocess.run(check, cwd=packed[-1].parent, check=True)
    with unpacked.open("wb") as file:
        subprocess.run(["xz", "-dc", packed[-1]], stdout=file, check=True)
    return unpacked


@pytest.fixture(scope="session")
def ward(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ward]:
    """Authority and broker of the ward; the broker runs."""
    ward = make_ward(tmp_path_factory.mktemp("ward"), names=[HOST])
    ward.broker.start()
    yield ward
    ward.broker.stop()


@pytest.fixture(scope="session")
def hub(ward: Ward, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """The hub, all of it."""
    folder = tmp_path_factory.mktemp("hub")
    hub = hub_on(ward, folder)
    (folder / "master.key").write_text("7" * 64 + "\n")
    with hub.config.open("a") as file:
        file.write(f'[commands]\nmaster_key_file = "{folder / "master.key"}"\n')
    for verb in ("ingest", "alerts", "web"):
        hub.start(verb)
    until(hub.well, 120, "the hub")
    yield hub
    hub.stop()


@pytest.fixture(scope="session")
def made_card(ward: Ward, hub: Hub, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of one bed, as the hub's office makes them."""
    folder = tmp_path_factory.mktemp("office")
    (folder / "ward.toml").write_text(
        f'[hub]\nhost = "{HOST}"\nport = {ward.port}\n[time]\nzone = "Europe/Berlin"\nserver = "{HOST}"\n'
    )
    subprocess.run(
        [Path(sys.executable).with_name("bedside-deploy"), "provision", "--config", hub.config,
         "--authority", ward.folder / "ca", "--broker", ward.folder / "etc", "--ward", BED[1], "--bed", "12",
         "--template", folder / "ward.toml", "--out", folder / "cards"],
        check=True,
    )  # fmt: skip
    return folder / "cards" / BED[1] / BED[2]


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[VirtualMicrophone]:
    """What is played into it comes out of the box's sound card."""
    device = VirtualMicrophone(tmp_path_factory.mktemp("mic"), is_noisy=True)
    yield device
    device.unplug()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    with browser.chromium() as started:
        yield started


@pytest.fixture(scope="session")
def page(chromium: Any, hub: Hub) -> Any:
    """The ward's board."""
    page = chromium.new_page(viewport={"width": 1280, "height": 800})
    page.goto(hub.url)
    return page


@pytest.fixture(scope="session")
def flashed(image: Path, made_card: Path, tmp_path_factory: pytest.TempPathFactory) -> Card:
    """A card with the image and the bed's files on it, as an installer lays them."""
    card = Card.flashed(image, tmp_path_factory.mktemp("card") / "card.img")
    card.lay(*made_card.iterdir())
    return card


@pytest.fixture(scope="session")
def box(
    flashed: Card, microphone: VirtualMicrophone, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Box]:
    """A box with that card, switched off. Its clock, like every Raspberry Pi's, knows nothing."""
    more = ["-rtc", "base=2020-01-01"]
    box = Box(flashed, tmp_path_factory.mktemp("box"), sound=microphone.environment, more=more)
    yield box
    box.cut_power()
