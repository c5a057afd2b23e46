"""The topics of MQTT: where each device and the hub say what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from edge.errors import MessageError
from edge.fields import checked
from edge.messages import MESSAGES, VERSION

_NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}"


def name_field() -> Any:
    """A field for a site, ward or device: one level of a topic."""
    return checked(pattern=_NAME, allowed="1 to 40 letters, digits, . _ - (no slash, space, + or #)")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a device stands in the tree of topics."""

    site: str = name_field()
    ward: str = name_field()
    device: str = name_field()

    @property
    def name(self) -> str:
        """Such as `clinic/3b/bed-12`: its certificate's common name, and so its name at the broker."""
        return f"{self.site}/{self.ward}/{self.device}"

    def topic(self, kind: str) -> str:
        """The topic for messages of this kind, such as `ser/v1/clinic/3b/bed-12/episode`."""
        return f"ser/v{VERSION}/{self.name}/{kind}"


def hub_topic(site: str) -> str:
    """The topic of the hub's own retained state."""
    return f"ser/v{VERSION}/{site}/hub/state"


def parse_topic(topic: str) -> tuple[Address, str]:
    """The device and kind of a device topic; raises MessageError for any other topic."""
    match = re.fullmatch(rf"ser/v{VERSION}/({_NAME})/({_NAME})/({_NAME})/({'|'.join(MESSAGES)})", topic)
    if match is None:
        form = f"ser/v{VERSION}/SITE/WARD/DEVICE/KIND"
        raise MessageError(f"topic {topic[:120]!r} is no device topic; it must be {form}")
    return Address(*match.groups()[:3]), match.group(4)
