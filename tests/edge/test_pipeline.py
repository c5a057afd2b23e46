import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.adaptation import BedStatistics
from edge.classifier import Classifier, Judged
from edge.config import Gate, Sound
from edge.episodes import EpisodeDetector
from edge.errors import ModelError
from edge.features import mfcc
from edge.level import level_of
from edge.manifest import Adaptation
from edge.model_file import read
from edge.pipeline import Pipeline
from edge.sound_files import SoundFile, to_int16
from edge.windows import recording_windows

SOUNDS = [
    Sound(normalise_level=level, reduce_noise=noise) for level in (False, True) for noise in (False, True)
]
CALM = Judged(np.array([1, 0, 0], np.float32), np.float32(0))


def samples_of(path):
    with SoundFile(path) as sound:
        return np.concatenate(list(sound.blocks()))


@pytest.fixture(scope="module")
def sound(voice):
    return to_int16(np.concatenate((voice(2.3), np.zeros(20000, np.float32), voice(1.4))))


def test_windows_are_those_of_the_finished_recording(scorer, sound, front_end):
    pipeline = Pipeline(scorer, Gate())
    results = [*pipeline.feed(sound), *pipeline.flush()]
    expected = recording_windows(mfcc(sound, front_end), scorer.manifest.training.window, front_end)
    assert len(results) == len(expected)
    spoken = [
        window for window, result in zip(expected, results, strict=True) if result.judgement is not None
    ]
    assert 0 < len(spoken) < len(expected)
    assert all(np.allclose(a, b, atol=1e-3) for a, b in zip(scorer.seen, spoken, strict=True))


