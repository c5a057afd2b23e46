"""Posting a message to a web address: signed, with a key that tells a repeat from news, within a deadline."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import logging
import ssl
from collections.abc import Callable
from typing import Self

import httpx

from edge.errors import ConfigError
from hub import outbound
from hub.delivery import CALL
from hub.outbound import Message, Outcome
from hub.recipients import Push

CONNECT_S = 5.0
DEADLINE_S = 15.0  # for all of an attempt; hub.deliveries.LEASE_S is longer
_OK = range(200, 300)
_MOVED = range(300, 400)

logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log the address, which may be a secret


class Webhook:
    """One address; to be used within `async with`. Raises ConfigError where its files cannot be used."""

    def __init__(self, push: Push, site: str, board: str | None, clock: Callable[[], float]) -> None:
        self.recipient = push.recipient
        self._push, self._site, self._board, self._clock = push, site, board, clock
        self._secret, self._token = push.secret(), push.token()
        try:
            tls = ssl.create_default_context(cafile=push.ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(
                f"push.ca of {push.name!r} is {push.ca!r}, which cannot be used: {error}"
            ) from error
        timeout = httpx.Timeout(DEADLINE_S, connect=CONNECT_S)
        self._client = httpx.AsyncClient(verify=tls, timeout=timeout, follow_redirects=False)

    async def __aenter__(self) -> Self:
        """Keeps connections until the end."""
        await self._client.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        """Closes them."""
        await self._client.aclose()

    async def send(self, message: Message) -> Outcome:
        """One attempt; never raises for what the other side does."""
        body, headers = self._content(message)
        headers |= signature(self._secret, message.key, int(self._clock()), body)
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        try:
            async with (
                asyncio.timeout(DEADLINE_S),
                self._client.stream("POST", self._push.url, content=body, headers=headers) as response,
            ):
                return _outcome(response)
        except (TimeoutError, httpx.ReadTimeout, httpx.WriteTimeout):
            return Outcome(f"{self._push.host} gave no answer within {DEADLINE_S:g} s", in_doubt=True)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return Outcome(_unreachable(self._push.host, error))
        except (httpx.InvalidURL, UnicodeError):
            return Outcome(f"{self._push.host} cannot be reached: that is no name of a host")
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            return Outcome(f"{self._push.host} broke off without an answer: {why}", in_doubt=True)

    def _content(self, message: Message) -> tuple[bytes, dict[str, str]]:
        if self._push.format == "json":
            return outbound.body(message, self._site, self._board), {"Content-Type": "application/json"}
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Title": outbound.title(message),
            "Priority": str(outbound.urgency(message.alerts) if message.kind == CALL else 3),
            "Tags": "rotating_light" if message.kind == CALL else "white_check_mark",
        }
        if self._board is not None:
            headers["Click"] = self._board
        return outbound.text(message, self._site).encode(), headers


def signature(secret: bytes | None, key: str, at: int, body: bytes) -> dict[str, str]:
    """The headers by which a receiver knows a repeat and, with a secret, that it comes from this hub.

    They are those of the Standard Webhooks specification, for which there are libraries.
    """
    headers = {"Idempotency-Key": key, "Webhook-Id": key, "Webhook-Timestamp": str(at)}
    if secret is not None:
        signed = hmac.digest(secret, f"{key}.{at}.".encode() + body, hashlib.sha256)
        headers["Webhook-Signature"] = f"v1,{base64.b64encode(signed).decode()}"
    return headers


def _outcome(response: httpx.Response) -> Outcome:
    if response.status_code in _OK:
        return Outcome()
    host = response.request.url.host
    words = f"{host} answered {response.status_code} {response.reason_phrase}".strip()
    if response.status_code in _MOVED:
        return Outcome(f"{words}: it wants to send us elsewhere; put the final address into url")
    wait = response.headers.get("Retry-After", "")
    return Outcome(words, wait_s=float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else 0.0)


def _unreachable(host: str, error: httpx.HTTPError) -> str:
    text = " ".join(str(error).split())
    if "CERTIFICATE_VERIFY_FAILED" in text:
        why = text.partition("certificate verify failed: ")[2].partition(" (_ssl")[0]
        return f"the certificate of {host} cannot be trusted: {why}; name its authority in ca"
    return f"{host} cannot be reached: {text or f'no connection within {CONNECT_S:g} s'}"
