"""What comes over HTTP as a text: measured without the spaces around it, and never with a NUL."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import StringConstraints, TypeAdapter, ValidationError

from hub.values import Label, Name, Text

REASON = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]


@pytest.mark.parametrize("kind", [Name, Label, REASON], ids=["name", "label", "reason"])
def test_a_text_of_spaces_is_none(kind: object) -> None:
    read = TypeAdapter(kind).validate_python
    assert read("  Amara\nDiallo  ") == "Amara\nDiallo"
    for wrong in ("", "  ", "a\0b", "\0", "x" * 99):
        with pytest.raises(ValidationError):
            read(wrong)
