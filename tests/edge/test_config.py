import dataclasses

import pytest

from edge.config import Broker, Episodes, load
from edge.errors import ConfigError
from edge.manifest import EpisodePolicy


def test_the_demo(root):
    config = load(root / "edge" / "demo.toml")
    assert config.address.topic("state") == "ser/v1/demo/ward-1/bed-1/state"
    assert config.broker.effective_port == 18830
    assert (config.gate.min_speech, config.gate.aggressiveness) == (0.1, 2)
    assert (config.sound.normalise_level, config.sound.reduce_noise) == (True, True)


def test_paths_start_at_the_file(config_file, tmp_path):
    config = load(config_file())
    assert config.storage.folder == str(tmp_path / "store")
    assert config.broker.ca_file == ""


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("[gate]\nloudness = 3", "unknown key gate.loudness; allowed here: min_level_db,"),
        ("[gate]\naggressiveness = 4", "gate.aggressiveness is 4; it must be a whole number from 0 to 3"),
        ("[gate]\nhangover_s = 2", "gate.hangover_s is 2.0; it must be a number from 0 to 1"),
        ("[gate]\nmin_duration_s = -1", "gate.min_duration_s is -1.0; it must be a number from 0 to 1"),
        ('[sound]\nreduce_noise = "a little"', "sound.reduce_noise is 'a little'; it must be true or false"),
        ("[gate]\nmin_speech = 0", "gate.min_speech is 0.0; it must be a number from 0.01 to 1"),
        ("[microphone]\nrate = 100", "microphone: rate is 100; it must be 0 (automatic) or from 8000"),
        ("[microphone]\nrate = 'fast'", "microphone.rate is 'fast'; it must be 0 (automatic) or a rate"),
        ("[episodes]\nonset = 2", "episodes.onset is 2.0; it must be a number from 0.05 to 0.99"),
        ("[nonsense]\na = 1", "unknown key nonsense; allowed here: site, ward, device, bed"),
        ("a = ", "is no valid TOML"),
    ],
)
def test_names_key_value_and_what_is_allowed(config_file, extra, expected):
    with pytest.raises(ConfigError) as error:
        load(config_file(extra=extra))
    assert expected in str(error.value)
    assert "edge.toml" in str(error.value)
    assert error.value.exit_status == 78


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('device = "bed-1"', 'device = "bed/1"', "device is 'bed/1'; it must be 1 to 40 letters, digits"),
        ('bed = "Bed 1"', "", "bed is missing"),
        ("port = 1", "port = 70000", "broker.port is 70000; it must be a port from 1 to 65535"),
        ('folder = "store"', "", "storage.folder is missing"),
    ],
)
def test_wrong_values(config_file, old, new, expected):
    path = config_file()
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    with pytest.raises(ConfigError) as error:
        load(path)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"cert_file": "a"}, "cert_file is 'a' without key_file"),
        ({"key_file": "a"}, "key_file is 'a' without cert_file"),
        ({"cert_file": "a", "key_file": "b"}, "without ca_file"),
        ({"password_file": "a"}, "without username"),
    ],
)
def test_brokers_that_contradict_themselves(values, expected):
    with pytest.raises(ValueError, match=expected):
        Broker(host="h", **values)


def test_files_must_be_readable(config_file):
    path = config_file()
    text = path.read_text(encoding="utf-8").replace("[storage]", 'ca_file = "none.pem"\n[storage]')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"broker.ca_file is .*none.pem'; it must be a readable file"):
        load(path)


def test_credentials_of_the_service(config_file, tmp_path, monkeypatch):
    path = config_file()
    text = path.read_text(encoding="utf-8").replace("[storage]", 'ca_file = "credential:ca.crt"\n[storage]')
    path.write_text(text, encoding="utf-8")
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    with pytest.raises(ConfigError, match=r"'credential:ca\.crt' needs a service with LoadCredential="):
        load(path)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
    with pytest.raises(ConfigError, match=r"broker.ca_file is '.*credentials/ca.crt'"):
        load(path)
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "ca.crt").write_text("", encoding="ascii")
    assert load(path).broker.ca_file == str(tmp_path / "credentials" / "ca.crt")


def test_ports():
    assert Broker(host="h").effective_port == 1883
    assert Broker(host="h", ca_file="a").effective_port == 8883
    assert Broker(host="h", port=5).effective_port == 5


def test_missing_file_and_bytes_that_are_no_text(tmp_path):
    with pytest.raises(ConfigError, match="No such file"):
        load(tmp_path / "none.toml")
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\0")
    with pytest.raises(ConfigError, match="no valid TOML"):
        load(tmp_path / "bytes.toml")


BASE = EpisodePolicy(smoothing=0.5, onset=0.6, offset=0.4, count=2, among=3, hold_off_s=6)


def test_exceptions_from_the_policy():
    assert Episodes().policy(BASE) == BASE
    assert Episodes(onset=0.8, hold_off_s=20).policy(BASE) == dataclasses.replace(
        BASE, onset=0.8, hold_off_s=20
    )
    with pytest.raises(ConfigError, match=r"offset 0.4 is above onset 0.3"):
        Episodes(onset=0.3).policy(BASE)
