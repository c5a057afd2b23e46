import contextlib
import json
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

import edge.schemas
from edge.errors import MessageError
from edge.fields import encode
from edge.messages import (
    MAX_BYTES,
    MESSAGES,
    Command,
    Dropped,
    Emotion,
    Episode,
    Health,
    HubState,
    Receipt,
    Stamp,
    State,
    Summary,
    from_json,
    to_json,
)
from edge.schemas.__main__ import documents
from edge.topics import Address, hub_topic, parse_topic
from edge.utc import utc_seconds, utc_text

STAMP = Stamp(boot_id="0" * 32, time="2026-01-31T23:59:59.000Z", mono_ms=12, clock_synced=True)
EXAMPLES = [
    State(
        status="online",
        reason="started",
        bed="Bed 1",
        microphone="healthy",
        model="m 1.0.0",
        software="0.1.0",
        stamp=STAMP,
    ),
    Emotion(
        emotion="sad",
        probabilities={"sad": 0.9, "calm": 0.1},
        distress=0.9,
        speech=0.5,
        level_db=-30.0,
        window_s=3.0,
        stamp=STAMP,
    ),
    Episode(
        id="1" * 32,
        seq=1,
        episode="2" * 32,
        phase="onset",
        emotion="fearful",
        distress=0.8,
        peak=0.9,
        duration_s=9.0,
        level_db=-20.0,
        reason="fearful and loud for 9 s",
        stamp=STAMP,
    ),
    Summary(
        id="1" * 32,
        seq=2**53 - 1,
        seconds=60.0,
        speech_s=10.0,
        emotions={"sad": 3},
        distress_mean=0.1,
        distress_peak=0.5,
        level_mean_db=-50.0,
        level_peak_db=-20.0,
        stamp=STAMP,
        f0_median_hz=180.5,
        f0_low_hz=120.0,
        f0_high_hz=320.0,
        speech_rate=3.5,
        pause_ratio=0.2,
    ),
    Health(
        microphone="lost",
        uptime_s=3.5,
        frames=1,
        inferences=2,
        overruns=3,
        clipped=4,
        outbox=5,
        cpu_percent=1.5,
        rss_mb=50.0,
        temperature_c=None,
        stamp=STAMP,
    ),
    Dropped(boot_id="3" * 32, ranges=((2, 3), (7, 7)), stamp=STAMP),
    Command(id="4" * 32, boot_id="3" * 32, expires_ms=60000, action="mute", minutes=30),
    Receipt(boot_id="3" * 32, upto_seq=12, gaps=((2, 3), (7, 7))),
    HubState(status="offline", time="2026-01-31T23:59:59.000Z", software="0.1.0"),
]
FOLDER = Path(edge.schemas.__file__).parent


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.kind)
def test_round_trip(message):
    data = to_json(message)
    assert len(data) < MAX_BYTES
    assert from_json(type(message), data) == message


@pytest.mark.parametrize("message", EXAMPLES, ids=lambda message: message.kind)
def test_published_schema_accepts_the_message_and_nothing_more(message):
    schema = json.loads((FOLDER / f"{message.kind}.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    plain = json.loads(to_json(message))
    validator.validate(plain)
    assert not validator.is_valid(plain | {"patient": "somebody"})
    for key in schema["required"]:
        assert not validator.is_valid({name: value for name, value in plain.items() if name != key})


def test_every_kind_has_an_example():
    assert {message.kind for message in EXAMPLES} == set(MESSAGES)


def test_published_schemas_are_the_generated_ones():
    published = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.json")}
    assert published == documents(), "run `python -m edge.schemas`"


def test_asyncapi_refers_to_files_that_exist():
    document = json.loads((FOLDER / "asyncapi.json").read_text(encoding="utf-8"))
    for message in document["components"]["messages"].values():
        assert (FOLDER / message["payload"]["$ref"]).exists()


KINDS = st.sampled_from(sorted(MESSAGES))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(KINDS, st.binary(max_size=1100))
def test_any_bytes_give_a_message_error(kind, data):
    with pytest.raises(MessageError):
        from_json(MESSAGES[kind], data)


@given(st.sampled_from(EXAMPLES), st.data())
def test_any_change_gives_a_message_or_a_message_error(message, data):
    plain = encode(message)
    key = data.draw(st.sampled_from(sorted(plain)))
    plain[key] = data.draw(JSON)
    try:
        result = from_json(type(message), json.dumps(plain).encode())
    except MessageError:
        return
    assert from_json(type(message), to_json(result)) == result


@given(st.sampled_from(EXAMPLES), st.integers(0, 900), st.integers(0, 255))
def test_a_damaged_byte_gives_a_message_or_a_message_error(message, at, byte):
    data = bytearray(to_json(message))
    data[at % len(data)] = byte
    with contextlib.suppress(MessageError):
        from_json(type(message), bytes(data))


@pytest.mark.parametrize(
    "text",
    [
        '{"boot_id": "\\ud800"}',
        "[" * 900,
        '{"upto_seq": 1' + "0" * 500 + "}",
        '{"boot_id": NaN}',
        '{"v": Infinity}',
        "null",
        "",
        '{"boot_id": "' + "3" * 32 + '", "upto_seq": 9007199254740992, "gaps": []}',
    ],
)
def test_nasty_json(text):
    with pytest.raises(MessageError):
        from_json(Receipt, text.encode())


@pytest.mark.parametrize(
    "time", ["2026-02-30T00:00:00.000Z", "2026-01-01T25:00:00.000Z", "0000-01-01T00:00:00.000Z"]
)
def test_a_moment_that_does_not_exist(time):
    data = to_json(EXAMPLES[0]).replace(STAMP.time.encode(), time.encode())
    with pytest.raises(MessageError):
        from_json(State, data)


def test_more_than_1_kib_is_neither_sent_nor_read():
    big = Emotion(
        emotion="a",
        probabilities={str(n) * 10: 0.5 for n in range(100, 200)},
        distress=0.0,
        speech=0.0,
        level_db=0.0,
        window_s=3.0,
        stamp=STAMP,
    )
    with pytest.raises(MessageError, match="1024"):
        to_json(big)
    with pytest.raises(MessageError, match="1024"):
        from_json(Emotion, b" " * 1025)


def test_topics():
    address = Address("clinic", "3b", "bed-12")
    assert address.topic("episode") == "ser/v1/clinic/3b/bed-12/episode"
    assert parse_topic("ser/v1/clinic/3b/bed-12/episode") == (address, "episode")
    assert hub_topic("clinic") == "ser/v1/clinic/hub/state"


@given(st.text(max_size=60))
def test_any_other_topic_is_refused(text):
    with pytest.raises(MessageError):
        parse_topic(text)


@pytest.mark.parametrize(
    "topic",
    [
        "ser/v1/a/b/c/nothing",
        "ser/v2/a/b/c/state",
        "ser/v1/a/+/c/state",
        "ser/v1/a/b/state",
        "ser/v1/a/b/c/state\n",
    ],
)
def test_nearly_a_topic_is_refused(topic):
    with pytest.raises(MessageError):
        parse_topic(topic)


@given(st.integers(0, 4_000_000_000_000))
def test_time_survives_to_the_millisecond(milliseconds):
    assert utc_seconds(utc_text(milliseconds / 1000)) == pytest.approx(milliseconds / 1000, abs=1e-3)
