"""Which files a package lays where, besides wheels and control files. Reads the checkout, writes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from deploy.packages.targets import Release

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
HOME = "opt/bedside-ser"
ENVIRONMENT = f"{HOME}/.venv"
"""The same for both packages, which is why they do not go together: a box at a bed is no hub."""
_UNITS = "usr/lib/systemd/system"
_DOCUMENTS = "usr/share/doc/bedside-ser"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file below the root: its bytes, or with `link` a symbolic link to there."""

    target: str
    body: bytes = b""
    mode: int = 0o644
    link: str = ""


@dataclass(frozen=True, slots=True)
class Package:
    """What is particular to one package. `code` are folders of this checkout whose modules it holds."""

    name: str
    short: str
    code: tuple[str, ...]
    commands: dict[str, str]
    units: tuple[str, ...]
    files: dict[str, str]
    conffiles: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Its control file, maintainer scripts, locks and own configuration."""
        return HERE / self.short


EDGE = Package(
    name="bedside-ser-edge",
    short="edge",
    code=("edge", "edge/schemas", "deploy"),
    commands={"bedside-edge": "edge.cli", "bedside-deploy": "deploy.cli"},
    units=(
        "bedside-edge.service",
        "bedside-settings.service",
        "bedside-led.service",
        "bedside-network-watchdog.service",
    ),
    files={
        "model/bedside-ser.tflite": "opt/bedside-ser/model/bedside-ser.tflite",
        "model/MODEL_CARD.md": "opt/bedside-ser/model/MODEL_CARD.md",
        "edge/README.md": "opt/bedside-ser/edge/README.md",
        "deploy/README.md": "opt/bedside-ser/deploy/README.md",
        "systemd/bedside-edge.service.d/gpio.conf.example": f"{_DOCUMENTS}-edge/gpio.conf.example",
        "deploy/packages/edge/udev.rules": "usr/lib/udev/rules.d/70-bedside-ser.rules",
        "deploy/packages/edge/sysusers": "usr/lib/sysusers.d/bedside-ser-edge.conf",
        "deploy/packages/edge/tmpfiles": "usr/lib/tmpfiles.d/bedside-ser-edge.conf",
        "deploy/packages/edge/edge.toml.example": f"{_DOCUMENTS}-edge/edge.toml.example",
    },
)
HUB = Package(
    name="bedside-ser-hub",
    short="hub",
    code=(
        "edge", "edge/schemas", "deploy", "hub", "hub/migrations", "hub/migrations/versions", "hub/mosquitto",
        "hub/static", "hub/static/lang", "hub/static/bed", "hub/static/bed/lang", "hub/static/rejects",
        "hub/static/rejects/lang", "hub/templates",
    ),
    commands={"bedside-hub": "hub.cli", "bedside-deploy": "deploy.cli"},
    units=(
        "bedside-hub.service", "bedside-hub@.service", "bedside-hub.target", "bedside-hub-backup.service",
        "bedside-hub-backup.timer", "bedside-broker-reload.path", "bedside-broker-reload.service",
        "bedside-renew.service", "bedside-renew.timer",
    ),
    files={
        "hub/README.md": "opt/bedside-ser/hub/README.md",
        "deploy/README.md": "opt/bedside-ser/deploy/README.md",
        "systemd/mosquitto.service.d/bedside.conf": f"{_UNITS}/mosquitto.service.d/bedside.conf",
        "systemd/bedside-hub.service.d/network.conf.example": f"{_DOCUMENTS}-hub/network.conf.example",
        "systemd/bedside-hub.sysusers": "usr/lib/sysusers.d/bedside-ser-hub.conf",
        "deploy/packages/hub/tmpfiles": "usr/lib/tmpfiles.d/bedside-ser-hub.conf",
        "deploy/packages/hub/hub.toml": "etc/bedside-ser/hub.toml",
        "hub/mosquitto/mosquitto.conf": "etc/bedside-ser/broker/mosquitto.conf",
        "hub/mosquitto/bedside.acl": "etc/bedside-ser/broker/bedside.acl",
    },
    conffiles=("etc/bedside-ser/hub.toml", "etc/bedside-ser/broker/mosquitto.conf",
               "etc/bedside-ser/broker/bedside.acl"),
)  # fmt: skip
PACKAGES = {package.short: package for package in (EDGE, HUB)}


def site_packages(release: Release) -> str:
    """Where the environment keeps its modules, below the root."""
    return f"{ENVIRONMENT}/lib/python{release.dotted}/site-packages"


def entries(package: Package, release: Release) -> list[Entry]:
    """All files of the package that are not out of wheels, ordered by their target."""
    found = [
        *_code(package, release),
        *_environment(package, release),
        *(_copy(source, target) for source, target in package.files.items()),
        *(_copy(f"systemd/{name}", f"{_UNITS}/{name}") for name in package.units),
    ]
    found += [Entry(f"usr/bin/{name}", link=f"/{ENVIRONMENT}/bin/{name}") for name in package.commands]
    return sorted(found, key=lambda entry: entry.target)


def _copy(source: str, target: str) -> Entry:
    return Entry(target, (CHECKOUT / source).read_bytes())


def _code(package: Package, release: Release) -> list[Entry]:
    """Modules and data of our own, as git knows them: no caches, no documents."""
    to = site_packages(release)
    paths = [path for folder in package.code for path in sorted((CHECKOUT / folder).iterdir())]
    names = [
        str(path.relative_to(CHECKOUT))
        for path in paths
        if path.is_file() and path.suffix not in {".md", ".pyc", ".sh"} and path.name != "demo.toml"
    ]
    return [_copy(name, f"{to}/{name}") for name in names]


def _environment(package: Package, release: Release) -> list[Entry]:
    """A virtual environment as `python -m venv --system-site-packages` lays it, without pip."""
    here = ENVIRONMENT
    settings = f"home = /usr/bin\ninclude-system-site-packages = true\nversion = {release.dotted}\n"
    made = [
        Entry(f"{here}/pyvenv.cfg", settings.encode()),
        Entry(f"{here}/bin/python", link=f"/usr/bin/python{release.dotted}"),
        Entry(f"{here}/bin/python3", link="python"),
    ]
    for name, module in package.commands.items():
        text = f"#!/{here}/bin/python -P\nimport sys\n\nfrom {module} import main\n\nsys.exit(main())\n"
        made.append(Entry(f"{here}/bin/{name}", text.encode(), mode=0o755))
    return made
