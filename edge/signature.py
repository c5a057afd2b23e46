"""Who made a model file: an Ed25519 signature (RFC 8032) that the device checks with a public key.

What is signed are the bytes of manifest.json. They hold the sha256 of the flatbuffer and the labels, which
every reader compares, so nothing in the file can be changed without it. The signature is a member of the
ZIP, signature.ed25519, of 64 bytes; OpenSSL makes the keys and can check by hand:

    openssl genpkey -algorithm ed25519 -out model-key.pem
    openssl pkey -in model-key.pem -pubout -out model-key.pub
    unzip -o my.tflite manifest.json signature.ed25519
    openssl pkeyutl -verify -pubin -inkey model-key.pub -rawin -in manifest.json -sigfile signature.ed25519

PyNaCl is imported only where there is a key: on x86-64 20 to 50 ms and 1.5 MB of resident memory, where
`cryptography` takes 80 to 100 ms and 11 MB.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path
from typing import Any

from edge.errors import ConfigError, ModelError
from edge.model_file import MANIFEST, SIGNATURE, Parts, join, split

_SIZE = 32  # of a key, bytes
# How DER begins for an Ed25519 key: RFC 8410, sections 4 (public) and 7 (private).
_PUBLIC = bytes.fromhex("302a300506032b6570032100")
_PRIVATE = bytes.fromhex("302e020100300506032b657004220420")
_MAKE = "make one with `openssl genpkey -algorithm ed25519`"


def sign(data: bytes, private_key_pem: bytes) -> bytes:
    """The model file `data`, signed; the same file and key give the same bytes.

    An old signature is replaced. Raises ModelError where `data` is no model file, and ConfigError where the
    key is no Ed25519 key in PEM form (PKCS #8) without a password.
    """
    key = _private_key(private_key_pem, "the private key")
    parts = split(data, "the file to be signed")
    signed = _nacl().SigningKey(key).sign(parts.members[MANIFEST])
    return join(Parts(parts.flatbuffer, {**parts.members, SIGNATURE: signed.signature}))


def check_private_key(private_key_pem: bytes, name: str) -> None:
    """Raises ConfigError where `sign` would not take the key in the file `name`."""
    _private_key(private_key_pem, name)
    _nacl()


def verify(data: bytes, public_keys_pem: bytes, name: str, setting: str = "model.public_key_file") -> None:
    """Raises ModelError unless the model file `name` is signed by one of the keys; ConfigError without any.

    `data` is all of the file. More than one key, one PEM block after the other, is for the time in which
    an old one is replaced. `setting` is what the person who reads the error calls the file of the keys.
    """
    keys = _keys(public_keys_pem, "PUBLIC KEY", _PUBLIC)
    if not keys:
        raise ConfigError(
            f"the file in {setting} holds no Ed25519 public key in PEM form;"
            " `openssl pkey -in KEY -pubout` prints it"
        )
    members = split(data, name).members
    signature = members.get(SIGNATURE)
    if signature is None:
        raise ModelError(
            f"{name} is not signed, and with {setting} only signed models are taken; sign it with"
            f" `bedside-quantize --sign KEY`, or leave {setting} out"
        )
    if not any(_is_by(key, members[MANIFEST], signature) for key in keys):
        raise ModelError(
            f"the signature of {name} is not by the key in {setting}; copy the file again from"
            " where models for this device are made"
        )


def read_keys(path: Path, setting: str = "model.public_key_file") -> bytes:
    """The public keys in a file. Raises ConfigError where it cannot be read; `setting` is as for `verify`."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{setting} is {str(path)!r}; it must be a readable file ({error.strerror})"
        ) from error


def _private_key(pem: bytes, name: str) -> bytes:
    """The 32 bytes of the one key in a PEM file. Raises ConfigError."""
    keys = _keys(pem, "PRIVATE KEY", _PRIVATE)
    if len(keys) != 1:
        raise ConfigError(f"{name} is no Ed25519 key in PEM form without a password; {_MAKE}")
    return keys[0]


def _is_by(key: bytes, message: bytes, signature: bytes) -> bool:
    signing = _nacl()
    from nacl.exceptions import CryptoError  # noqa: PLC0415 - as below

    try:
        signing.VerifyKey(key).verify(message, signature)
    except (CryptoError, ValueError):  # ValueError: it has not 64 bytes
        return False
    return True


def _keys(pem: bytes, kind: str, begin: bytes) -> list[bytes]:
    """The keys of that kind in a PEM file, 32 bytes each."""
    blocks = re.findall(rf"-----BEGIN {kind}-----([^-]*)-----END {kind}-----".encode(), pem)
    found = []
    for block in blocks:
        try:
            der = base64.b64decode(b"".join(block.split()), validate=True)
        except binascii.Error:
            continue
        if der.startswith(begin) and len(der) == len(begin) + _SIZE:
            found.append(der[len(begin) :])
    return found


def _nacl() -> Any:
    try:
        from nacl import signing  # noqa: PLC0415 - its memory is spent only where there is a key
    except ModuleNotFoundError as error:
        raise ConfigError(
            "signatures of models need PyNaCl, which is not installed; pip install PyNaCl"
        ) from error
    return signing
