"""From good settings to the files that programs of the box read. Pure; every path is one below `/`.

All of them lie in /run, so that the root may stay read-only and nothing is left of earlier settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy import bundle
from deploy.kept import Kept
from deploy.settings import Settings, Wifi
from deploy.toml_text import quoted

EDGE = "run/bedside/edge.toml"
NETWORKS = "run/bedside/iwd/networks"
LOCALTIME = "run/bedside/localtime"
SSH_KEYS = "run/bedside/ssh/authorized_keys"
CREDENTIALS = "run/credstore"
_IWD = "run/bedside/iwd/main.conf"
_ETHERNET = "run/systemd/network/70-bedside-ethernet.network"
_WIFI = "run/systemd/network/70-bedside-wifi.network"
_TIMESYNC = "run/systemd/timesyncd.conf.d/bedside.conf"
_HOSTNAME = "run/bedside/hostname"
OURS = (EDGE, f"{NETWORKS}/*", _IWD, SSH_KEYS, f"{CREDENTIALS}/bedside-*", _ETHERNET, _WIFI, _TIMESYNC)
"""What of these files is not among the rendered ones belongs to earlier settings."""
_MODEL = "/opt/bedside-ser/model/bedside-ser.tflite"
_STORAGE = "/var/lib/bedside-edge"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A file to be written, its path below `/`, and its permissions."""

    path: str
    text: str
    mode: int = 0o644


def render(kept: Kept) -> list[Rendered]:
    """Every file these settings make."""
    settings = kept.settings
    files = [
        Rendered(EDGE, edge_toml(settings, has_command_key=bundle.COMMAND_KEY in kept.files)),
        Rendered(_HOSTNAME, f"{settings.hostname}\n"),
        Rendered(_ETHERNET, _network("ether", 100)),
    ]
    files += [
        Rendered(f"{CREDENTIALS}/{name}", kept.files[name], 0o600)
        for name in (*bundle.NEEDED, bundle.COMMAND_KEY)
        if name in kept.files
    ]
    if settings.wifi is not None:
        ca = kept.files.get(settings.wifi.ca_file, "")
        files += [
            Rendered(_IWD, f"[General]\nCountry={settings.wifi.country}\n"),
            Rendered(_WIFI, _network("wlan", 600)),
            Rendered(f"{NETWORKS}/{iwd_name(settings.wifi)}", iwd_network(settings.wifi, ca), 0o600),
        ]
    if settings.time.server:
        files.append(Rendered(_TIMESYNC, f"[Time]\nNTP={settings.time.server}\n"))
    if settings.support.ssh_keys:
        keys = "".join(f"{key.strip()}\n" for key in settings.support.ssh_keys)
        files.append(Rendered(SSH_KEYS, keys))
    return files


def edge_toml(settings: Settings, *, has_command_key: bool) -> str:
    """The daemon's own configuration; certificates and keys come as credentials of its service."""
    lines = [f"{key} = {quoted(getattr(settings, key))}" for key in ("site", "ward", "device", "bed")]
    lines += ["[model]", f'path = "{_MODEL}"']
    lines += ["[broker]", f"host = {quoted(settings.hub.host)}", f"port = {settings.hub.port}"]
    names = {"ca_file": bundle.CA, "cert_file": bundle.CERTIFICATE, "key_file": bundle.KEY}
    lines += [f'{key} = "credential:{name}"' for key, name in names.items()]
    lines += ["[storage]", f'folder = "{_STORAGE}"']
    lines += ["[microphone]", f"device = {quoted(settings.microphone.device)}"]
    lines += [f"rate = {settings.microphone.rate}"]
    if has_command_key:
        lines += ["[commands]", f'key_file = "credential:{bundle.COMMAND_KEY}"']
    lines += ["[panel]", f"mute_pull_up = {str(settings.panel.mute_pull_up).lower()}"]
    pins = {"mute_pin": settings.panel.mute_pin, "light_pin": settings.panel.light_pin}
    lines += [f"{key} = {pin}" for key, pin in pins.items() if pin is not None]
    return "\n".join(["# Made from bedside.toml at every start; what is changed here is lost.", *lines, ""])


def iwd_name(wifi: Wifi) -> str:
    """The name iwd looks for a network's settings under, as iwd.network(5) says."""
    kind = "8021x" if wifi.identity else "psk"
    plain = wifi.ssid.isascii() and all(letter.isalnum() or letter in " _-" for letter in wifi.ssid)
    return f"{wifi.ssid}.{kind}" if plain else f"={wifi.ssid.encode().hex()}.{kind}"


def iwd_network(wifi: Wifi, ca: str) -> str:
    """A network's settings as iwd.network(5) says; `ca` is the authority's certificate, or empty."""
    lines = ["[Security]"]
    if not wifi.identity:
        is_key = len(wifi.passphrase) == 64
        name, value = ("PreSharedKey", wifi.passphrase.lower()) if is_key else ("Passphrase", wifi.passphrase)
        return "\n".join([*lines, f"{name}={_iwd_value(value)}", ""])
    prefix = f"EAP-{wifi.eap}-"
    lines += [f"EAP-Method={wifi.eap}"]
    lines += [f"EAP-Identity={_iwd_value(wifi.anonymous_identity or wifi.identity)}"]
    if ca:
        lines += [f"{prefix}CACert=embed:authority"]
    lines += [f"{prefix}Phase2-Method={'MSCHAPV2' if wifi.eap == 'PEAP' else 'Tunneled-PAP'}"]
    lines += [f"{prefix}Phase2-Identity={_iwd_value(wifi.identity)}"]
    lines += [f"{prefix}Phase2-Password={_iwd_value(wifi.password)}"]
    if ca:
        lines += ["[@pem@authority]", *_pem_lines(ca)]
    return "\n".join([*lines, ""])


def _iwd_value(text: str) -> str:
    r"""Iwd takes \s \t \n \r and \\ for what they stand for; a space need be written so only at an end."""
    text = text.replace("\\", "\\\\").replace("\t", "\\t")
    stripped = text.strip(" ")
    head = len(text) - len(text.lstrip(" "))
    tail = len(text) - len(text.rstrip(" ")) if stripped else 0
    return "\\s" * head + stripped + "\\s" * tail


def _pem_lines(text: str) -> list[str]:
    """Only what stands between BEGIN and END: iwd takes nothing else."""
    lines, is_inside = [], False
    for line in text.splitlines():
        is_inside = is_inside or line.startswith("-----BEGIN ")
        if is_inside:
            lines.append(line.rstrip())
        is_inside = is_inside and not line.startswith("-----END ")
    return lines


def _network(kind: str, metric: int) -> str:
    """Addresses by DHCP; of two connections the one with the smaller metric is used."""
    head = f"[Match]\nType={kind}\n\n[Network]\nDHCP=yes\n"
    return f"{head}\n[DHCPv4]\nRouteMetric={metric}\n\n[IPv6AcceptRA]\nRouteMetric={metric}\n"
