"""Write the JSON Schemas and the AsyncAPI file from edge.messages: `python -m edge.schemas`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from edge.fields import schema
from edge.messages import MESSAGES, VERSION

_SENT_BY_HUB = ("receipt", "command", "hub-state")


def documents() -> dict[str, str]:
    """File name to text, for every published file."""
    texts = {f"{kind}.json": _text(_schema(kind)) for kind in MESSAGES}
    return texts | {"asyncapi.json": _text(_asyncapi())}


def _schema(kind: str) -> dict[str, Any]:
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": kind,
        **schema(MESSAGES[kind]),
    }


def _asyncapi() -> dict[str, Any]:
    channels, operations, messages = {}, {}, {}
    for kind, cls in MESSAGES.items():
        address = f"ser/v{VERSION}/{{site}}/{{ward}}/{{device}}/{kind}"
        if kind == "hub-state":
            address = f"ser/v{VERSION}/{{site}}/hub/state"
        names = [name for name in ("site", "ward", "device") if f"{{{name}}}" in address]
        channels[kind] = {
            "address": address,
            "parameters": {name: {} for name in names},
            "messages": {kind: {"$ref": f"#/components/messages/{kind}"}},
        }
        operations[kind] = {
            "action": "receive" if kind in _SENT_BY_HUB else "send",
            "channel": {"$ref": f"#/channels/{kind}"},
        }
        messages[kind] = {
            "summary": (cls.__doc__ or "").split("\n")[0],
            "contentType": "application/json",
            "payload": {"$ref": f"./{kind}.json"},
        }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "bedside-ser",
            "version": f"{VERSION}.0.0",
            "description": "What a bedside device sends (send) and what it receives from the hub (receive),"
            " MQTT 5.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages},
    }


def _text(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, text in documents().items():
        Path(__file__).with_name(name).write_text(text, encoding="utf-8")
