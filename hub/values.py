"""Values as they come over HTTP, within what every database takes; all else is refused with status 422."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

Id = Annotated[int, Field(ge=1, lt=2**53)]
"""A row's number: of an alert, a bed's device, a person, a tablet."""
Text = Annotated[str, StringConstraints(pattern=r"\A[^\x00]*\z")]
"""What is kept or looked up, without NUL; lengths and so on are added where it is used.

A constraint, no function: what is added after a function measures a text that has its spaces still.
"""

Name = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=60)]
"""A person's."""

Label = Annotated[Text, StringConstraints(strip_whitespace=True, min_length=1, max_length=40)]
"""A ward's or a tablet's name."""
