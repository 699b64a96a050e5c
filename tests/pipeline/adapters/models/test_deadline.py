"""How long calls may take."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.deadline import RESERVE_S, left_s
from pipeline.contracts import Envelope, Request


def envelope(received_at: float, allowed_s: float) -> Envelope:
    request = Request(input="How deep is it?", tenant="acme")
    times = {"received_at": received_at, "deadline_at": received_at + allowed_s}
    return Envelope(id="r1", request=request, fingerprint="f", lane="interactive", policy_revision="0", **times)


@pytest.mark.parametrize(("allowed_s", "left"), [(10.0, 10.0 - RESERVE_S), (0.2, 0.19)])
def test_a_moment_is_kept_and_of_a_short_deadline_a_twentieth(allowed_s: float, left: float) -> None:
    assert left_s(envelope(100.0, allowed_s), 100.0) == pytest.approx(left)


@given(st.floats(0.001, 1e4), st.floats(0.0, 2.0))
def test_no_call_lasts_to_the_deadline(allowed_s: float, share: float) -> None:
    """What is kept is never more than a twentieth, so that even the shortest deadline lets a call be made."""
    now = allowed_s * share
    left = left_s(envelope(0.0, allowed_s), now)
    assert allowed_s * 0.95 - now <= left + 1e-9
    assert left < allowed_s - now
