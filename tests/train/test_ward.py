import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from edge.classifier import Classifier
from edge.errors import CorpusError
from edge.manifest import Distress, EpisodePolicy
from edge.model_file import read
from train import ward_command
from train.rooms import PLACES, draw_room
from train.sounds import Entry, Loudness, entries, level, sounds_in, unheard
from train.ward import BedDay, Plan, Told, live_through, load, save, stretches_of
from train.ward_day import PERIODS, Day, Episode
from train.ward_material import ward_windows
from train.ward_report import Rate, Share, lived, operating_point, point, policy_at, together

ROOT = Path(__file__).parents[2]
DATA = ROOT / "tests" / "data"
SHIPPED = ROOT / "model" / "bedside-ser.tflite"
RATE = 16000
SETTINGS = """
[[sound]]
corpus = "voices"
emotions = ["neutral"]
role = "speech"
ordinary = true
[[sound]]
corpus = "voices"
emotions = ["fearful", "angry"]
intensity = "strong"
role = "distress"
kind = "outcry"
[[sound]]
corpus = "noises"
emotions = ["door"]
statement = "made=(wood|steel)"
role = "disturbance"
kind = "door, steps, water"
level_db = -6
[[sound]]
corpus = "noises"
emotions = ["air"]
role = "background"
"""


@pytest.fixture
def corpora(tmp_path):
    """Real voices, each a speaker of its own, and made noises, as folders of corpora."""
    rows = [
        ("neutral", "1", ""),
        ("fearful", "1", "strong"),
        ("angry", "2", "strong"),
        ("sad", "2", "normal"),
    ]
    _corpus(
        tmp_path / "voices",
        [(DATA / f"{emotion}.wav", speaker, emotion, how, "") for emotion, speaker, how in rows],
    )
    rng = np.random.default_rng(0)
    noises = tmp_path / "noises"
    noises.mkdir()
    soundfile.write(noises / "air.wav", 0.1 * rng.standard_normal(RATE), RATE)
    soundfile.write(noises / "door.wav", np.exp(-np.arange(3200) / 400) * rng.standard_normal(3200) / 5, RATE)
    _corpus(
        noises,
        [
            (noises / "air.wav", "unknown", "air", "", ""),
            (noises / "door.wav", "", "door", "", "made=wood;x"),
        ],
    )
    (tmp_path / "ward.toml").write_text(SETTINGS)
    return tmp_path


def _corpus(folder, rows):
    folder.mkdir(exist_ok=True)
    with (folder / "manifest.csv").open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow(("path", "speaker", "emotion", "intensity", "statement"))
        lines.writerows(rows)


@pytest.fixture
def sounds(corpora):
    return sounds_in(corpora, entries(corpora / "ward.toml"))


def test_settings_say_what_each_recording_is(sounds):
    assert [(one.path.stem, one.role, one.kind) for one in sounds] == [
        ("air", "background", ""),
        ("door", "disturbance", "door, steps, water"),
        ("neutral", "speech", ""),
        ("fearful", "distress", "outcry"),
        ("angry", "distress", "outcry"),
    ]


def test_shipped_settings_can_be_read():
    assert {entry.role for entry in entries()} == {"distress", "speech", "disturbance", "background"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[sound", "ward.toml"),
        ("[[sound]]\ncorpus = 'x'", "emotions"),
        ("", "sound"),
        (
            "[[sound]]\ncorpus = 'x'\nemotions = ['sad']\nrole = 'speech'\nstatement = '('",
            "no regular expression",
        ),
    ],
)
def test_settings_that_are_none_are_refused(tmp_path, text, said):
    (tmp_path / "ward.toml").write_text(text)
    with pytest.raises(CorpusError, match=said):
        entries(tmp_path / "ward.toml")


def test_a_corpus_without_a_column_is_refused(tmp_path):
    (tmp_path / "air").mkdir()
    (tmp_path / "air/manifest.csv").write_text("path,emotion\na.wav,calm\n")
    with pytest.raises(CorpusError, match="has no column speaker"):
        sounds_in(tmp_path, [Entry("air", ("calm",), "speech")])


def test_whoever_a_model_learnt_from_is_not_at_its_bed(sounds):
    learnt = {next(one.path for one in sounds if one.path.stem == "neutral")}
    assert {one.path.stem for one in unheard(sounds, learnt)} == {"air", "door", "angry"}


