"""A small part of the fault runs and benches, so that they cannot rot; all of them have make targets of their own."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.xdist_group("load")


def run(*command: str) -> Any:
    done = subprocess.run([sys.executable, "-m", *command, "--json"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


@pytest.mark.parametrize("deployment", ["fused", "split"])
def test_workers_killed_under_load_lose_double_and_forget_nothing(deployment: str) -> None:
    (count,) = run(
        "bench.faults", "--requests", "250", "--deployment", deployment, "--parallel", "16", "--every", "0.4"
    )
    assert count["kills"] >= 3
    assert (count["answered"], count["lost"], count["double_charges"]) == (250, 0, 0)
    assert (count["results"], count["without_record"], count["chain_problems"]) == (250, 0, 0)
    assert (count["ledger_missing"], count["ledger_beyond"], count["ledger_otherwise"]) == (0, 0, 0)
    assert count["ledger_lines"] >= 250


def test_a_killed_broker_loses_nothing_that_it_confirmed() -> None:
    (count,) = run("bench.faults", "--requests", "500", "--victim", "nats", "--parallel", "8", "--every", "0.05")
    assert count["kills"] >= 1
    assert (count["answered"], count["lost"], count["chain_problems"]) == (500, 0, 0)


def test_the_bench_measures_the_fused_worker_and_the_door_beside_their_relays() -> None:
    rows = {row["name"]: row for row in run("bench.run", "--quick", "--only-fused")}
    assert set(rows) == {"relay", "fused", "fused, cache hits", "HTTP relay", "HTTP door (alone)"}
    assert all(row["requests_per_s"] > 0 and row["latency"]["50/s"][0] > 0 for row in rows.values())
    assert rows["fused"]["cpu_ms"] > rows["relay"]["cpu_ms"] > 0


@pytest.mark.slow
def test_the_bench_of_the_door_measures_answers_hits_and_streams_beside_a_relay_and_the_upstream() -> None:
    rows = {row["name"]: row for row in run("bench.door", "--quick")["rows"]}
    assert set(rows) == {"plain upstream", "HTTP relay", "door, fused", "door, exact hits"}
    assert all(row["requests_per_s"] > 0 and row["latency_ms"][0] > 0 for row in rows.values())
    assert rows["door, fused"]["cpu_ms"] > rows["door, exact hits"]["cpu_ms"] > 0
    streamed = [row for name, row in rows.items() if name != "door, exact hits"]
    assert all(row["chunks_per_s"] > 0 and row["chunk_delay_ms"][0] > 0 for row in streamed)


def test_the_backlog_bench_has_a_backlog_to_the_end() -> None:
    found = run("bench.backlog", "--backlog", "1500", "--seconds", "2")
    assert found["batch_left"] > 0


def test_what_planning_saw_travels_without_its_defaults() -> None:
    rows = {row["name"]: row for row in run("bench.micro_envelope", "--calls", "20")}
    for kind in ("with planning", "without planning"):
        assert rows[f"{kind}, lean"]["bytes"] < 0.8 * rows[f"{kind}, whole"]["bytes"]


def test_the_learned_score_of_difficulty_is_measured_beside_its_baselines() -> None:
    pytest.importorskip("sklearn", reason="the extra train is not installed")
    (row,) = run("bench.difficulty", "--quick")
    assert row["pays"]
    assert row["gain"]["apgr"] > 0.8
    assert {"tfidf", "complexity", "over_chance", "calibration_error"} <= set(row)


def test_two_hundred_at_once_with_a_worker_killed_in_the_middle_dispatch_no_more_than_there_is_room_for() -> None:
    found = run("bench.budget", "--repetitions", "1")
    assert (found["most_dispatched"], found["lost"], found["broken"]) == (10, 0, 0)
    assert found["workers_killed"] == 1


def test_the_ledger_is_measured_beside_a_bare_round_trip() -> None:
    found = run("bench.micro_money", "--attempts", "40")
    assert found["1 at a time"]["ratio_to_ping"] > 1.0
