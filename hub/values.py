"""Values as they come over HTTP, within what every database takes; all else is refused with status 422."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text holds the character NUL")
    return text


Id = Annotated[int, Field(ge=1, lt=2**53)]
"""A row's number: of an alert, a bed's device, a person, a tablet."""
Text = Annotated[str, AfterValidator(_without_nul)]
"""What is kept or looked up; lengths and so on are added where it is used."""

Name = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
"""A person's."""

Label = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
"""A ward's or a tablet's name."""
