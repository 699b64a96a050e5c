"""How much of a sliding window is left, and when it is free again."""

from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.money.sliding import Window


def later(window: Window, seconds: float) -> Window:
    """The window after some seconds in which nobody came."""
    ends_s = window.left_s - window.per_s
    if seconds < ends_s:
        return window._replace(
            before_left_s=max(0.0, window.before_left_s - seconds), left_s=max(0.0, window.left_s - seconds)
        )
    return window._replace(
        before=window.present, before_left_s=max(0.0, window.left_s - seconds), present=0, left_s=2 * window.per_s
    )


@st.composite
def windows(draw: st.DrawFn) -> Window:
    limit, per = draw(st.integers(1, 1000)), draw(st.sampled_from((1.0, 60.0, 3600.0)))
    passed = draw(st.floats(0, 0.99)) * per
    count, before = draw(st.integers(0, limit)), draw(st.integers(0, limit))
    return Window(limit, per, before, per - passed if before else 0.0, count, 2 * per - passed)


@given(windows(), st.data())
def test_after_the_wait_there_is_room_and_before_it_there_is_none(window: Window, data: st.DataObject) -> None:
    cost = data.draw(st.integers(1, window.limit))
    wait = window.wait_s(cost)
    assert later(window, wait + 0.001).remaining >= cost
    if wait > 0.01:
        assert later(window, wait - 0.01).remaining < cost


@given(windows())
def test_it_takes_time_until_a_window_is_full_again_unless_it_is(window: Window) -> None:
    assert (window.full_s > 0) == (window.remaining < window.limit)


def test_one_request_of_a_minute_counts_for_a_minute() -> None:
    assert round(Window(6, 60, 0, 0, 1, 120).full_s) == 60


def test_what_never_fits_waits_no_longer_than_two_windows() -> None:
    assert Window(6, 60, 0, 0, 6, 120).wait_s(7) <= 120
