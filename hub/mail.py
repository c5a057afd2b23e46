"""Sending a message by mail, through a server that accepts mail from us (`[[mail]]`)."""

from __future__ import annotations

import asyncio
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from typing import Self

from edge.errors import ConfigError
from hub import outbound
from hub.outbound import Message, Outcome
from hub.recipients import Mail

STEP_S = 5.0  # for each step of the conversation
DEADLINE_S = 20.0  # for all of it; hub.deliveries.LEASE_S is longer


class Mailer:
    """One `[[mail]]`; a connection for each message. Raises ConfigError where its files cannot be used."""

    def __init__(self, mail: Mail, site: str, board: str | None) -> None:
        self.recipient = mail.recipient
        self._mail, self._site, self._board = mail, site, board
        self._password = mail.password()
        try:
            self._tls = ssl.create_default_context(cafile=mail.ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"mail.ca of {mail.name!r} is {mail.ca!r}, which cannot be used: {error}"
            ) from error

    async def __aenter__(self) -> Self:
        """Nothing to open."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Nothing to close."""

    async def send(self, message: Message) -> Outcome:
        """One attempt; never raises for what the server does."""
        host = self._mail.host
        try:
            async with asyncio.timeout(DEADLINE_S):  # the thread itself ends with its next step
                refused = await asyncio.to_thread(self._send, self.letter(message))
        except TimeoutError:
            return Outcome(f"{host} gave no answer within {DEADLINE_S:g} s", in_doubt=True)
        except UnicodeError:
            # Of a login, which smtplib sends in ASCII, or of a host's name; the text may hold the password.
            return Outcome(
                f"{host} cannot be spoken with: its name, the username or the password is not ASCII"
            )
        except (ssl.SSLError, smtplib.SMTPException, OSError) as error:
            in_doubt = isinstance(error, smtplib.SMTPServerDisconnected)  # perhaps after it took the mail
            return Outcome(f"{host} did not take the mail: {_why(error)}", in_doubt=in_doubt)
        return Outcome(note=f"{host} refused {', '.join(refused)}" if refused else "")

    def letter(self, message: Message) -> EmailMessage:
        """The mail; its Message-ID is the message's key, so that a repeat is known."""
        letter = EmailMessage()
        letter["From"], letter["To"] = self._mail.sender, ", ".join(self._mail.to)
        letter["Subject"] = outbound.title(message)
        letter["Date"] = format_datetime(localtime())
        letter["Message-ID"] = f"<{message.key}@{self._mail.sender.partition('@')[2]}>"
        letter["Auto-Submitted"] = "auto-generated"
        link = [] if self._board is None else ["", self._board]
        letter.set_content("\n".join([outbound.text(message, self._site), *link]) + "\n")
        return letter

    def _send(self, letter: EmailMessage) -> list[str]:
        """Who was refused while others were not."""
        mail = self._mail
        if mail.tls == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=STEP_S, context=self._tls)
        else:
            server = smtplib.SMTP(mail.host, mail.port, timeout=STEP_S)
        with server:
            if mail.tls == "starttls":
                server.starttls(context=self._tls)
            if mail.username is not None and self._password is not None:
                server.login(mail.username, self._password)
            return list(server.send_message(letter))


def _why(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        words = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
        return " ".join(f"{error.smtp_code} {words}".split())[:200]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"it refused {', '.join(error.recipients)}"
    return " ".join(str(error).split())[:200] or type(error).__name__
