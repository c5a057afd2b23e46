"""What the Debian packages would hold, from the same list their build lays out; nothing is downloaded."""

import ast
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from deploy.cli import VERBS
from deploy.packages import build, contents, lock, wheels
from deploy.packages.contents import CHECKOUT, EDGE, ENVIRONMENT, HUB, PACKAGES
from deploy.packages.targets import RELEASES, wheel_platforms

TRIXIE = RELEASES["trixie"]
BOTH = pytest.mark.parametrize("package", PACKAGES.values(), ids=PACKAGES)
LOCKS = pytest.mark.parametrize("release", RELEASES.values(), ids=RELEASES)
DEVICE_VERBS = tuple(verb for verb, (_, words) in VERBS.items() if words.startswith("on the box"))
IMPORT_NAMES = {"ai-edge-litert": "ai_edge_litert", "paho-mqtt": "paho", "pynacl": "nacl",
                "webrtcvad-wheels": "webrtcvad", "tflite-runtime": "tflite_runtime"}  # fmt: skip
FROM_DEBIAN = {"pyaudio", "systemd"}
DESKTOP = {"soundfile"}
"""Used where it is there: edge/README.md."""


def laid(package):
    return {entry.target: entry for entry in contents.entries(package, TRIXIE)}


def locked(package, release):
    """Project and version of each wheel in the lock."""
    text = build.lock_of(package, release).read_text()
    return dict(re.findall(r"^([a-z0-9._-]+)==([^ ]+) \\$", text, re.MULTILINE))


@BOTH
def test_each_target_once(package):
    targets = [entry.target for entry in contents.entries(package, TRIXIE)]
    assert len(targets) == len(set(targets))


@BOTH
def test_every_program_a_unit_starts_is_in_the_package(package):
    files = laid(package)
    for unit in package.units:
        text = files[f"usr/lib/systemd/system/{unit}"].body.decode()
        for program in re.findall(
            r"(/opt/bedside-ser/\S+)", "\n".join(re.findall(r"^Exec\w+=.*", text, re.MULTILINE))
        ):
            assert files[program.lstrip("/")].mode == 0o755, f"{unit}: {program}"


@BOTH
def test_the_handbooks_units_name_are_in_the_package(package):
    files = laid(package)
    for unit in package.units:
        text = files[f"usr/lib/systemd/system/{unit}"].body.decode()
        for handbook in re.findall(r"^Documentation=file:///(\S+)", text, re.MULTILINE):
            assert handbook in files, f"{unit}: {handbook}"


def test_every_unit_is_in_one_package():
    there = {path.name for path in (CHECKOUT / "systemd").glob("bedside-*") if path.is_file()}
    there = {name for name in there if name.endswith((".service", ".target", ".timer", ".path"))}
    assert sorted([*EDGE.units, *HUB.units]) == sorted(there)


@BOTH
def test_commands(package):
    files = laid(package)
    assert files[f"{ENVIRONMENT}/bin/python"].link == "/usr/bin/python3.13"
    for name, module in package.commands.items():
        link = files[f"usr/bin/{name}"].link
        script = files[link.lstrip("/")].body.decode()
        assert script.startswith(f"#!/{ENVIRONMENT}/bin/python -P\n")
        assert f"{contents.site_packages(TRIXIE)}/{module.replace('.', '/')}.py" in files


@BOTH
def test_no_caches_tests_or_workplace(package):
    for target in laid(package):
        assert not re.search(r"__pycache__|\.pyc$|/tests?/|/train/|/convert/|\.git", target), target


@BOTH
def test_configuration_is_the_administrators(package):
    assert {target for target in laid(package) if target.startswith("etc/")} == set(package.conffiles)


def modules(files, roots):
    """All modules of ours that are imported from these on, and the names of others' that they import."""
    ours, others, todo = set(), set(), list(roots)
    while todo:
        name = todo.pop()
        path = next((f"{name.replace('.', '/')}{end}" for end in (".py", "/__init__.py")
                     if f"{name.replace('.', '/')}{end}" in files), None)  # fmt: skip
        if path is None or name in ours:
            continue
        ours.add(name)
        for node in ast.walk(ast.parse(files[path])):
            if isinstance(node, ast.Import):
                found = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                found = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            others |= {one.split(".")[0] for one in found}
            todo += found
    return ours, others - {"edge", "deploy", "hub"} - set(sys.stdlib_module_names)


def test_what_a_box_imports_is_on_the_box():
    top = contents.site_packages(TRIXIE) + "/"
    files = {name.removeprefix(top): entry.body for name, entry in laid(EDGE).items() if name.endswith(".py")}
    verbs = [VERBS[verb][0] for verb in DEVICE_VERBS if f"{VERBS[verb][0].replace('.', '/')}.py" in files]
    ours, others = modules(files, ["edge.cli", "deploy.cli", *verbs])
    assert "edge.features" in ours
    there = {IMPORT_NAMES.get(name, name) for name in locked(EDGE, TRIXIE)} | FROM_DEBIAN | DESKTOP
    assert others - {"tflite_runtime"} <= there
    assert not any(name.startswith("hub") for name in ours)


