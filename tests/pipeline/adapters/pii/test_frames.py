"""Values cross a pipe whole, whatever pieces they arrive in."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.frames import Inbox, pack


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        try:
            os.close(end)
        except OSError:
            continue


def test_all_that_has_arrived_is_taken_together(pipe: tuple[int, int]) -> None:
    inbox = Inbox(pipe[0])
    os.write(pipe[1], pack({"id": 1}) + pack({"id": 2}))
    assert list(inbox.take(wait=True)) == [{"id": 1}, {"id": 2}]
    assert list(inbox.take(wait=False)) == []


def test_the_end_of_the_other_side_is_noticed_and_what_came_before_it_is_kept(pipe: tuple[int, int]) -> None:
    inbox = Inbox(pipe[0])
    os.write(pipe[1], pack("last") + b"\x00\x00")
    os.close(pipe[1])
    assert list(inbox.take(wait=True)) == ["last"]
    assert list(inbox.take(wait=True)) == []
    assert inbox.ended


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)))), st.integers(1, 9))
def test_frames_in_pieces_are_the_same_frames(values: list[str], size: int) -> None:
    read, write = os.pipe()
    try:
        inbox, seen, body = Inbox(read), [], b"".join(map(pack, values))
        for at in range(0, len(body), size):
            os.write(write, body[at : at + size])
            seen += inbox.take(wait=False)
        assert seen == values
    finally:
        os.close(read)
        os.close(write)
