"""What `bedside-edge check` looks at: the broker, the hub behind it, and everybody's certificates.

Nothing is published: whatever a device may write, the hub takes for the device's own.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time

from edge import tls
from edge.certificates import Validity, common_name, parse, validity
from edge.config import Broker, Config
from edge.connection import Connection
from edge.errors import ConfigError, UnavailableError
from edge.findings import Finding, note, red, well
from edge.messages import HubState

LEAST_DAYS = 14
_DAY_S = 86400.0
_STATE_S = 1.0  # what is retained follows at once
_HANDSHAKE_S = 3.0
_RENEW = "renew it with the ward's authority, put it in place and restart the service"


def broker(config: Config) -> list[Finding]:
    """A connection beside the daemon's, and what the broker keeps of the hub."""
    told: list[HubState] = []
    # A name of its own: the daemon's would push the daemon out.
    connection = Connection(config.broker, config.address, name="check", on_hub=told.append)
    try:
        connection.open()
        trip_s = connection.ask_hub()
        until = time.monotonic() + _STATE_S
        while not told and connection.denied is None and time.monotonic() < until:
            connection.loop()
        line = connection.tls_version or "without TLS"
    except UnavailableError as error:
        return [
            red("broker", error, "see whether it runs and the network is up"),
            note("hub", "not known without the broker"),
        ]
    finally:
        connection.close()
    if connection.denied is not None:
        return [red("broker", UnavailableError(connection.denied), ""), note("hub", "not known")]
    where = f"{config.broker.host}:{config.broker.effective_port}"
    found = f"{where}, {line}, answers in {1000 * trip_s:.1f} ms"
    return [well("broker", found, f"takes us as {_who(config)}"), _hub(config, told)]


def _who(config: Config) -> str:
    name = config.broker.username
    if not name and config.broker.cert_file:
        with contextlib.suppress(ConfigError):
            name = common_name(config.broker.cert_file) or ""
    return name or "anybody: no certificate and no user name"


def _hub(config: Config, told: list[HubState]) -> Finding:
    if not told:
        error = UnavailableError(
            f"no hub has ever told this broker that it listens to the site {config.site!r}; check site,"
            " and see whether the hub's ingest runs and is connected to this broker"
        )
        return red("hub", error, "")
    state = told[-1]
    if state.status != "online":
        remedy = "see whether its ingest runs: nobody hears of an alert until then"
        return red("hub", UnavailableError(f"{state.status} since {state.time}"), remedy)
    return well("hub", f"online since {state.time}, version {state.software}")


def certificates(config: Config) -> list[Finding]:
    """How long they hold, and whether our own names this device."""
    settings, now = config.broker, time.time()
    if not settings.ca_file:
        return [
            note(
                "certificates",
                "none: the line to the broker is neither encrypted nor verified",
                remedy="for a ward name [broker] ca_file, cert_file and key_file",
            )
        ]
    findings: list[Finding] = []
    days: list[str] = []
    for whose, file in (("own", settings.cert_file), ("authority", settings.ca_file)):
        if not file:
            continue
        try:
            held = validity(file)
        except ConfigError as error:
            findings.append(red("certificates", error, _RENEW))
            continue
        findings += _judge(f"{whose}, {file},", held, now)
        days.append(f"{whose} {_days(held, now):.0f}")
    presented = _presented(settings)
    if presented is not None:
        findings += _judge("broker's", presented, now)
    days.append("broker " + ("not known" if presented is None else f"{_days(presented, now):.0f}"))
    findings += _name(config)
    return findings or [well("certificates", f"days left: {', '.join(days)}")]


def _judge(what: str, held: Validity, now: float) -> list[Finding]:
    left = _days(held, now)
    clock = f"this box's clock says {time.strftime('%Y-%m-%d')}"
    if held.begin_s > now:
        words = f"{what} is not valid yet; see whether the time is right ({clock})"
    elif left < 0:
        words = f"{what} expired on {_date(held.end_s)}; {_RENEW} ({clock})"
    elif left < LEAST_DAYS:
        words = f"{what} expires on {_date(held.end_s)}; {_RENEW}"
    else:
        return []
    return [red("certificates", UnavailableError(words), _RENEW)]


def _name(config: Config) -> list[Finding]:
    """Whether our own certificate is this device's: the ward's access list goes by the name in it."""
    settings, address = config.broker, config.address
    if settings.username or not settings.cert_file:
        return []
    with contextlib.suppress(ConfigError):
        name, wanted = common_name(settings.cert_file), address.name
        if name != wanted:
            error = ConfigError(
                f"own is for {name}, the settings are those of {wanted}; put the right certificate in"
                " place or correct site, ward and device: the ward's broker lets each write its own only"
            )
            return [red("certificates", error, _RENEW)]
    return []


def _days(held: Validity, now: float) -> float:
    return (held.end_s - now) / _DAY_S


def _date(when_s: float) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(when_s))


def _presented(settings: Broker) -> Validity | None:
    """When the broker's certificate holds, also one that cannot be trusted; None where it shows none."""
    try:
        context = tls.context(settings)
        context.sslsocket_class = ssl.SSLSocket
        context.check_hostname = False  # only its dates are read, and nothing is sent
        context.verify_mode = ssl.CERT_NONE
        place = (settings.host, settings.effective_port)
        with (
            socket.create_connection(place, _HANDSHAKE_S) as line,
            context.wrap_socket(line, server_hostname=settings.host) as secured,
        ):
            return parse(secured.getpeercert(binary_form=True) or b"")
    except (OSError, ValueError, UnavailableError):
        return None
