"""`bedside-hub check`: one screen for an administrator: what is well, what is not, and what to do about it.

Nothing is changed or published by it; the hub goes on undisturbed.
"""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from sqlalchemy import Connection, select
from sqlalchemy import exc as errors

from edge.certificates import days_left
from edge.clock import clock_synced
from edge.errors import BedsideError, ConfigError, StorageError, UnavailableError
from edge.findings import Finding, exit_status, lines, note, red, summary, well
from edge.messages import VERSION
from edge.terminal import never_fail, style_of
from hub import commands, databases, schema
from hub.board import signs_of_life
from hub.broker import new_client
from hub.config import Settings
from hub.rejects import lately
from hub.stream import SILENT_S
from hub.tables import CANARY, Device

LEAST_DAYS = 14
LEAST_FREE_MB = 500
_ANSWER_S = 5.0
_SHOWN = 5  # devices by name; more are counted
_PROCESSES = ("ingest", "engine")


def main(settings: Settings) -> int:
    """Prints every finding as soon as it is made; the exit status of the first red one, else 0."""
    never_fail(sys.stdout)
    style = style_of(sys.stdout)
    findings: list[Finding] = []
    for look in (database, disk, broker, certificates, clock, command_key):
        for finding in look(settings):
            findings.append(finding)
            print(*lines(finding, style), sep="\n", flush=True)
    print(*summary(findings, style), sep="\n", flush=True)
    return exit_status(findings)


def database(settings: Settings, now: Callable[[], float] = time.time) -> list[Finding]:
    """Whether it answers and has our schema; then what stands in it: signs of life, devices."""
    remedy = "see whether data or database.url is right and the disk or server well"
    try:
        place = databases.find(settings)
        if isinstance(place, Path) and not place.exists():
            return [note("database", f"{place} is not there yet: the first start makes it")]
        opened = databases.open_database(place)
        try:
            with opened.reader.begin() as connection:
                if not schema.is_current(connection, opened.name):
                    words = f"{opened.name} has an older schema: the next start of the hub upgrades it"
                    return [note("database", words, remedy="make a backup before that")]
                answers = well("database", opened.name, f"answers, schema {schema.NEWEST}")
                moment = now()
                return [
                    answers,
                    *processes(connection, moment),
                    devices(connection, settings, moment),
                    *set_aside(connection, moment),
                ]
        finally:
            opened.writer.dispose()
    except errors.DBAPIError as error:
        why = " ".join(str(error.orig).split())
        return [red("database", StorageError(f"it cannot be used: {why}"), remedy)]
    except BedsideError as error:
        return [red("database", error, remedy)]


def processes(connection: Connection, now: float) -> list[Finding]:
    """Each process's sign of life."""
    signs = signs_of_life(connection)
    found, words = [], []
    for name in _PROCESSES:
        at, working = signs.get(name, (0.0, False))
        if now - at > SILENT_S:
            since = f"for {now - at:.0f} s" if at else "ever"
            error = UnavailableError(f"{name} has given no sign of life {since}")
            found.append(red("processes", error, "start the hub; its log says why it has stopped"))
        elif not working:
            error = UnavailableError(f"{name} lives and cannot work")
            found.append(red("processes", error, "see the broker below"))
        else:
            words.append(f"{name} {max(0.0, now - at):.0f} s ago")
    return found or [well("processes", f"signs of life: {', '.join(words)}")]


def devices(connection: Connection, settings: Settings, now: float) -> Finding:
    """Which have not been heard."""
    query = select(Device.ward, Device.name, Device.bed, Device.heard_at).where(Device.ward != CANARY)
    rows = connection.execute(query.order_by(Device.ward, Device.name)).all()
    lost = [row for row in rows if now - row.heard_at > settings.faults.stale_s]
    if not rows:
        return note("devices", "none has ever been heard", remedy="run bedside-edge check on one of them")
    if not lost:
        return well("devices", f"all {len(rows)} heard")
    named = [
        f"{one.ward}/{one.name} ({one.bed}): not for {_ago(now - one.heard_at)}" for one in lost[:_SHOWN]
    ]
    more = [f"and {len(lost) - _SHOWN} more"] if len(lost) > _SHOWN else []
    words = f"{len(lost)} of {len(rows)} not heard"
    return note("devices", words, *named, *more, remedy="see whether they have power and network")