def test_a_shout_stays_louder_than_the_same_speakers_speech(sounds):
    by = {one.path.stem: one for one in sounds}
    loudness = Loudness(sounds, RATE)
    raw = {name: level(soundfile.read(by[name].path)[0]) for name in ("neutral", "fearful")}
    brought = {name: level(loudness.read(by[name])) for name in ("neutral", "fearful", "door")}
    assert brought["neutral"] == pytest.approx(1, rel=1e-3)
    assert brought["fearful"] == pytest.approx(raw["fearful"] / raw["neutral"], rel=0.05)
    assert 20 * np.log10(brought["door"]) == pytest.approx(-6, abs=0.1)


def test_a_room_sounds_as_far_and_as_long_as_it_says():
    room = draw_room(np.random.default_rng(1), RATE)
    for place in PLACES:
        response = room.responses[place]
        distance = room.distance_m[place]
        assert np.abs(response).max() == pytest.approx(1 / distance, rel=0.5)
        left = np.cumsum((response**2)[::-1])[::-1]
        decay = 10 * np.log10(left / left[0])
        fallen = np.searchsorted(-decay, 25) - np.searchsorted(-decay, 5)  # Schroeder (1965), over 20 dB
        assert 3 * fallen / RATE == pytest.approx(room.rt60_s, rel=0.5)


def test_a_day_has_its_episodes_where_it_says(sounds):
    seconds = {one: soundfile.info(one.path).duration for one in sounds}
    day = Day(sounds, seconds, np.random.default_rng(0))
    for _ in range(20):
        stretch = day.with_distress("outcry")
        [episode] = stretch.episodes
        cries = [one for one in stretch.placed if one.sound.role == "distress"]
        assert cries[0].start_s == episode.start_s
        assert episode.end_s - episode.start_s >= 10
        assert stretch.seconds > episode.end_s
        assert len({one.sound.speaker for one in cries}) == 1
    ordinary = day.ordinary(PERIODS[2], 3600)
    assert not [one for one in ordinary.placed if one.sound.role == "distress"]
    talk = sum(seconds[one.sound] for one in ordinary.placed if one.sound.role == "speech")
    assert 0.2 < talk / 3600 < 1.2


def test_without_a_part_there_is_no_day(sounds):
    calm = [one for one in sounds if one.role != "distress"]
    with pytest.raises(CorpusError, match="distress"):
        Day(calm, dict.fromkeys(calm, 1.0), np.random.default_rng(0))


def test_the_same_plan_is_heard_the_same_and_kept(sounds, tmp_path):
    plan = Plan(hours=0.01, episodes=1, seed=3)
    first, again = (live_through(Classifier(read(SHIPPED)), sounds, plan, "bed") for _ in range(2))
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    assert [one.period for one in first.stretches][:4] == [period.name for period in PERIODS]
    assert first.stretches[-1].episodes[0].kind == "outcry"
    assert first.end_s[-1] == pytest.approx(first.stretches[-1].end_s, abs=1.1)
    heard = ~np.isnan(first.distress)
    [episode] = first.stretches[-1].episodes
    during = (first.end_s > episode.start_s) & (first.start_s < episode.end_s)
    assert heard[during].mean() > 0.5, "the gate hears a loud voice at the bed"
    save(first, tmp_path / "kept" / "bed.npz")
    kept = load(tmp_path / "kept" / "bed.npz")
    assert kept.stretches == first.stretches
    np.testing.assert_array_equal(kept.distress, first.distress)


def test_a_network_learns_from_what_the_device_would_judge(sounds):
    training = read(SHIPPED).manifest.training
    plan = Plan(hours=0.02, episodes=1, seed=3)
    heard = ward_windows(training, sounds, plan, beds=2)
    assert heard.windows.shape[1:] == (training.window.frames, training.front_end.coefficients)
    assert np.isfinite(heard.windows).all()
    assert 10 < heard.distress.sum() < len(heard.distress), "two episodes of 10 to 25 s, and talk around them"
    again = ward_windows(training, sounds, plan, beds=2)
    np.testing.assert_array_equal(heard.windows, again.windows)


def test_noise_is_made_where_no_recording_of_it_may_be_heard(sounds):
    people = [one for one in sounds if one.role != "background"]
    with pytest.raises(CorpusError, match="background"):
        live_through(Classifier(read(SHIPPED)), people, Plan(hours=0.01, episodes=1), "bed")
    [first, *_] = [next(blocks) for _, blocks in stretches_of(people, Plan(hours=0.01, episodes=1))]
    assert np.abs(first).max() > 0


def _bed(distress, stretches):
    """A bed-day of windows 3 s long, one a second, in which somebody always speaks."""
    scores = np.array(distress, np.float32)
    ends = np.arange(scores.size) + 3.0
    shares = np.stack([scores, 1 - scores], axis=1)
    return BedDay(ends - 3, ends, np.full(scores.size, -30.0), scores, shares, tuple(stretches))


