import contextlib
import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.fields import FieldError, checked, decode, encode, schema


@dataclasses.dataclass(frozen=True, slots=True)
class Inner:
    """An inner table."""

    name: str = checked(minimum=1, maximum=5)
    share: float = checked(minimum=0, maximum=1, default=0.5)


@dataclasses.dataclass(frozen=True, slots=True)
class Outer:
    """An outer table."""

    count: int = checked(minimum=1, maximum=10)
    inner: Inner = checked()
    words: tuple[str, ...] = checked(maximum=3, default=())
    pair: tuple[int, int] = checked(default=(1, 2))
    table: dict[str, int] = checked(minimum=0, default_factory=dict)
    colour: str = checked(choices=("red", "green"), default="red")
    flag: bool = checked(default=False)
    maybe: float | None = checked(minimum=0, default=None)


GOOD = {"count": 3, "inner": {"name": "a"}}


def test_decodes_and_encodes_back():
    plain = GOOD | {
        "words": ["a", "b"],
        "pair": [3, 4],
        "table": {"x": 1},
        "colour": "green",
        "flag": True,
        "maybe": 2,
    }
    value = decode(Outer, plain)
    assert value == Outer(3, Inner("a"), ("a", "b"), (3, 4), {"x": 1}, "green", flag=True, maybe=2.0)
    assert decode(Outer, encode(value)) == value


def test_absent_optional_is_left_out():
    assert "maybe" not in encode(decode(Outer, GOOD))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"count": 0}, "count is 0; it must be a whole number from 1 to 10"),
        ({"count": True}, "count is True; it must be a whole number from 1 to 10"),
        ({"count": 1.0}, "count is 1.0; it must be a whole number from 1 to 10"),
        ({"inner": {"name": ""}}, "inner.name is ''; it must be text from 1 to 5 characters"),
        ({"inner": {}}, "inner.name is missing; give text from 1 to 5 characters"),
        ({"inner": 1}, "inner is 1; it must be a table of keys"),
        (
            {"inner": {"name": "a", "shape": 1}},
            "unknown key inner.shape, perhaps share is meant; allowed here: name, share",
        ),
        ({"words": ["a", "abcd"]}, "words[1] is 'abcd'; it must be text of at most 3 characters"),
        ({"words": "abc"}, "words is 'abc'; it must be a list"),
        ({"pair": [1]}, "pair has 1 items; it must have 2"),
        ({"table": {"x": -1}}, "table.x is -1; it must be a whole number of at least 0"),
        ({"colour": "blue"}, "colour is 'blue'; it must be one of red, green"),
        ({"flag": 1}, "flag is 1; it must be true or false"),
        ({"maybe": float("nan")}, "maybe is nan; it must be a number of at least 0"),
        ({"inner": {"name": "\ud800"}}, "inner.name is '\\ud800'; it must be text from 1 to 5 characters"),
    ],
)
def test_names_key_value_and_what_is_allowed(change, expected):
    with pytest.raises(FieldError) as error:
        decode(Outer, GOOD | change)
    assert str(error.value) == expected


@dataclasses.dataclass(frozen=True, slots=True)
class Another:
    """Fields annotated as some of Outer's are."""

    table: dict[str, int] = checked(minimum=0)
    words: tuple[str, ...] = checked(maximum=3)


@pytest.mark.parametrize("key", ["table", "words"])
def test_null_is_refused_though_another_class_has_the_same_annotation(key):
    decode(Outer, GOOD | {"table": {}, "words": []})
    with pytest.raises(FieldError, match=f"{key} is None"):
        decode(Another, {"table": {}, "words": []} | {key: None})


def test_number_too_large_for_a_float():
    with pytest.raises(FieldError, match="maybe is inf"):
        decode(Outer, GOOD | {"maybe": 10**400})


def test_key_that_is_no_text():
    with pytest.raises(FieldError, match="no text"):
        decode(Outer, GOOD | {"table": {"\udcff": 1}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(JSON, st.dictionaries(st.sampled_from(["count", "inner", "words", "pair", "table", "maybe"]), JSON))
def test_anything_else_is_a_field_error(value, change):
    for data in (value, GOOD | change):
        with contextlib.suppress(FieldError):
            decode(Outer, data)


def test_schema_is_closed_and_lists_what_is_required():
    result = schema(Outer)
    assert result["additionalProperties"] is False
    assert result["required"] == ["count", "inner"]
    assert result["properties"]["words"] == {"type": "array", "items": {"type": "string", "maxLength": 3}}
