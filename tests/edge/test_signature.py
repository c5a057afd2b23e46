"""Signed model files, with keys that OpenSSL made."""

import io
import subprocess
import sys
import zipfile

import pytest

from edge.classifier import Classifier
from edge.errors import ConfigError, ModelError
from edge.model_file import SIGNATURE, Parts, join, read, split, unpack
from edge.signature import sign, verify


def openssl(*arguments):
    return subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def make_key(tmp_path_factory):
    def make(algorithm="ed25519", *options):
        """A private key and its public one, as PEM."""
        private = tmp_path_factory.mktemp("key") / "key.pem"
        openssl("genpkey", "-algorithm", algorithm, *options, "-out", private)
        return private.read_bytes(), openssl("pkey", "-in", private, "-pubout")

    return make


def unpack_verified(data, public):
    verify(data, public, "m")
    return unpack(data, "m")


@pytest.fixture(scope="module")
def key(make_key):
    return make_key()


@pytest.fixture(scope="module")
def signed(model, key):
    return sign(model.read_bytes(), key[0])


def test_a_signed_model_is_taken_and_still_runs(signed, key, model):
    verify(signed, key[1], "m")
    read_again = unpack(signed, "m")
    assert len(read_again.signature) == 64
    assert read_again.manifest == read(model).manifest
    assert read_again.flatbuffer == read(model).flatbuffer
    assert Classifier(read_again).labels == read_again.manifest.training.labels
    with zipfile.ZipFile(io.BytesIO(signed)) as members:
        assert members.namelist() == ["labels.txt", "manifest.json", "signature.ed25519"]


def test_the_same_key_gives_the_same_bytes_and_another_takes_its_place(signed, key, make_key, model):
    assert sign(model.read_bytes(), key[0]) == signed
    assert sign(signed, key[0]) == signed
    other = make_key()
    again = sign(signed, other[0])
    verify(again, other[1], "m")
    with pytest.raises(ModelError, match="signature of m is not by the key"):
        verify(again, key[1], "m")


def test_openssl_agrees(signed, key, tmp_path):
    with zipfile.ZipFile(io.BytesIO(signed)) as members:
        members.extractall(tmp_path)
    (tmp_path / "key.pub").write_bytes(key[1])
    said = openssl(
        *("pkeyutl", "-verify", "-pubin", "-inkey", tmp_path / "key.pub", "-rawin"),
        *("-in", tmp_path / "manifest.json", "-sigfile", tmp_path / "signature.ed25519"),
    )
    assert b"Verified Successfully" in said


def test_one_of_several_keys_is_enough(signed, key, make_key):
    verify(signed, make_key()[1] + b"\nthe new one:\n" + key[1], "m")


def test_a_model_that_is_not_signed_or_not_by_us_is_refused(signed, key, make_key, model):
    with pytest.raises(ModelError, match=r"m is not signed, .*bedside-quantize --sign KEY"):
        verify(model.read_bytes(), key[1], "m")
    with pytest.raises(ModelError, match="not by the key"):
        verify(signed, make_key()[1], "m")


@pytest.mark.parametrize("signature", [b"", b"short", bytes(64)])
def test_a_signature_that_is_none_is_refused(signed, key, signature):
    parts = split(signed, "m")
    with pytest.raises(ModelError, match="not by the key"):
        verify(join(Parts(parts.flatbuffer, {**parts.members, SIGNATURE: signature})), key[1], "m")


def test_nothing_in_a_signed_file_can_be_changed(signed, key):
    """Whichever part is another, either the signature or the reader says so."""
    parts = split(signed, "m")
    changed = [
        Parts(parts.flatbuffer[:-1] + b"\1", parts.members),
        Parts(parts.flatbuffer + b"\0", parts.members),
        *(
            Parts(parts.flatbuffer, {**parts.members, name: content})
            for name, content in (
                ("labels.txt", parts.members["labels.txt"].replace(b"fearful", b"fearless")),
                ("manifest.json", parts.members["manifest.json"].replace(b"fearful", b"fearless")),
                ("manifest.json", parts.members["manifest.json"] + b" "),
            )
        ),
    ]
    for other in changed:
        data = join(other)
        assert data != signed
        with pytest.raises(ModelError, match=r"not by the key|damaged|disagree"):
            unpack_verified(data, key[1])


def test_keys_that_are_none(make_key, key, model, signed):
    rsa = make_key("rsa", "-pkeyopt", "rsa_keygen_bits:2048")
    for wrong in (b"", b"text", rsa[0], key[1], key[0] + key[0], make_key("x25519")[0]):
        with pytest.raises(ConfigError, match="no Ed25519 key in PEM form without a password"):
            sign(model.read_bytes(), wrong)
    damaged = key[1].replace(b"\n", b"\n!", 1)
    for wrong in (b"", rsa[1], key[0], damaged):
        with pytest.raises(ConfigError, match="holds no Ed25519 public key"):
            verify(signed, wrong, "m")
    with pytest.raises(ModelError, match="no TFLite model"):
        sign(b"text that is no model", key[0])


def test_the_command_checks_by_a_key(edge, signed, key, make_key, model, tmp_path):
    file, ours, other = tmp_path / "m.tflite", tmp_path / "ours.pub", tmp_path / "other.pub"
    file.write_bytes(signed)
    ours.write_bytes(key[1])
    other.write_bytes(make_key()[1])
    status, out, _ = edge("model", file)
    assert (status, out.splitlines()[-1].split(maxsplit=1)[1]) == (
        0,
        "Ed25519, not checked here: --public-key PEM checks it",
    )
    status, out, _ = edge("model", file, "--public-key", ours)
    assert (status, out.splitlines()[-1].split(maxsplit=1)[1]) == (0, f"Ed25519, by the key in {ours}")
    for given, public, expected, words in (
        (file, other, 65, f"the signature of {file} is not by the key in --public-key; copy the file again"),
        (model, ours, 65, "is not signed, and with --public-key only signed models are taken; sign it with"),
        (file, file, 78, "the file in --public-key holds no Ed25519 public key in PEM form"),
        (file, tmp_path / "none", 78, "it must be a readable file (No such file or directory)"),
    ):
        status, out, err = edge("model", given, "--public-key", public)
        assert (status, out, words in err) == (expected, "", True), err
    status, _, err = edge("model", "--diff", file, model, "--public-key", ours)
    assert (status, "--public-key is for one FILE" in err) == (78, True)


def test_the_library_is_loaded_only_where_there_is_a_key():
    code = "import sys, edge.signature, edge.cli; print('nacl' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"False\n"
