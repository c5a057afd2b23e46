"""`bedside-deploy` as a program."""

import subprocess
import sys

import pytest

from deploy import cli


def deploy(*arguments):
    command = [sys.executable, "-m", "deploy", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_help_names_every_verb_and_imports_none():
    code = "import sys; from deploy import cli\ntry: cli.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print(sorted(name for name in sys.modules if name.startswith(('deploy.', 'hub', 'numpy'))))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(f"  {verb}\n" in done.stdout or f"  {verb} " in done.stdout for verb in cli.VERBS)
    assert done.stdout.splitlines()[-1] == "['deploy.cli']"


@pytest.mark.parametrize("arguments", [(), ("fly",), ("--loud",)])
def test_wrong_arguments_end_with_64(arguments):
    done = deploy(*arguments)
    assert done.returncode == 64
    assert "bedside-deploy: " in done.stderr


def test_a_verb_that_is_not_installed_says_where_it_is(monkeypatch, capsys):
    monkeypatch.setitem(cli.VERBS, "fly", ("deploy.nowhere", "at the airport: take off"))
    assert cli.main(["fly"]) == 78
    assert "'fly' cannot be done here" in capsys.readouterr().err
