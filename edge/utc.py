"""Times as text, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(seconds: float) -> str:
    """RFC 3339 in UTC with milliseconds, from seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def utc_seconds(text: str) -> float:
    """Seconds since 1970 from the text `utc_text` makes."""
    return datetime.fromisoformat(text).timestamp()
