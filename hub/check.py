"""`bedside-hub check`: one screen for an administrator: what is well, what is not, and what to do about it.

Nothing is changed by it and nothing said that anybody hears; the hub goes on undisturbed.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, select
from sqlalchemy import exc as errors

from edge.errors import BedsideError, StorageError, UnavailableError
from edge.findings import Finding, exit_status, lines, note, red, summary, well
from edge.terminal import never_fail, style_of
from hub import check_broker, check_delivery, check_host, databases, schema
from hub.board import signs_of_life
from hub.config import Settings
from hub.freshness import is_fresh
from hub.rejects import lately
from hub.stream import SILENT_S
from hub.tables import CANARY, Device

_SHOWN = 5  # devices by name; more are counted
_RENEWED_DAYS = 30  # as bedside-deploy renew
_PROCESSES = ("ingest", "engine")


def main(settings: Settings) -> int:
    """Prints every finding as soon as it is made; the exit status of the first red one, else 0."""
    never_fail(sys.stdout)
    style = style_of(sys.stdout)
    findings: list[Finding] = []
    for look in LOOKS:
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
                    *processes(connection, settings, moment),
                    devices(connection, settings, moment),
                    *renewals(connection),
                    check_delivery.seen(connection, settings, moment),
                    *check_delivery.outside(connection, settings),
                    *set_aside(connection, moment),
                ]
        finally:
            opened.writer.dispose()
    except errors.DBAPIError as error:
        why = " ".join(str(error.orig).split())
        return [red("database", StorageError(f"it cannot be used: {why}"), remedy)]
    except BedsideError as error:
        return [red("database", error, remedy)]


def processes(connection: Connection, settings: Settings, now: float) -> list[Finding]:
    """Each process's sign of life."""
    signs = signs_of_life(connection)
    found, words = [], []
    for name in (*_PROCESSES, *(("push",) if settings.recipients else ())):
        at, working = signs.get(name, (0.0, False))
        if not is_fresh(at, now, SILENT_S):
            since = "since the clock was set back" if at > now else f"for {now - at:.0f} s" if at else "ever"
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


def renewals(connection: Connection) -> list[Finding]:
    """Whose certificate ends before long; the board says so in the last days (faults.certificate_days)."""
    query = select(Device.ward, Device.name, Device.certificate_days)
    soon = connection.execute(
        query.where(Device.certificate_days < _RENEWED_DAYS).order_by(Device.certificate_days)
    ).all()
    if not soon:
        return []
    named = [f"{one.ward}/{one.name}: {one.certificate_days:.0f} days left" for one in soon[:_SHOWN]]
    more = [f"and {len(soon) - _SHOWN} more"] if len(soon) > _SHOWN else []
    words = f"certificates of {len(soon)} end within {_RENEWED_DAYS} days"
    return [note("devices", words, *named, *more, remedy="bedside-deploy renew, with the ward's authority")]


def set_aside(connection: Connection, now: float) -> list[Finding]:
    """Whether messages broke the wire contract lately."""
    count = lately(connection, now)
    if not count:
        return []
    words = f"{count} messages within a day broke the wire contract and are not used"
    return [note("messages", words, remedy="an admin sees them at /rejects on the board")]


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


LOOKS = (
    database,
    check_host.disk,
    check_broker.broker,
    check_broker.access_list,
    check_broker.certificates,
    check_host.secrets,
    check_host.command_key,
    check_host.units,
    check_host.clock,
)
