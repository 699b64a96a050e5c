"""Run protocols and say what came out.

python -m evaluation [--fit FOLDER] [--data FOLDER] [--only H1,S1] [--plots FOLDER] [--draw] [--quick] [--json]
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from evaluation import plots
from evaluation.data import Absent, Folder, sentence
from evaluation.protocols import PROTOCOLS, USUAL, protocol
from evaluation.report import Options, Report
from evaluation.show import plain, show

DATA = Path(os.environ.get("STEPWELL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what was asked for.

    0: also where a set was not there, which is said; 1: a protocol could not read its rows, which is said; 2: nothing
    could be run.
    """
    parser = _parser()
    chosen = parser.parse_args(arguments)
    names = [each.strip().upper() for each in chosen.only.split(",") if each.strip()]
    for name in names:
        if name not in PROTOCOLS:
            parser.error(f"there is no protocol {name}; there are {', '.join(PROTOCOLS)}")
    fit, data = Folder(chosen.fit or chosen.data), Folder(chosen.data)
    for folder in (fit, data):
        if not folder.path.is_dir():
            print(
                f"There is no folder {folder.path}; give the folder of the evaluation data as DATA=… (and FIT=…).",
                file=sys.stderr,
            )
            return 2
    reports, broken = _run(names, fit, data, chosen)
    _tell(reports, chosen)
    return 2 if not reports else int(broken)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m evaluation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fit", type=Path, help="what to learn from; as --data if not given")
    parser.add_argument("--data", type=Path, default=DATA, help="what to score")
    parser.add_argument("--only", default=",".join(USUAL), help=f"some of {','.join(PROTOCOLS)}")
    parser.add_argument("--rounds", type=int, default=Options().rounds, help="of the bootstrap")
    parser.add_argument("--seed", type=int, default=Options().seed, help="of all chance")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see whether it runs")
    parser.add_argument("--plots", type=Path, metavar="FOLDER", help="write each curve as a PNG into this folder")
    parser.add_argument("--draw", action="store_true", help="draw the curves here")
    parser.add_argument("--json", action="store_true", help="a JSON document")
    return parser


def _run(names: list[str], fit: Folder, data: Folder, chosen: argparse.Namespace) -> tuple[list[Report], bool]:
    rounds = 50 if chosen.quick else max(1, chosen.rounds)
    options = Options(rounds=rounds, seed=chosen.seed, quick=chosen.quick)
    reports, odd = [], False
    with _watched(len(names)) as bar:
        for place, name in enumerate(names):
            _moved(bar, place, name)
            own = replace(options, step=partial(_step, bar, place, name))
            try:
                reports.append(protocol(name)(fit, data, own))
            except Absent as missing:
                bar.console.print(f"{name} is left out: {missing}", highlight=False, markup=False)
            except Exception as broken:  # noqa: BLE001  what the other protocols found is not lost
                odd = True
                bar.console.print(f"{name} is left out: {sentence(broken)}", highlight=False, markup=False)
        _moved(bar, len(names), "done")
    return reports, odd


def _tell(reports: list[Report], chosen: argparse.Namespace) -> None:
    if chosen.json:
        json.dump([plain(report) for report in reports], sys.stdout, indent=1)
        print()
    for report in reports:
        if not chosen.json:
            show(report)
            if chosen.draw:
                print(plots.draw(report))
        if chosen.plots:
            for file in plots.save(report, chosen.plots):
                print(f"wrote {file}", file=sys.stderr)


@contextmanager
def _watched(steps: int) -> Iterator[Progress]:
    """A bar where somebody watches; elsewhere only what is printed over it."""
    columns = (BarColumn(20), TimeElapsedColumn(), TextColumn("{task.description}", markup=False))
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.add_task("", total=steps)
        yield bar


def _step(bar: Progress, place: int, name: str, said: str) -> None:
    _moved(bar, place, f"{name}: {said}")


def _moved(bar: Progress, place: int, said: str) -> None:
    bar.update(bar.task_ids[0], completed=place, description=said)


if __name__ == "__main__":
    sys.exit(main())
