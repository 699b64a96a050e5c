"""Run protocols and say what came out.

python -m evaluation [--fit FOLDER] [--data FOLDER] [--only H1,S1] [--plots FOLDER] [--quick] [--json]
"""

import argparse
import dataclasses
import json
import os
import sys
import time
from pathlib import Path

from evaluation.data import Absent, Folder
from evaluation.protocols import PROTOCOLS, protocol
from evaluation.report import Options, Report

DATA = Path(os.environ.get("STEPWELL_DATA", Path(__file__).parents[2] / "shared" / "data"))


def main() -> int:
    """Run what was asked for. 0: also where a set was not there, which is said."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fit", type=Path, help="what to learn from; as --data if not given")
    parser.add_argument("--data", type=Path, default=DATA, help="what to score")
    parser.add_argument("--only", default=",".join(PROTOCOLS), help=f"some of {','.join(PROTOCOLS)}")
    parser.add_argument("--quick", action="store_true", help="few rounds: to see whether it runs")
    parser.add_argument("--json", action="store_true", help="a JSON document")
    chosen = parser.parse_args()
    options = Options(rounds=50, quick=True) if chosen.quick else Options()
    fit, data = Folder(chosen.fit or chosen.data), Folder(chosen.data)
    reports = []
    for name in [each.strip().upper() for each in chosen.only.split(",") if each.strip()]:
        if name not in PROTOCOLS:
            parser.error(f"there is no protocol {name}; there are {', '.join(PROTOCOLS)}")
        began = time.perf_counter()
        try:
            reports.append(protocol(name)(fit, data, options))
        except Absent as missing:
            print(f"{name} skipped: {missing}", file=sys.stderr)
            continue
        print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
    if chosen.json:
        json.dump([_plain(report) for report in reports], sys.stdout, indent=1)
    else:
        for report in reports:
            print(report)
    return 0


def _plain(report: Report) -> dict[str, object]:
    told = dataclasses.asdict(report)
    for figure, own in zip(told["figures"], report.figures, strict=True):
        figure["met"] = own.met
    return told


if __name__ == "__main__":
    sys.exit(main())
