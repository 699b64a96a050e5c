"""The reliability curve: its points, in a terminal and as a picture."""

from pathlib import Path

import pytest

from pipeline.calibrate.plot import bins_of, draw, draw_curve, save
from pipeline.errors import InvalidRequest

POINTS = [(n / 400, n % 4 != 0) for n in range(400)]


def test_bins_hold_as_many_answers_each_in_order() -> None:
    bins = bins_of(POINTS)
    assert sum(each.answers for each in bins) == 400
    assert max(each.answers for each in bins) - min(each.answers for each in bins) <= 1
    assert [each.said for each in bins] == sorted(each.said for each in bins)
    assert all(abs(each.came - 0.75) < 0.03 for each in bins)
    assert bins_of([]) == []


def test_the_terminal_shows_points_and_the_threshold_without_colours() -> None:
    pytest.importorskip("plotext", reason="the extra train is not installed")
    text = draw(POINTS, 0.8)
    assert "threshold, 0.800" in text
    assert "o" in text
    assert "\x1b" not in text
    assert "threshold" not in draw(POINTS, None)
    assert "score (o: probability" in draw_curve(lambda score: score**2, None)


def test_the_picture_is_a_png(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra train is not installed")
    file = tmp_path / "curve.png"
    save(file, POINTS, {"faq": 0.8}, "title")
    assert file.read_bytes().startswith(b"\x89PNG")
    for wrong in (tmp_path / "gone" / "curve.png", tmp_path / "curve.xyz"):
        with pytest.raises(InvalidRequest, match="the picture cannot be written"):
            save(wrong, POINTS, {}, "title")
