"""A small part of the million lines, so that it cannot rot: one worker that may lead is killed in the middle."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.million import in_turn, pools

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.xdist_group("load")


def test_a_worker_is_killed_under_a_batch_and_every_line_has_one_result() -> None:
    options = "--lines 600 --kills 1 --rate 0 --batch-workers 2 --json"
    command = [sys.executable, "-m", "bench.million", *options.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert (found["kills"], found["status"], found["answered"]) == (1, "completed", 600)
    assert (found["rows"], found["rows_repeated"], found["rows_missing"], found["results"]) == (600, 0, 0, 600)
    assert found["records"] == 600
    assert found["calls"] >= 600
    assert found["calls_repeated"] <= found["hands"]
    assert set(found["memory_mib"]) == {"0%", "10%", "50%", "100%"}
    assert {"interactive-0", "batch-0", "batch-1"} <= set(found["cpu_ms"])
    assert found["cpu_ms"]["nats"] > 0
    assert found["flat"] is None, "of few lines nothing is said"


def test_each_lane_has_its_pool_or_all_serve_both() -> None:
    assert pools(1, 2, None) == {
        "interactive-0": ("--lanes", "interactive"),
        "batch-0": ("--lanes", "batch"),
        "batch-1": ("--lanes", "batch"),
    }
    assert pools(1, 1, 19)["batch-0"] == ("--lanes", "batch", "--nice", "19")
    assert pools(2, 0, 19) == {"worker-0": (), "worker-1": ()}


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize("batch_workers", [0, 1, 2, 3])
def test_within_a_round_everybody_dies_and_the_door_once_in_four_at_most(workers: int, batch_workers: int) -> None:
    names = list(pools(workers, batch_workers, None))
    turns = in_turn(names)
    assert {*names, "door"} == set(turns)
    assert turns.count("door") == 1
    assert len(turns) >= 4
    assert turns[0].startswith("batch" if batch_workers else "worker"), "who may lead the batch is the first"