ONLY = """
import importlib, sys
allowed = set(sys.argv[2].split(",")) | set(sys.stdlib_module_names) | {"edge", "deploy", "hub"}
class Nothing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] not in allowed and not name.startswith("_sysconfigdata"):
            raise ImportError(f"{name} is not there")
sys.meta_path.insert(0, Nothing())
importlib.import_module(sys.argv[1])
"""


def imports(module, others):
    """Whether it can be imported where only these modules of others are."""
    command = [sys.executable, "-c", ONLY, module, ",".join(others)]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("verb", VERBS)
def test_verbs_of_the_card_need_nothing_but_python_and_those_of_the_hub_what_its_package_has(verb):
    """Nor does the light need numpy, which would double its memory; a hub's package has none."""
    others = (
        []
        if verb in DEVICE_VERBS
        else [IMPORT_NAMES.get(name, name.replace("-", "_")) for name in locked(HUB, TRIXIE)]
    )
    done = imports(VERBS[verb][0], others)
    assert not done.returncode, done.stderr


def test_an_import_of_what_is_not_there_would_be_seen():
    assert "numpy is not there" in imports("edge.features", []).stderr


@BOTH
@LOCKS
def test_locks_hold_the_versions_known_to_work_together(package, release):
    text = (CHECKOUT / "constraints.txt").read_text()
    known = {
        (name.lower().replace("_", "-"), version)
        for name, version in re.findall(r"^([\w.-]+)==([^;\s]+)", text, re.MULTILINE)
    }
    found = locked(package, release)
    assert found
    assert {(name, version) for name, version in found.items()} <= known


@BOTH
@LOCKS
def test_locks_have_what_is_asked_for(package, release):
    wanted = {
        re.split(r"[;\s]", line)[0].lower().replace("_", "-")
        for line in lock.requirements(package).splitlines()
        if "python_version" not in line
    }
    runtime = "ai-edge-litert" if release.python >= (3, 12) else "tflite-runtime"
    wanted |= {runtime} if package is EDGE else set()
    assert wanted <= set(locked(package, release))
    text = build.lock_of(package, release).read_text()
    assert text.count("--hash=sha256:") > len(locked(package, release))


@BOTH
def test_maintainer_scripts_are_shell_and_end_at_the_first_mistake(package):
    for name in ("postinst", "prerm", "postrm"):
        script = package.folder / name
        subprocess.run(["sh", "-n", script], check=True)
        assert "\nset -e\n" in script.read_text()


def test_the_two_packages_say_that_they_do_not_go_together():
    shared = set(laid(EDGE)) & set(laid(HUB))
    assert f"{ENVIRONMENT}/bin/python" in shared
    assert "Conflicts: bedside-ser-hub" in build.control(EDGE, TRIXIE, "arm64", 1)
    assert "Conflicts: bedside-ser-edge" in build.control(HUB, TRIXIE, "arm64", 1)


def test_platforms_end_with_what_every_wheel_runs_on():
    tags = wheel_platforms(TRIXIE, "arm64")
    assert tags[0] == "manylinux_2_41_aarch64"
    assert tags[-2:] == ["manylinux_2_17_aarch64", "manylinux2014_aarch64"]


def small_wheel(folder, name="thing-1.0-py3-none-any.whl"):
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("thing/__init__.py", "x = 1\n")
        archive.writestr("thing/tests/test_thing.py", "assert False\n")
        archive.writestr("thing-1.0.data/scripts/thing", "#!python\n")
        archive.writestr("thing-1.0.data/platlib/_thing.so", "so")
        archive.writestr("thing-1.0.dist-info/RECORD", "")
    return folder / name


def test_of_a_wheel_only_modules_are_laid(tmp_path):
    to = tmp_path / "site-packages"
    wheels.unpack(small_wheel(tmp_path), to)
    assert sorted(str(path.relative_to(to)) for path in to.rglob("*") if path.is_file()) == [
        "_thing.so",
        "thing/__init__.py",
    ]


def test_the_same_checkout_gives_the_same_bytes(tmp_path):
    wheel = small_wheel(tmp_path)
    made = [build.pack(EDGE, TRIXIE, "arm64", [wheel], tmp_path / out, 1_700_000_000) for out in ("a", "b")]
    first, second = (path.read_bytes() for path in made)
    assert first == second
    assert made[0].name == f"bedside-ser-edge_{build.version(TRIXIE)}_arm64.deb"


def test_dpkg_reads_the_package(tmp_path):
    made = build.pack(HUB, TRIXIE, "amd64", [small_wheel(tmp_path)], tmp_path, 1_700_000_000)
    listed = subprocess.run(
        ["dpkg-deb", "--contents", made], check=True, capture_output=True, text=True
    ).stdout
    rows = [line.split(maxsplit=5) for line in listed.splitlines()]
    assert {row[1] for row in rows} == {"root/root"}
    assert not [row[5] for row in rows if row[0][0] != "l" and "w" in row[0][4:]], "only root may write"
    fields = subprocess.run(["dpkg-deb", "--field", made], check=True, capture_output=True, text=True).stdout
    assert "Depends: python3 (>= 3.13~), python3 (<< 3.14~)," in fields
    folder = tmp_path / "control"
    subprocess.run(["dpkg-deb", "--control", made, folder], check=True)
    assert (folder / "conffiles").read_text().split() == [f"/{name}" for name in HUB.conffiles]
    assert Path(folder / "postinst").stat().st_mode & 0o111