def test_the_report_counts_onsets_in_episodes_and_outside():
    policy = EpisodePolicy(
        smoothing=0, onset=0.7, offset=0.5, count=2, among=3, hold_off_s=6, min_duration_s=4, repeat_s=30
    )
    distress = Distress(policy, "a test", {"afraid": 1.0})
    scores = np.full(300, 0.1)
    scores[50:60] = 0.95  # in ordinary sound
    scores[150:170] = 0.8  # a known episode
    bed = _bed(
        scores,
        [
            Told("care", 0, 100, ()),
            Told("care", 100, 302, (Episode(151, 173, "fear"), Episode(220, 240, "fear"))),
        ],
    )
    day = lived(bed, ("afraid", "calm"))
    assert [len(windows) for windows in day.windows] == [97, 203]
    assert day.peaks.tolist() == pytest.approx([0.95, 0.8])
    points = [together([point(day, distress, policy_at(onset, policy))] * 2) for onset in (0.7, 0.9, 0.99)]
    assert [one.sensitivity.found for one in points] == [2, 0, 0]
    assert [one.false_alerts.events for one in points] == [2, 2, 0]
    assert points[0].found == {"fear": Share(2, 4)}
    assert points[0].false_alerts.a_day == pytest.approx(864)
    assert points[0].delays_s == (3.0, 3.0)
    assert operating_point(points, 1000, 8).policy.onset == 0.7
    assert operating_point(points, 1000, 2).policy.onset == 0.99, "too slow, so what is least often wrong"
    assert operating_point(points, 10, 8).policy.onset == 0.99
    assert point(day, distress, policy).false == {"care": Rate(1, 100 / 86400)}


def test_no_bed_has_a_say_in_its_own_policy():
    policy = EpisodePolicy(smoothing=0, onset=0.7, offset=0.5, count=2, among=3, hold_off_s=6)
    distress = Distress(policy, "a test", {"afraid": 1.0})
    days = []
    for noise, cry in ((0.5, 0.8), (0.9, 0.95)):  # the loudest that is no distress, and distress
        scores = np.full(4000, 0.1)
        scores[100:140], scores[3900:3920] = noise, cry
        told = [Told("care", 0, 3800, ()), Told("care", 3800, 4002, (Episode(3901, 3923, "fear"),))]
        days.append(lived(_bed(scores, told), ("afraid", "calm")))
    measured = ward_command.choose(days, distress)
    assert [policy.onset > 0.9 for policy in measured.policies] == [True, False]
    assert measured.chosen.policy.onset > 0.9
    assert measured.held_out.false_alerts.events == 1, "the loud bed's, by the quiet bed's policy"
    assert measured.held_out.sensitivity == Share(1, 2), "the loud bed's, by the quiet bed's policy"
    assert "| fear | 1 | 2 | 50% |" in "\n".join(ward_command.lines(measured))


def test_intervals_are_those_of_the_textbooks():
    low, high = Share(8, 10).interval
    assert (low, high) == (pytest.approx(0.490, abs=1e-3), pytest.approx(0.943, abs=1e-3))
    assert Rate(0, 1).interval == (0, pytest.approx(3.689, abs=1e-3))
    low, high = Rate(3, 2).interval
    assert (low, high) == (pytest.approx(0.3093, abs=1e-3), pytest.approx(4.3836, abs=1e-3))


def test_the_command_lives_through_a_bed_a_fold_once(corpora, tmp_path):
    for number, speaker in (("1", "1"), ("2", "2")):
        folder = tmp_path / "crossval" / f"fold-{number}"
        folder.mkdir(parents=True)
        (folder / "model.tflite").write_bytes(SHIPPED.read_bytes())
        sad = DATA / "sad.wav"  # learnt by both, and at no bed
        for side in ("train.csv", "test.csv"):
            (folder / side).write_text(f"path,speaker,emotion\n{sad},{speaker},sad\n")
    command = [sys.executable, "-m", "train.cli", "ward", "--crossval", tmp_path / "crossval"]
    command += ["--corpora", corpora, "--settings", corpora / "ward.toml", "--out", tmp_path / "out"]
    command += ["--hours", "0.01", "--episodes", "1"]
    first, again = (
        subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True, timeout=120)
        for _ in range(2)
    )
    assert "| outcry |" in first.stdout
    assert first.stdout == again.stdout
    assert "bed 1" in first.stderr
    assert "bed 1" not in again.stderr, "what is kept is not lived through again"
    told = json.loads((tmp_path / "out" / "ward.json").read_text())
    assert told["held_out"]["found"]["outcry"]["of"] == 2
    assert len(told["policies"]) == 2
    assert (tmp_path / "out" / "ward.png").stat().st_size > 5000