@pytest.mark.parametrize("size", [1, 37, 320, 800, 48000])
def test_every_chunk_size_gives_the_same(scorer, sound, size):
    short = sound[:24000]
    expected = run(scorer, short, [len(short)])
    found = run(scorer, short, [size] * (len(short) // size + 1))
    assert_same(found, expected)


@given(st.lists(st.integers(0, 9000), max_size=10), st.sampled_from(SOUNDS))
def test_any_split_gives_the_same(make_scorer, sound, sizes, settings):
    short = sound[:40000]
    expected = run(make_scorer(), short, [40000], settings)
    assert_same(run(make_scorer(), short, [*sizes, 40000], settings), expected)


def adaptation_of(training):
    count = training.front_end.coefficients
    return Adaptation((-1.0,) * count, (2.0,) * count, doubt=2.0, memory=100, range=3.5, outlier=4.0)


@pytest.fixture(scope="module")
def make_scorer(manifest):
    levelled = dataclasses.replace(manifest.training, speech_level=-3.0)

    class Scorer:
        def __init__(self):
            self.manifest = dataclasses.replace(manifest, training=levelled)

        def judge(self, window):
            share = float(np.abs(np.sin(window.sum(dtype=np.float64) * 1e-3)))
            return Judged(np.array([1 - share, share * 0.7, share * 0.3], np.float32), np.float32(share))

    return Scorer


def test_the_model_hears_each_window_as_what_was_heard_till_its_end_makes_it(scorer, sound):
    training = scorer.manifest.training
    adaptation = adaptation_of(training)
    scorer.manifest = dataclasses.replace(
        scorer.manifest, training=dataclasses.replace(training, adaptation=adaptation)
    )
    plain = Pipeline(scorer, Gate(), Sound(normalise_level=False, reduce_noise=False))
    judged = [one.judgement for one in (*plain.feed(sound), *plain.flush())]
    windows, scorer.seen = scorer.seen, []
    pipeline = Pipeline(scorer, Gate(), Sound(reduce_noise=False))
    assert [result for part in np.array_split(sound, 40) for result in pipeline.feed(part)]
    pipeline.flush()
    assert None not in judged[:2]
    bed = BedStatistics(adaptation)
    for window, seen in zip(windows, scorer.seen, strict=True):
        bed.hear(window)
        assert np.allclose(seen, bed.apply(window), atol=1e-3)
    assert pipeline.bed.learnt == bed.learnt
    pipeline.forget()  # muted, or a hole in the stream: the bed is the same
    assert pipeline.bed.learnt == bed.learnt


def run(scorer, samples, sizes, settings=None):
    pipeline = Pipeline(scorer, Gate(), settings)
    results, at = [], 0
    for size in sizes:
        results += pipeline.feed(samples[at : at + size], at)
        at = min(at + size, len(samples))
    return [*results, *pipeline.flush()]


def assert_same(found, expected):
    def plain(result):
        return dataclasses.replace(result, judgement=None)

    assert [plain(one) for one in found] == [plain(one) for one in expected]
    for one, other in zip(found, expected, strict=True):
        assert (one.judgement is None) == (other.judgement is None)
        if one.judgement is not None:
            assert one.judgement.probabilities == pytest.approx(other.judgement.probabilities, abs=1e-3)


def test_times_and_gating(scorer, voice):
    silence = np.zeros(16000 * 3, np.float32)
    sound = to_int16(np.concatenate((silence, voice(3), silence)))
    results = run(scorer, sound, [1000] * 145)
    assert results[0].start_s == 0
    assert results[-1].end_s == pytest.approx(9.0)
    steps = {round(b.start_s - a.start_s, 3) for a, b in itertools.pairwise(results)}
    assert steps == {0.5}
    for result in results:
        if result.end_s <= 3 or result.start_s >= 6:
            assert not result.is_speech
            assert result.judgement is None
        if result.start_s >= 3 and result.end_s <= 6:
            assert result.is_speech
    assert len(scorer.seen) == sum(result.is_speech for result in results)


def test_no_window_spans_a_hole(scorer, voice):
    pipeline = Pipeline(scorer, Gate())
    results = pipeline.feed(to_int16(voice(1.5)), 0)
    results += pipeline.feed(to_int16(voice(1.5)), 16000 * 60)
    assert [round(result.start_s, 2) for result in results] == [0, 60.0]
    (last,) = pipeline.flush()
    assert last.end_s == pytest.approx(61.5)


def test_a_recording_shorter_than_a_window(scorer, voice):
    pipeline = Pipeline(scorer, Gate())
    assert pipeline.feed(to_int16(voice(0.6))) == []
    (result,) = pipeline.flush()
    assert result.end_s == pytest.approx(0.6)
    assert result.is_speech


def test_clipping_is_counted(scorer):
    pipeline = Pipeline(scorer, Gate())
    pipeline.feed(np.array([0, 32767, -32768, 100], np.int16))
    assert pipeline.clipped == 2


@pytest.fixture(scope="module")
def in_noise(sound):
    return (
        (sound + np.random.default_rng(0).normal(size=sound.size) * 700).clip(-32768, 32767).astype(np.int16)
    )


@given(st.lists(st.integers(0, 9000), max_size=10), st.booleans())
def test_any_split_of_a_noisy_sound_gives_the_same(make_scorer, in_noise, sizes, hole):
    short = in_noise[:40000]
    start = 10**6 if hole else 0  # the windows begin anew there

    def judged(sizes):
        pipeline, at = Pipeline(make_scorer(), Gate()), 0
        results = pipeline.feed(in_noise[40000:], 0) if hole else []
        for size in sizes:
            results += pipeline.feed(short[at : at + size], start + at)
            at = min(at + size, len(short))
        return [*results, *pipeline.flush()]

    assert_same(judged([*sizes, 40000]), judged([40000]))


def test_only_noisy_windows_are_given_reduced(make_scorer, sound, in_noise):
    def seen(samples, reduce_noise):
        scorer, windows = make_scorer(), []
        scorer.judge = lambda window: windows.append(window) or CALM
        results = run(
            scorer, samples, [len(samples)], Sound(normalise_level=False, reduce_noise=reduce_noise)
        )
        return windows, [(result.start_s, result.end_s, result.is_speech) for result in results]

    for samples, is_noisy in ((sound, False), (in_noise, True)):
        (plain, times), (reduced, same_times) = seen(samples, False), seen(samples, True)
        assert times == same_times
        assert len(plain) == len(reduced) > 0
        changed = [not np.array_equal(one, other) for one, other in zip(plain, reduced, strict=True)]
        assert all(changed) if is_noisy else not any(changed)


def test_a_clipped_window_says_so(scorer, voice):
    pipeline = Pipeline(scorer, Gate())
    sound = to_int16(voice(3))
    sound[16000:24000] = 32767
    results = [*pipeline.feed(sound), *pipeline.flush()]
    shares = {result.start_s: result.clipped_share for result in results}
    assert shares[0.0] == pytest.approx(192 / 16192, abs=1e-3)
    assert shares[1.0] == pytest.approx(8000 / 16192, abs=1e-3)
    assert shares[1.5] == 0
    assert pipeline.clipped == 8000


def test_the_model_proves_itself_in_a_silent_room(scorer):
    pipeline = Pipeline(scorer, Gate())
    results = pipeline.feed(np.zeros(16000 * 60, np.int16))
    assert not any(result.is_speech or result.judgement for result in results)
    assert pipeline.inferences == len(scorer.seen) == len(results) // 10 > 0


def test_where_somebody_speaks_no_proof_is_needed(scorer, voice):
    pipeline = Pipeline(scorer, Gate())
    results = pipeline.feed(to_int16(np.tile(np.concatenate((voice(2), np.zeros(32000, np.float32))), 8)))
    assert pipeline.inferences == sum(result.is_speech for result in results)


@pytest.mark.parametrize("answer", [([np.nan, 0.5, 0.5], 0.5), ([0.5, 0.5, 0], np.nan)])
def test_a_model_that_answers_no_numbers_is_refused(scorer, answer):
    probabilities, distress = answer
    scorer.judge = lambda _: Judged(np.array(probabilities, np.float32), np.float32(distress))
    with pytest.raises(ModelError, match="must answer numbers"):
        Pipeline(scorer, Gate()).feed(np.zeros(16000 * 20, np.int16))


def test_windows_of_speech_tell_how_it_was_spoken(scorer, voice):
    sound = to_int16(np.concatenate((voice(3), np.zeros(48000, np.float32))))
    for result in run(scorer, sound, [1000] * 96):
        assert (result.voice is not None) == result.is_speech
        if result.end_s <= 3:
            assert 105 < np.median(result.voice.pitch_hz) < 175
            assert result.voice.syllables in {1, 2}, "one and a half a second"


def test_a_gain_is_undone_after_a_while(make_scorer, voice):
    """After some minutes of it, quiet speech reaches the model as loud as the model's own."""
    scorer = make_scorer()
    seen = []
    scorer.judge = lambda window: seen.append(window) or CALM
    pipeline = Pipeline(scorer, Gate())
    sound = to_int16(voice(10, level=0.03))
    for _ in range(25):
        pipeline.feed(sound)
    assert level_of(seen[0]) < -4
    assert level_of(seen[-1]) == pytest.approx(-3.0, abs=0.7)


def test_a_model_for_another_rate(scorer, manifest):
    front_end = dataclasses.replace(manifest.training.front_end, sample_rate=8000, high_hz=4000)
    training = dataclasses.replace(manifest.training, front_end=front_end)
    scorer.manifest = dataclasses.replace(manifest, training=training)
    with pytest.raises(ModelError, match="wants 8000 Hz"):
        Pipeline(scorer, Gate())


def test_golden_scene(model, scene):
    """Recording, features, scores, episode: the whole way with the shipped model."""
    classifier = Classifier(read(model))
    training = classifier.manifest.training
    samples = samples_of(scene)
    pipeline = Pipeline(classifier, Gate(), Sound(normalise_level=False))
    results = [*pipeline.feed(samples), *pipeline.flush()]
    windows = recording_windows(mfcc(samples, training.front_end), training.window, training.front_end)
    assert len(results) == len(windows)
    assert pipeline.inferences == sum(result.is_speech for result in results)
    for window, result in zip(windows, results, strict=True):
        if result.judgement is not None:
            expected = classifier.judge(window)
            found = [result.judgement.probabilities[label] for label in training.labels]
            # One int8 step of the logits.
            assert found == pytest.approx(list(expected.probabilities), abs=0.12)
            assert result.judgement.distress == pytest.approx(float(expected.distress), abs=0.12)
    detector = EpisodeDetector(training.distress.policy, training.distress, lambda: "1" * 32)
    events = [event for result in results for event in detector.update(result)]
    events += detector.finish("the end")
    assert [event.phase for event in events if event.phase != "update"][:2] == ["onset", "end"]


def test_what_is_forgotten_is_in_no_window(make_scorer, sound):
    quiet = np.zeros(40000, np.int16)
    scorer = make_scorer()
    pipeline = Pipeline(scorer, Gate())
    pipeline.feed(sound[:30000])
    judged = pipeline.inferences
    pipeline.forget()
    results = [*pipeline.feed(quiet), *pipeline.flush()]
    assert [result.is_speech for result in results] == [False] * len(results)
    assert results[0].start_s == pytest.approx(30000 / 16000)
    assert pipeline.inferences == judged
