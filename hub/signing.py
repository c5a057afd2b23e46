"""In whose name an action is done: whoever is logged in, or on a ward's tablet whoever gives a PIN."""

from __future__ import annotations

from typing import Annotated

from fastapi import Request
from pydantic import BaseModel, ConfigDict, StringConstraints

from hub import pins, tablets
from hub.accounts import TABLET, AccountError, Session, login_name
from hub.audit import Actor
from hub.proofs import Proofs
from hub.refusals import RefusalError
from hub.values import Id, Name

Pin = Annotated[str, StringConstraints(pattern=f"^{pins.PATTERN}$")]


class Named(BaseModel):
    """Who does it: without accounts a name, on a tablet a person's number and PIN, otherwise nothing."""

    model_config = ConfigDict(extra="forbid")
    person: Name | None = None
    by: Id | None = None
    pin: Pin | None = None  # none while the one given a moment ago still serves


def actor(request: Request, body: Named, proofs: Proofs, *, nameless: bool = False) -> Actor:
    """Who acts. Raises RefusalError; nobody who has logged in answers in another's name.

    With `nameless` a tablet may also act for somebody who gives no name: nothing must keep a nurse from
    accepting an alert.
    """
    session: Session | None = request.state.session
    if session is None:
        if body.person is None:
            raise RefusalError("nobody")
        return Actor(body.person)
    if body.person is not None and login_name(body.person) != login_name(session.name):
        raise RefusalError("other_name", name=session.name)
    if session.role != TABLET:
        return Actor(session.name, session.role)
    if body.by is not None:
        known = proofs.pin(session, body.by, body.pin)
        return Actor(known.name, known.role, session.name)
    if not nameless:
        raise AccountError("pin_needed")
    return Actor(tablets.UNIDENTIFIED.format(name=session.name), TABLET, session.name)