def set_aside(connection: Connection, now: float) -> list[Finding]:
    """Whether messages broke the wire contract lately."""
    count = lately(connection, now)
    if not count:
        return []
    words = f"{count} messages within a day broke the wire contract and are not used"
    return [note("messages", words, remedy="an admin sees them at /rejects on the board")]


def disk(settings: Settings) -> list[Finding]:
    """Room for the embedded database."""
    if settings.database.url is not None:
        return []
    folder = Path(settings.data).absolute()
    try:
        there = next(one for one in (folder, *folder.parents) if one.exists())
        free_mb = shutil.disk_usage(there).free / 1e6
    except OSError as error:
        words = f"{folder} cannot be looked at: {error.strerror}"
        return [red("disk", StorageError(words), "run this as root")]
    if free_mb < LEAST_FREE_MB:
        little = StorageError(f"only {free_mb:.0f} MB free in {folder}")
        return [red("disk", little, f"free some, at least {LEAST_FREE_MB} MB")]
    return [well("disk", f"{free_mb:.0f} MB free in {folder}")]


def broker(settings: Settings) -> list[Finding]:
    """A connection beside ingest's, and whether it may subscribe to what devices say."""
    where = f"{settings.broker.host}:{settings.broker.port}"
    told: list[str] = []
    done = threading.Event()

    def connected(client: mqtt.Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            told.append(f"refuses us: {code}; check broker.username, its password file and the certificates")
            done.set()
        else:
            client.subscribe(f"ser/v{VERSION}/{settings.site}/+/+/+", qos=1)

    def subscribed(_client: Any, _data: Any, _mid: int, codes: list[Any], _properties: Any) -> None:
        if codes[0].is_failure:
            told.append(f"lets us hear no device: {codes[0]}; check its access list")
        done.set()

    try:
        client = new_client(settings.broker, f"bedside-hub-{settings.site}-check")
        client.on_connect, client.on_subscribe = connected, subscribed
        client.connect(settings.broker.host, settings.broker.port)
    except BedsideError as error:
        return [red("broker", error, "")]
    except (OSError, ValueError) as error:
        remedy = "see whether it runs and broker.host and broker.port are right"
        return [red("broker", UnavailableError(f"{where} cannot be reached: {error}"), remedy)]
    client.loop_start()
    answered = done.wait(_ANSWER_S)
    client.disconnect()
    client.loop_stop()
    if told or not answered:
        words = told[0] if told else f"has not answered for {_ANSWER_S:g} s; see whether it is overloaded"
        return [red("broker", UnavailableError(f"{where} {words}"), "")]
    line = "without TLS" if settings.broker.tls is None else "TLS"
    return [well("broker", f"{where}, {line}, lets us hear the devices of {settings.site}")]


def certificates(settings: Settings) -> list[Finding]:
    """How long ours and the authority's hold."""
    tls = settings.broker.tls
    if tls is None:
        remedy = "for a ward start from deploy/mosquitto/bedside.conf"
        return [note("certificates", "none: the line to the broker is not encrypted", remedy=remedy)]
    found, words = [], []
    for whose, file in (("authority", tls.ca), ("own", tls.certificate)):
        if file is None:
            continue
        try:
            days = days_left(file)
        except ConfigError as error:
            found.append(red("certificates", error, "put the right file in place"))
            continue
        words.append(f"{whose} {days:.0f}")
        if days < LEAST_DAYS:
            short = UnavailableError(f"{whose}, {file}, has {days:.0f} days left")
            found.append(red("certificates", short, "renew it, put it in place and restart the hub"))
    return found or [well("certificates", f"days left: {', '.join(words)}")]


def clock(_settings: Settings) -> list[Finding]:
    """Whether alerts carry the right time."""
    if clock_synced():
        return [well("clock", "synchronised")]
    words = "not synchronised: times on the board may be wrong"
    return [note("clock", words, remedy="see timedatectl; a time server must be in reach")]


def command_key(settings: Settings) -> list[Finding]:
    """Whether devices can be muted from here."""
    if settings.commands.master_key_file is None:
        return [note("commands", "no commands.master_key_file: devices cannot be muted from here")]
    try:
        commands.master_key(settings)
    except BedsideError as error:
        return [red("commands", error, "openssl rand -hex 32 makes one")]
    return [well("commands", "the master key can be read")]


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
