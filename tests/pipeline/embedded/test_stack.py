"""The real programs together: up, in use, and gone without a trace."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, fields
from pathlib import Path

import psutil
import pytest

from pipeline.embedded.catalogue import find
from pipeline.embedded.home import Home
from pipeline.embedded.listening import free_port, is_free
from pipeline.embedded.options import Options, Ports
from pipeline.embedded.parts import waves
from pipeline.embedded.probes import fetch
from pipeline.embedded.pull import present
from pipeline.embedded.supervisor import Supervisor
from pipeline.settings import Settings

ROOT = Path(__file__).parents[3]


def some_ports():
    return Ports(**{field.name: free_port() for field in fields(Ports)})


def stepwell(home, *arguments, **environment):
    command = [sys.executable, "-m", "stages", *map(str, arguments)]
    env = {**os.environ, "STEPWELL_HOME": str(home), "COLUMNS": "300", **environment}
    return subprocess.run(command, env=env, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)


async def test_both_stores_and_the_scripted_models_answer_come_back_and_go(tmp_path):
    Home(tmp_path).prepare()
    options = Options(tmp_path, ROOT / "policies", "scripted", ports=some_ports())
    parts = Supervisor(options, waves(options)[:1], options.environment(os.environ))
    await parts.start()
    try:
        nats = next(part for part in parts.state.parts if part.name == "nats")
        os.kill(nats.process.pid, signal.SIGKILL)
        limit = time.monotonic() + 15
        while next(part for part in parts.state.parts if part.name == "nats").restarts == 0 or not all(
            part.condition == "ready" for part in parts.state.parts
        ):
            assert time.monotonic() < limit
            await asyncio.sleep(0.05)
        status, body = await fetch(f"http://127.0.0.1:{options.ports.monitor}/varz")
        assert (status, json.loads(body)["server_name"]) == (200, "stepwell")
    finally:
        await parts.stop()
    assert all(is_free(port) for port in (options.ports.nats, options.ports.valkey, options.ports.scripted))


@pytest.mark.slow
def test_up_ask_explain_status_and_down(tmp_path):
    """A question is answered and explained; a second up says so; after down no process and no port is left."""
    ports = some_ports()
    named = ",".join(f"{name}={port}" for name, port in asdict(ports).items())
    up = ("up", "--models", "scripted", "--detach", "--ports", named)
    first = stepwell(tmp_path, *up)
    assert first.returncode == 0, first.stdout + first.stderr
    try:
        parts = json.loads(stepwell(tmp_path, "status", "--json").stdout)
        assert parts["ready"] is True
        again = stepwell(tmp_path, *up)
        assert (again.returncode, again.stderr.split(":")[0]) == (1, "already_running")
        answer = stepwell(tmp_path, "ask", "What is a queue?", "--explain")
        assert answer.returncode == 0, answer.stderr
        assert "classify classified" in answer.stdout
        assert "answered by" in answer.stdout
        refused = stepwell(tmp_path, "ask", "Tell Anneke Verhoeven.", "--route", "abroad", "--origin", "EU")
        assert refused.returncode == 1
        assert "refused" in refused.stdout
    finally:
        down = stepwell(tmp_path, "down")
    assert down.stdout.strip() == "stopped"
    pids = [part["pid"] for part in parts["parts"] if part["pid"]]
    assert len(pids) >= 6
    assert not [pid for pid in pids if psutil.pid_exists(pid)]
    assert all(is_free(port) for port in asdict(ports).values())


@pytest.mark.slow
def test_a_demo_with_scripted_models_answers_everything_and_verifies(tmp_path):
    """Every request of a small file has a reply, the repeated one comes from the cache, and the log verifies."""
    file = tmp_path / "mine.jsonl"
    line = json.dumps({"input": "What is a queue?"})
    known = json.dumps({"request": {"input": "1 + 1?"}, "expected": {"answer": 2}})
    file.write_text(f"{line}\n{line}\n{known}\n")
    named = ",".join(f"{name}={port}" for name, port in asdict(some_ports()).items())
    run = stepwell(tmp_path, "demo", file, "--models", "scripted", "--ports", named, "--json")
    assert run.returncode == 0, run.stdout + run.stderr
    summary = json.loads(run.stdout)
    assert (summary["ok"], summary["models"], summary["requests"]) == (True, "scripted", 3)
    assert summary["served"]["cache"] == 1
    assert summary["small_only"]["asked"] == summary["large_only"]["asked"] == 1


@pytest.mark.models
async def test_a_real_model_loads_and_answers_with_the_whole_context_for_each_slot(tmp_path):
    path = present(find("smollm2-135m-instruct"), Home(Settings.from_environment().home))
    if path is None:
        pytest.skip("the weights of smollm2-135m-instruct are not on this machine; stepwell models pull fetches them")
    port = free_port()
    options = ("--path", str(path), "--port", str(port), "--alias", "tiny", "--context", "2048")
    server = await asyncio.create_subprocess_exec(sys.executable, "-m", "pipeline.embedded.model_server", *options)
    try:
        limit = time.monotonic() + 60
        while (answer := await fetch(f"http://127.0.0.1:{port}/health")) is None or answer[0] != 200:
            assert time.monotonic() < limit
            await asyncio.sleep(0.1)
        _, props = await fetch(f"http://127.0.0.1:{port}/props")
        told = json.loads(props)
        assert (told["default_generation_settings"]["n_ctx"], told["total_slots"]) == (2048, 2)
    finally:
        server.terminate()
        assert await server.wait() == 0
