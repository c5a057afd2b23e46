"""The command `bedside-edge`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from edge import (
    __version__,
    analyse,
    check,
    config,
    daemon,
    memory,
    meter,
    model_diff,
    service,
    signature,
    sound_devices,
)
from edge.command_line import Parser, end
from edge.errors import ConfigError, ModelError
from edge.model_description import describe
from edge.model_file import read_bytes, unpack


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is 0, 64 for wrong arguments, or that of a class in edge.errors.

    `model --diff` ends with 1 where two files differ.
    """

    def work() -> int:
        options = _parser().parse_args(arguments)
        status: int = options.run(options)
        return status

    return end("bedside-edge", work)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="bedside-edge", description="Hears distress in a voice at the bedside.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    run = verbs.add_parser("run", help="listen and tell the hub, until stopped")
    run.add_argument("--config", type=Path, required=True, metavar="FILE", help="the TOML configuration")
    run.add_argument(
        "--source",
        action="append",
        nargs="+",
        metavar="mic|PATH",
        help="the microphone (default), or sound files or folders of them, played in order",
    )
    run.add_argument("--fast", action="store_true", help="play files as fast as possible")
    run.add_argument("--repeat", action="store_true", help="play the files again and again")
    run.set_defaults(run=_run)

    analyse_ = verbs.add_parser("analyse", help="judge recordings")
    analyse_.add_argument("paths", type=Path, nargs="+", metavar="PATH")
    analyse_.add_argument("--model", type=Path, metavar="FILE", help="default: model/ of this checkout")
    analyse_.add_argument("--json", action="store_true", help="one JSON object a line, for programs")
    analyse_.set_defaults(run=_analyse)

    devices = verbs.add_parser("devices", help="list the microphones")
    devices.set_defaults(run=_devices)

    check_ = verbs.add_parser("check", help="see whether everything is in order, and what to do")
    check_.add_argument("--config", type=Path, required=True, metavar="FILE")
    check_.set_defaults(run=lambda options: check.main(options.config))

    meter_ = verbs.add_parser("meter", help="see live what is heard and what is made of it")
    meter_.add_argument("--config", type=Path, required=True, metavar="FILE")
    meter_.add_argument(
        "--source", action="append", nargs="+", type=Path, metavar="PATH", help="sound files in its place"
    )
    meter_.set_defaults(run=_meter)

    model = verbs.add_parser("model", help="what a model file says about itself")
    what = model.add_mutually_exclusive_group(required=True)
    what.add_argument("file", type=Path, nargs="?", metavar="FILE")
    what.add_argument(
        "--diff", type=Path, nargs=2, metavar=("A", "B"), help="how two differ; exit status 1 where they do"
    )
    model.add_argument("--public-key", type=Path, metavar="PEM", help="check that FILE is signed by this key")
    model.set_defaults(run=_model)
    return parser


def _run(options: argparse.Namespace) -> int:
    sources = [source for group in options.source or [["mic"]] for source in group]
    files = [Path(source) for source in sources if source != "mic"]
    if files and len(files) < len(sources):
        raise ConfigError("--source names both mic and files; give one or the other")
    if not files and (options.fast or options.repeat):
        raise ConfigError("--fast and --repeat play files; name them with --source")
    settings = config.load(options.config)
    requests = service.Requests()
    requests.install()
    service.log_to_journal_or_stderr(DEVICE=settings.device, BED=settings.bed)
    memory.keep_in_memory()
    daemon.Daemon(
        lambda: config.load(options.config),
        _recordings(files),
        requests,
        fast=options.fast,
        repeat=options.repeat,
    ).run()
    return 0


def _recordings(paths: Sequence[Path]) -> list[Path]:
    """The files, and in place of each folder the WAV and FLAC files in it, by name."""
    files = []
    for path in paths:
        inside = sorted(one for one in path.glob("*") if one.suffix.lower() in {".wav", ".flac"})
        files += inside or [path]
    return files


def _analyse(options: argparse.Namespace) -> int:
    model = options.model or Path(__file__).parent.parent / "model" / "bedside-ser.tflite"
    if options.model is None and not model.exists():
        raise ModelError("there is no model beside the program; name one with --model FILE")
    return analyse.main(options.paths, model, as_json=options.json)


def _devices(_: argparse.Namespace) -> int:
    found = sound_devices.devices()
    for device, name in zip(found, sound_devices.stable_names(found), strict=True):
        default = "  (default)" if device.is_default else ""
        print(f"{device.index:3}  {device.name}  {device.channels} channels, {device.rate} Hz{default}")
        print(f'     device = "{name}"')
    sound_devices.choose(found, "")  # says what to do where there is none
    return 0


def _meter(options: argparse.Namespace) -> int:
    return meter.main(options.config, _recordings([path for group in options.source or [] for path in group]))


def _model(options: argparse.Namespace) -> int:
    if options.diff and options.public_key:
        raise ConfigError("--public-key is for one FILE, not for --diff; check the two one after the other")
    if options.diff:
        return _diff(*options.diff)
    data = read_bytes(options.file)
    model = unpack(data, str(options.file))
    signed = "none" if model.signature is None else "Ed25519, not checked here: --public-key PEM checks it"
    if options.public_key:
        keys = signature.read_keys(options.public_key, "--public-key")
        signature.verify(data, keys, str(options.file), "--public-key")
        signed = f"Ed25519, by the key in {options.public_key}"
    for name, value in [*describe(model.manifest), ("signature", signed)]:
        print(f"{name + ':':<28} {value}")
    return 0


def _diff(before: Path, after: Path) -> int:
    """As diff(1): 0 where two files are the same, 1 where they differ."""
    names = (str(before), str(after))
    found = model_diff.differences(read_bytes(before), read_bytes(after), names)
    if not found:
        return 0
    print(*model_diff.lines(found, names), sep="\n")
    return 1
