import contextlib

import numpy as np
import pytest
import soundfile

import edge.sound_files
from edge.errors import AudioFileError
from edge.sound_files import SoundFile, to_int16


def read(path):
    with SoundFile(path) as sound:
        return np.concatenate(list(sound.blocks()))


def tone(rate, seconds=1.0, hz=440):
    return 0.5 * np.sin(2 * np.pi * hz * np.arange(int(rate * seconds)) / rate)


def test_16_khz_mono_comes_as_it_is(wav):
    samples = np.random.default_rng(0).integers(-32768, 32768, 40000)
    assert np.array_equal(read(wav("a.wav", samples / 32768)), samples)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_every_width_rate_and_channel_count(wav, width, channels, rate):
    samples = np.repeat(tone(rate)[:, None], channels, axis=1)
    result = read(wav("a.wav", samples, rate, width)) / 32768
    assert result.size == 16000
    error = (result - tone(16000))[500:-500]
    assert np.abs(error).max() < (0.012 if width == 1 else 0.0005)


def test_channels_are_averaged(wav):
    both = np.stack((tone(16000), np.zeros(16000)), axis=1)
    assert read(wav("a.wav", both)) / 32768 == pytest.approx(tone(16000) / 2, abs=1e-4)


def test_other_formats_on_a_desktop(tmp_path):
    for name, options in (("a.flac", {}), ("b.ogg", {}), ("c.wav", {"subtype": "FLOAT"})):
        soundfile.write(tmp_path / name, tone(22050), 22050, **options)
        result = read(tmp_path / name) / 32768
        assert np.abs(result - tone(16000))[500:-500].max() < 0.02


def test_other_formats_on_the_device(tmp_path, monkeypatch):
    soundfile.write(tmp_path / "a.flac", tone(16000), 16000)
    monkeypatch.setattr(edge.sound_files, "soundfile", None)
    with pytest.raises(AudioFileError, match="convert it"):
        SoundFile(tmp_path / "a.flac")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"This is no sound at all, only text.\n" * 20, "is no sound file"),
        (b"RIFF", "is no sound file"),
        (b"RIFF\x24\0\0\0WAVE", "is no sound file"),
        (b"\0" * 4000, "is no sound file"),
    ],
)
def test_no_sound(tmp_path, content, expected):
    path = tmp_path / "text.wav"
    path.write_bytes(content)
    with pytest.raises(AudioFileError, match=expected) as error:
        read(path)
    assert "text.wav" in str(error.value)
    assert "\n" not in str(error.value)


def test_no_samples(wav):
    with pytest.raises(AudioFileError, match="holds no sound"):
        read(wav("a.wav", np.zeros(0)))


def test_missing_and_folder(tmp_path):
    with pytest.raises(AudioFileError, match="No such file"):
        SoundFile(tmp_path / "none.wav")
    with pytest.raises(AudioFileError, match="is a folder"):
        SoundFile(tmp_path)


def test_cut_short_gives_what_is_there_and_says_so(wav):
    path = wav("a.wav", tone(16000, 2.0))
    path.write_bytes(path.read_bytes()[: 44 + 32001])
    with SoundFile(path) as sound:
        assert sum(block.size for block in sound.blocks()) == 16000
        assert sound.is_cut_short
        assert "1.0 of 2.0 s" in sound.shortfall()


def test_a_whole_file_is_not_cut_short(wav):
    with SoundFile(wav("a.wav", tone(16000))) as sound:
        list(sound.blocks())
        assert not sound.is_cut_short


def test_a_header_without_a_length(wav):
    path = wav("a.wav", tone(16000))
    data = bytearray(path.read_bytes())
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    with SoundFile(path) as sound:
        assert sum(block.size for block in sound.blocks()) == 16000
        assert not sound.is_cut_short


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_header_is_sound_or_an_error(wav, seed):
    path = wav("a.wav", tone(16000, 0.1))
    rng = np.random.default_rng(seed)
    data = bytearray(path.read_bytes())
    for _ in range(3):
        data[rng.integers(0, 44)] = rng.integers(0, 256)
    path.write_bytes(data)
    with contextlib.suppress(AudioFileError):
        read(path)


def test_full_scale_does_not_wrap():
    assert to_int16(np.array([1.0, -1.0, 2.0, -2.0], np.float32)).tolist() == [32767, -32768, 32767, -32768]
