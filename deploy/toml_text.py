"""TOML as people write it with any editor: read with a word on what is wrong, changed without a rewrite."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection
from typing import Any

from edge.errors import ConfigError

LONGEST = 65536
_LEFT_OUT = "(left out)"
_SMART = "\u201c\u201d\u201e\u201f\u2018\u2019\u201a\u201b\u00ab\u00bb"
_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_STRING = r"""("(?:[^"\\\r\n]|\\.)*"|'[^'\r\n]*')"""


def read(name: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """The text of a TOML file called `name`, and its tables; a byte order mark stays in the text.

    Raises ConfigError: one sentence that never shows a value, because it may be a secret.
    """
    text = _text(name, body)
    if not text.strip("\ufeff \t\r\n\x1a"):
        raise ConfigError(f"{name} is empty; write the settings of this bed into it")
    try:
        return text, _tables(text)
    except RecursionError as error:
        raise ConfigError(f"{name} has brackets in brackets without end; correct it") from error
    except ValueError as error:
        raise ConfigError(f"{name}{_where_and_why(text, str(error))}") from error


def quoted(text: str) -> str:
    """The text as a TOML string: JSON's form is TOML's too, but for one character."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def blanked(text: str, table: str, key: str) -> str | None:
    """The same text with the string `key` in `table` made empty, all else left as it is.

    None where the value stands in no one place of one line, as one in triple quotation marks does.
    """
    before = _tables(text)
    if before.get(table, {}).get(key, "") == "":
        return text
    wanted = {**before, table: {**before[table], key: ""}}
    for match in re.finditer(rf"(?<![\w-])[\"']?{re.escape(key)}[\"']?[ \t]*=[ \t]*{_STRING}", text):
        candidate = text[: match.start(1)] + '""' + text[match.end(1) :]
        try:
            if _tables(candidate) == wanted:  # the same words may stand in a comment or another table
                return candidate
        except ValueError:
            continue
    return None


def shown(text: str, tables: Collection[str], keys: Collection[str]) -> str:
    """A text that may be no TOML, for other people's eyes: only the heads of `tables`, and lines with `keys`.

    Of other lines nothing, for `passphrase` may be misspelt, and of comments nothing.
    """
    return "\n".join(_shown_line(line, tables, keys) for line in text.splitlines())


def _shown_line(line: str, tables: Collection[str], keys: Collection[str]) -> str:
    code, mark, _ = line.partition("#")
    head = re.fullmatch(r"\s*\[\s*([\w-]+)\s*\]\s*", code)
    key = re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", code)
    is_known = (head is not None and head[1] in tables) or (key is not None and key[1] in keys)
    return (code if is_known or not code.strip() else _LEFT_OUT) + (f"# {_LEFT_OUT}" if mark else "")


def _tables(text: str) -> dict[str, Any]:
    return tomllib.loads(text.removeprefix("\ufeff").rstrip("\x1a"))  # what old editors end a file with


def _text(name: str, body: bytes) -> str:
    if len(body) > LONGEST:
        raise ConfigError(
            f"{name} has {len(body)} bytes, settings have at most {LONGEST}; put the right file in its place"
        )
    if body.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in body[:100]:
        raise ConfigError(f"{name} is not plain text in UTF-8; save it again with the encoding UTF-8")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"line {line} of {name} has a letter that is not in UTF-8; save the file again with the"
            " encoding UTF-8"
        ) from error


def _where_and_why(text: str, problem: str) -> str:
    """What follows the file's name. tomllib's own words name a line, a column and at most one character."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    match = _LINE.search(problem)
    number = int(match[1]) if match else len(lines)
    line = lines[number - 1] if number <= len(lines) else ""
    if any(mark in line.split("#")[0] for mark in _SMART):
        return f', line {number}: the quotation marks are typographic ones; write plain ones: "'
    is_value = problem.startswith(("Invalid value", "Expected newline"))
    if is_value and re.search(r"=\s*[^\s\"'\[{#=]", line):  # a number or true would have been understood
        return f', line {number}: text must stand in quotation marks, such as key = "text"'
    return f" is no valid TOML: {problem[0].lower()}{problem[1:]}; correct that line"
