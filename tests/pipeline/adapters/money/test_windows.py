"""Windows of the calendar."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.money.windows import Frame, frame_at, frame_named

PERS = ("minute", "hour", "day", "week", "month", "total")


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("per", "begins", "ends"),
    [
        ("minute", "2026-02-28T23:59", "2026-03-01T00:00"),
        ("hour", "2026-02-28T23:00", "2026-03-01T00:00"),
        ("day", "2026-02-28", "2026-03-01"),
        ("week", "2026-02-23", "2026-03-02"),
        ("month", "2026-02-01", "2026-03-01"),
    ],
)
def test_windows_are_those_of_the_calendar_in_utc(per: str, begins: str, ends: str) -> None:
    moment = at("2026-02-28T23:59:30")
    assert frame_at(per, moment) == Frame(per, int(at(begins)), int(at(ends)))  # type: ignore[arg-type]


def test_a_leap_day_and_the_end_of_a_year() -> None:
    assert frame_at("month", at("2028-02-29T12:00")).ends == int(at("2028-03-01"))
    assert frame_at("month", at("2026-12-31T23:59:59")).ends == int(at("2027-01-01"))


def test_the_total_never_ends() -> None:
    total = frame_at("total", 1e12)
    assert (total.ends, total.open_at(1e15)) == (None, True)


@given(st.sampled_from(PERS), st.floats(0, 4e9))
def test_every_moment_lies_in_its_window_and_a_window_is_found_by_its_name(per: str, moment: float) -> None:
    frame = frame_at(per, moment)  # type: ignore[arg-type]
    assert frame.begins <= moment
    assert frame.open_at(moment)
    assert frame_named(frame.name) == frame
    if frame.ends is not None:
        assert not frame.open_at(frame.ends)
        assert frame_at(per, frame.ends).begins == frame.ends, "the next one begins where it ends"  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "day", "day:1", "year:0", "day:x", "total:5", "month:1", "day:9" + "9" * 40])
def test_what_is_no_name_of_a_window_is_none(name: str) -> None:
    assert frame_named(name) is None
