"""`bedside-hub broker-config`: mosquitto's configuration and access list for this hub's ward."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from edge.errors import ConfigError, StorageError
from hub.config import Settings

FOLDER, MEMORY, PORT = "/etc/bedside-ser/broker", "/var/lib/mosquitto/", "listener 8883"
"""As the shipped file has them."""


def write(settings: Settings, to: Path, memory: str = MEMORY) -> str:
    """Writes both files; a sentence. `memory` is the folder for what is retained. Raises BedsideError."""
    if settings.broker.tls is None or settings.broker.tls.certificate is None:
        raise ConfigError(
            "broker.tls with ca, certificate and key is not configured, and this broker lets nobody in"
            " without them; bedside-hub authority makes all three"
        )
    folder = to.absolute()
    files = {
        "mosquitto.conf": _shipped("mosquitto.conf")
        .replace(FOLDER, str(folder))
        .replace(PORT, f"listener {settings.broker.port}")
        .replace(MEMORY, memory),
        "bedside.acl": _shipped("bedside.acl").replace("ser/v1/+/", f"ser/v1/{settings.site}/"),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write to {folder}: {error.strerror}") from error
    return (
        f"{folder} holds {' and '.join(files)}; put bedside-ca.crt, broker.crt, broker.key and bedside.crl"
        " beside them and restart mosquitto"
    )


def _shipped(name: str) -> str:
    return (resources.files("hub") / "mosquitto" / name).read_text(encoding="utf-8")
