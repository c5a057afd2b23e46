"""Whoever helps logs in with the key the card lists, and with nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

from emulated_box import Box
from hub_parts import Hub
from ward_view import listen

_QUIET = ("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null")


def test_only_a_listed_key_opens(box: Box, hub: Hub, tmp_path: Path) -> None:
    for name in ("listed", "other"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    listen(box, hub)
    assert _said(box, tmp_path / "listed") is None
    box.shut_down()
    settings = box.card.read("bedside.toml")
    key = (tmp_path / "listed.pub").read_text().strip()
    box.card.write("bedside.toml", f'{settings}\n[support]\nssh_keys = ["{key}"]\n', tmp_path)

    listen(box, hub)
    box.wait_until("systemctl is-active ssh.service")
    assert _said(box, tmp_path / "listed") == "root"
    assert _said(box, tmp_path / "other") is None
    offered = box.run("journalctl -b -u ssh --no-pager -o cat")
    assert "Accepted publickey for root" in offered
    ways = subprocess.run(
        ["ssh", *_QUIET, "-o", "PreferredAuthentications=none", "-p", str(box.ssh_port), "root@127.0.0.1"],
        capture_output=True, text=True, timeout=180, check=False,
    )  # fmt: skip
    assert "Permission denied (publickey)" in ways.stderr, "no password is asked for"
    fingerprint = box.run("ssh-keygen -lf /data/bedside/ssh/ssh_host_ed25519_key.pub")
    box.shut_down()
    box.card.write("bedside.toml", settings, tmp_path)
    listen(box, hub)
    assert _said(box, tmp_path / "listed") is None
    assert box.run("ssh-keygen -lf /data/bedside/ssh/ssh_host_ed25519_key.pub") == fingerprint


def _said(box: Box, key: Path) -> str | None:
    """Who one is in the box with that key; None where it lets nobody in."""
    command = ["ssh", *_QUIET, "-i", key, "-p", str(box.ssh_port), "root@127.0.0.1", "id -un"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
