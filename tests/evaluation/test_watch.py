"""The protocol of watching runs in its quick form, and its figures are those that the arithmetic promises."""

from pathlib import Path

from evaluation.data import Folder
from evaluation.protocols import protocol
from evaluation.report import Options


def test_false_alarms_are_as_rare_as_promised_and_worse_rates_are_found_sooner(tmp_path: Path) -> None:
    nothing = Folder(tmp_path)
    report = protocol("WATCH")(nothing, nothing, Options(quick=True))
    figures = {figure.name: figure for figure in report.figures}
    false = figures["false alarms within 10,000 labels"]
    assert false.low is not None
    assert false.low <= 0.01
    assert false.baseline == 1.0, "the rule of thumb cries wolf in every stream"
    delays = [figures[f"labels until {rate} is found (median)"].ours for rate in ("3%", "4%", "10%", "30%")]
    assert delays == sorted(delays, reverse=True)
    assert 450 < delays[1] < 800
    assert figures["flagged: no drift"].ours == 0.0
