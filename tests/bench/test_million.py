"""A small part of the million lines, so that it cannot rot: one worker that may lead is killed in the middle."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.xdist_group("load")


def test_a_worker_is_killed_under_a_batch_and_every_line_has_one_result() -> None:
    command = [sys.executable, "-m", "bench.million", "--lines", "600", "--kills", "1", "--rate", "0", "--json"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout)
    assert (found["kills"], found["status"], found["answered"]) == (1, "completed", 600)
    assert (found["rows"], found["rows_repeated"], found["rows_missing"], found["results"]) == (600, 0, 0, 600)
    assert found["records"] == 600
    assert found["calls"] >= 600
    assert found["calls_repeated"] <= found["hands"]
    assert set(found["memory_mib"]) == {"0%", "10%", "50%", "100%"}
    assert found["cpu_ms"]["nats"] > 0
    assert found["flat"] is None, "of few lines nothing is said"
