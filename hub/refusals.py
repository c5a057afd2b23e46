"""What the hub refuses, and how it says so: a code with the values of its sentence, for every language.

The English sentences are here; the pages have all six languages as `refused_CODE` in hub/static/lang.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP status and an English sentence; what is in braces are the values."""

    status: int
    sentence: str


REFUSALS = {
    # the board
    "no_alert": Refusal(409, "there is no such alert"),
    "taken": Refusal(409, "{name} has already accepted this alert"),
    "closed": Refusal(409, "{name} has already closed this alert: {outcome}"),
    "merged": Refusal(409, "this alert has become part of another one of the same bed"),
    "resolved": Refusal(409, "this technical alert is over: its cause has gone"),
    "silent": Refusal(409, "this alert makes no sound that could be paused"),
    "not_accepted": Refusal(409, "nobody has accepted this alert yet; accept it first"),
    "no_bed": Refusal(409, "there is no such bed"),
    "not_muted": Refusal(409, "this bed is not muted"),
    "mute_minutes": Refusal(409, "{minutes} minutes are not to be had; a bed is muted for one of {choices}"),
    "mute_longest": Refusal(403, "a {role} mutes a bed for at most {minutes} minutes"),
    "nobody": Refusal(422, "say who you are"),
    "other_name": Refusal(403, "you are logged in as {name} and can answer in no other name"),
    # every page
    "foreign": Refusal(403, "this action must come from the board itself"),
    "login": Refusal(401, "log in first"),
    "database": Refusal(503, "the hub cannot use its database now; look whether this was recorded"),
    "invalid": Refusal(422, "the hub does not understand this; load the page anew and try again"),
    # accounts
    "no_accounts": Refusal(404, "this hub has no accounts"),
    "wrong_login": Refusal(401, "the name or the password is wrong"),
    "locked": Refusal(429, "too many wrong passwords; try again in {minutes} min"),
    "busy": Refusal(503, "too many people log in at this moment; try again"),
    "account_changed": Refusal(409, "this account has just been changed; log in again"),
    "code": Refusal(409, "this code is wrong, was used already or is too old; ask for a new one"),
    "password_length": Refusal(
        422, "the password must have {least} to {most} characters; a few words do well"
    ),
    "password_guessed": Refusal(422, "this password is guessed at once; choose a few words of your own"),
    "lead_only": Refusal(403, "only a lead or an admin may do this"),
    "admin_only": Refusal(403, "only an admin may do this"),
    "invite_role": Refusal(403, "a {role} cannot invite a {invited}"),
    "invite_wards": Refusal(403, "you can invite only to your own wards: {wards}"),
    "has_account": Refusal(409, "{name} has an account; only an admin can give a new password"),
    "no_person": Refusal(409, "there is no such person"),
    "disabled": Refusal(409, "{name} is disabled"),
    "not_disabled": Refusal(409, "{name} is not disabled"),
    "only_admin": Refusal(409, "{name} is the only admin; make another one first"),
    "reserved_name": Refusal(422, "this name would be taken for a tablet; choose another"),
    "wrong_password": Refusal(403, "the password is wrong"),
    # PINs and wards' tablets
    "pin_digits": Refusal(422, "a PIN has 4 to 8 digits"),
    "pin_guessed": Refusal(
        422, "this PIN is guessed at once; take no sequence, no repetition, no date and no year"
    ),
    "wrong_pin": Refusal(403, "the PIN is wrong"),
    "pin_needed": Refusal(403, "give your name and PIN"),
    "pin_locked": Refusal(429, "too many wrong PINs; try again in {minutes} min"),
    "on_tablet": Refusal(403, "this is a ward's tablet; log in on a device of your own"),
    "tablet_name": Refusal(409, "there is a tablet {name} already; choose another name"),
    "tablet_ward": Refusal(403, "you can enrol a tablet only for your own wards: {wards}"),
    "no_tablet": Refusal(409, "there is no such tablet"),
    # patients
    "no_patient": Refusal(409, "nobody is entered for this bed"),
    "forget_failed": Refusal(503, "the device has not forgotten the last voice: {why}"),
    "patients_only": Refusal(403, "only nurses and leads of the ward see and enter patients"),
}


class RefusalError(Exception):
    """Something is refused: a code of REFUSALS with the values of its sentence.

    The application answers with its status; `retry_s` is for how long there is no use in trying again.
    """

    def __init__(self, code: str, *, retry_s: float | None = None, **values: str | int) -> None:
        self.code = code
        self.values = values
        self.retry_s = retry_s
        super().__init__(REFUSALS[code].sentence.format(**values))

    @property
    def status(self) -> int:
        """Of the HTTP answer."""
        return REFUSALS[self.code].status

    def answer(self) -> dict[str, object]:
        """The body of the HTTP answer: the sentence, and what another language is put together from."""
        return {"detail": str(self), "code": self.code, "values": self.values}
