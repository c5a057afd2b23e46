"""The clock of a box that has none of its own, when it starts."""

import errno
import logging

import pytest

from deploy import bundle, clock
from edge.certificates import validity
from edge.errors import ConfigError
from hub.authority import Authority

BEGIN_S = 1_800_000_000.0


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Of one bed, made by a real authority."""
    ca = tmp_path_factory.mktemp("clock") / "ca"
    authority = Authority(ca)
    authority.make()
    authority.device("clinic/3b/bed-12")
    folder = ca / "devices" / "clinic.3b.bed-12"
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_certificates_hold_from_the_later_of_their_beginnings(files, tmp_path):
    begins = []
    for name in (bundle.CA, bundle.CERTIFICATE):
        (tmp_path / name).write_text(files[name])
        begins.append(validity(tmp_path / name).begin_s)
    assert bundle.begin_s(files) == max(begins)
    with pytest.raises(ConfigError):
        bundle.begin_s(files | {bundle.CA: "nothing"})


def test_a_clock_that_is_behind_is_set_and_says_so(caplog):
    now = [BEGIN_S - 3600]
    with caplog.at_level(logging.WARNING):
        clock.catch_up(BEGIN_S, lambda: now[0], lambda seconds: now.__setitem__(0, seconds))
    assert now == [BEGIN_S]
    assert "2027-01-15T07:00:00+00:00" in caplog.text
    assert "2027-01-15T08:00:00+00:00" in caplog.text


def test_a_clock_that_is_not_behind_is_left_alone(caplog):
    def refuse(_):
        raise AssertionError("nobody asked")

    clock.catch_up(BEGIN_S, lambda: BEGIN_S, refuse)
    clock.catch_up(BEGIN_S, lambda: BEGIN_S + 1, refuse)
    assert not caplog.records


def test_a_clock_that_cannot_be_set_is_told(caplog):
    def refuse(_):
        raise PermissionError(errno.EPERM, "Operation not permitted")

    clock.catch_up(BEGIN_S, lambda: 0.0, refuse)
    assert "cannot be set to 2027-01-15T08:00:00+00:00: Operation not permitted" in caplog.text
