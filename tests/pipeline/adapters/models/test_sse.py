"""Server-sent events, cut anywhere."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.sse import LARGEST_EVENT, EventReader

LINES = st.sampled_from(
    [
        b"data: one",
        b"data:two",
        b"data",
        b"data:",
        b"data:  padded",
        b": a comment",
        b"event: x",
        b"id: 7",
        b"",
        b"datax: no",
    ]
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


def expected(lines: list[bytes]) -> list[bytes]:
    """The definition, written down line by line."""
    events, data = [], None
    for line in lines:
        if line == b"":
            if data is not None:
                events.append(b"\n".join(data))
            data = None
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data = [*(data or []), value.removeprefix(b" ")]
    return events


@given(st.lists(st.tuples(LINES, ENDS), max_size=30), st.lists(st.integers(0, 400), max_size=12), st.booleans())
def test_events_do_not_depend_on_where_the_bytes_are_cut(
    lines: list[tuple[bytes, bytes]], cuts: list[int], bom: bool
) -> None:
    """A lone CR before an LF of the next line cannot be told from CR LF, so such pairs are left out."""
    pairs = [(line, b"\r\n" if end == b"\r" else end) for line, end in lines]
    stream = (b"\xef\xbb\xbf" if bom else b"") + b"".join(line + end for line, end in pairs)
    edges = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})
    reader = EventReader()
    got = [event for a, b in pairwise(edges) for event in reader.feed(stream[a:b])]
    assert got == expected([line for line, _ in pairs])


def test_lines_may_end_with_a_lone_carriage_return() -> None:
    reader = EventReader()
    assert reader.feed(b"data: a\rdata: b\r") == []
    assert reader.feed(b"\rdata: c\r\r") == [b"a\nb", b"c"]


def test_an_event_that_the_stream_does_not_finish_is_dropped() -> None:
    assert EventReader().feed(b"data: whole\n\ndata: half\n") == [b"whole"]


@pytest.mark.parametrize("endless", [b"data: " + b"x" * 65536, b"data: " + b"x" * 65535 + b"\n"])
def test_an_endless_event_is_not_collected_for_ever(endless: bytes) -> None:
    reader = EventReader()

    def flood() -> None:
        for _ in range(2 * LARGEST_EVENT // 65536):
            reader.feed(endless)

    with pytest.raises(ValueError):
        flood()
