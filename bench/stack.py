"""The parts of a measurement: real servers and workers on free ports, in a folder of their own."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
from ruamel.yaml import YAML

from pipeline.embedded.binaries import nats_server, valkey_server
from pipeline.settings import Settings

__all__ = ["DEPLOYMENTS", "Stack", "free_port", "stack"]

DEPLOYMENTS: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "fused": (("classify", "plan", "recall", "draft", "check", "escalate", "audit"),),
    "two": (("classify", "plan", "recall"), ("draft", "check", "escalate", "audit")),
    "split": (("classify",), ("plan",), ("recall",), ("draft",), ("check",), ("escalate",), ("audit",)),
}


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_port(port: int, timeout_s: float = 20.0) -> None:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(0.02)
    raise RuntimeError(f"nothing listens on port {port}")


@dataclass
class Stack:
    """NATS, Valkey and scripted models; workers come and go.

    `cpu_s` and `rss_mib` count the processes started under a name that begins with the one given.
    """

    home: Path
    policies: Path
    nats_port: int = field(default_factory=free_port)
    valkey_port: int = field(default_factory=free_port)
    models_port: int = field(default_factory=free_port)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """What the processes find in their environment."""
        models = f"http://127.0.0.1:{self.models_port}/v1"
        return {
            **os.environ,
            "STEPWELL_HOME": str(self.home),
            "STEPWELL_NATS": f"nats://127.0.0.1:{self.nats_port}",
            "STEPWELL_VALKEY": f"redis://127.0.0.1:{self.valkey_port}/0",
            "STEPWELL_POLICIES": str(self.policies),
            "STEPWELL_SECRET": "a secret of the bench",
            "STEPWELL_SMALL_URL": models,
            "STEPWELL_LARGE_URL": models,
            "STEPWELL_US_URL": models,
            "STEPWELL_LOG": os.environ.get("STEPWELL_LOG", "ERROR"),
        }

    @property
    def settings(self) -> Settings:
        """The same for this process."""
        return Settings.from_environment(self.environment)

    def run(self, name: str, command: Sequence[str], **changes: str) -> subprocess.Popen[bytes]:
        """Start a process; what it prints goes to a file of its name."""
        log = (self.home / f"{name}.log").open("ab")
        self.processes[name] = process = subprocess.Popen(
            command, env={**self.environment, **changes}, stdout=log, stderr=log, cwd=Path(__file__).parent.parent
        )
        return process

    def start_nats(self) -> None:
        """Start nats-server on its store, which survives a kill."""
        store = self.home / "nats"
        self.run("nats", [str(nats_server()), "-a", "127.0.0.1", "-p", str(self.nats_port), "-js", "-sd", str(store)])
        _await_port(self.nats_port)

    def start_valkey(self) -> None:
        """Start Valkey without persistence."""
        command = [str(valkey_server()), "--port", str(self.valkey_port), "--bind", "127.0.0.1"]
        self.run("valkey", [*command, "--save", "", "--appendonly", "no", "--dir", str(self.home)])
        _await_port(self.valkey_port)

    def start_models(self, delay_ms: str = "0", *options: str) -> None:
        """Start the scripted models."""
        command = [sys.executable, "-m", "pipeline.embedded.scripted", "--port", str(self.models_port)]
        self.run("models", [*command, "--delay-ms", delay_ms, *options])
        _await_port(self.models_port)

    def provision(self, *options: str) -> None:
        """Make streams and consumers."""
        command = [sys.executable, "-m", "stages", "provision", *options]
        subprocess.run(command, env=self.environment, check=True, stdout=subprocess.DEVNULL)

    def start_worker(self, name: str, stages: Sequence[str], *options: str) -> None:
        """Start one worker process."""
        self.run(name, [sys.executable, "-m", "stages", "worker", *stages, *options])

    def start_deployment(self, deployment: str) -> None:
        """Start the workers of a deployment, one process for each set of stages."""
        for stages in DEPLOYMENTS[deployment]:
            self.start_worker(f"worker-{'-'.join(stages)}", stages)

    def stop(self, prefix: str = "") -> None:
        """Stop the processes whose names begin so."""
        chosen = [name for name in self.processes if name.startswith(prefix)]
        for name in chosen:
            self.processes[name].send_signal(signal.SIGTERM)
        for name in chosen:
            process = self.processes.pop(name)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def used(self) -> dict[str, tuple[float, float]]:
        """Resident MiB and CPU seconds of each, with what it started, from one look at the system."""
        below: dict[int, list[psutil.Process]] = {}
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.NoSuchProcess):
                below.setdefault(process.ppid(), []).append(process)
        return {name: _used(psutil.Process(started.pid), below) for name, started in self.processes.items()}

    def _measured(self, prefix: str) -> list[psutil.Process]:
        roots = [psutil.Process(p.pid) for name, p in self.processes.items() if name.startswith(prefix)]
        return [process for root in roots for process in (root, *root.children(recursive=True))]

    def cpu_s(self, prefix: str) -> float:
        """CPU seconds used so far, user and system."""
        return sum(_cpu_s(process) for process in self._measured(prefix))

    def rss_mib(self, prefix: str) -> float:
        """Resident memory now."""
        return sum(process.memory_info().rss for process in self._measured(prefix)) / 2**20


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _used(root: psutil.Process, below: Mapping[int, Sequence[psutil.Process]]) -> tuple[float, float]:
    mib = cpu_s = 0.0
    left = [root]
    while left:
        process = left.pop()
        left += below.get(process.pid, ())
        with contextlib.suppress(psutil.NoSuchProcess):
            mib += process.memory_info().rss / 2**20
            cpu_s += _cpu_s(process)
    return mib, cpu_s


def policies_for_bench(folder: Path, *, slots: int, names: bool) -> Path:
    """The default policies with room for load: many slots, no stream time-outs, and names only on request."""
    source = Path(__file__).parent.parent / "policies"
    shutil.copytree(source, folder)
    yaml = YAML()

    def change(name: str, edit: Any) -> None:
        path = folder / name
        document = yaml.load(path)
        edit(document)
        yaml.dump(document, path)

    def models(document: Any) -> None:
        for target in document["targets"].values():
            target["slots"] = slots
            target["timeouts"] = {"connect": 2, "total": 60}
        document["targets"]["small"]["model"] = "small"
        document["targets"]["large"]["model"] = "large"
        document["targets"]["us-large"]["model"] = "large"

    change("models.yaml", models)
    change("residency.yaml", lambda document: document.setdefault("scan", {}).update({"names": names}))
    return folder


@contextlib.contextmanager
def stack(*, slots: int = 512, names: bool = False) -> Iterator[Stack]:
    """A stack in a temporary folder, gone with the block."""
    home = Path(tempfile.mkdtemp(prefix="stepwell-bench-"))
    made = Stack(home, policies_for_bench(home / "policies", slots=slots, names=names))
    try:
        yield made
    finally:
        made.stop()
        shutil.rmtree(home, ignore_errors=True)


async def ready(made: Stack, timeout_s: float = 60.0) -> None:
    """Wait until the cascade answers."""
    from pipeline.client import Client
    from pipeline.contracts import Request
    from pipeline.errors import StepwellError
    from pipeline.transport.nats import connect

    link = await connect(made.settings, name="bench-ready")
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    await Client(link).ask(Request(input="Are you there?"), timeout_s=2)
                    return
                except StepwellError:
                    await asyncio.sleep(0.1)
    finally:
        await link.close()
