"""One supervised program: how it is started, where its words go, and how it is ended."""

import asyncio
import ctypes
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipeline.embedded.probes import Probe

__all__ = ["Spec", "end", "last_words", "spawn"]

_LOG_LIMIT: Final = 5_000_000
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Spec:
    """A program to be run.

    Attributes:
        name: what a person calls it, and the name of its log.
        command: program and arguments.
        ready: tells when it answers; None: it is run to its end, which must be exit code 0.
        port: where it listens, if it does.
        patience_s: seconds it may take until it answers.
        watched: whether a running program that no longer answers is restarted.
        files: what it reads, written anew at each start.
    """

    name: str
    command: tuple[str, ...]
    ready: Probe | None = None
    port: int | None = None
    patience_s: float = 30.0
    watched: bool = False
    files: tuple[tuple[Path, str], ...] = ()


async def spawn(spec: Spec, environment: Mapping[str, str], logs: Path) -> Process:
    """Start the program in a session of its own, so that Ctrl-C reaches the supervisor alone."""
    for path, text in spec.files:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text)
    descriptor = _open_log(logs / f"{spec.name}.log")
    try:
        return await asyncio.create_subprocess_exec(
            *spec.command,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=descriptor,
            stderr=descriptor,
            start_new_session=True,
            preexec_fn=_dies_with_parent(),
        )
    finally:
        os.close(descriptor)


async def end(process: Process, grace_s: float) -> None:
    """Ask the program to stop; after `grace_s` seconds make it."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), grace_s)
    except TimeoutError:
        process.kill()
        await process.wait()


def last_words(logs: Path, name: str) -> str:
    """The last line of a program's log that says something."""
    try:
        lines = (logs / f"{name}.log").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _open_log(path: Path) -> int:
    if path.exists() and path.stat().st_size > _LOG_LIMIT:
        path.replace(path.with_suffix(".log.1"))
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _dies_with_parent() -> Callable[[], None] | None:
    """On Linux: have the kernel kill the child when the supervisor dies, even by SIGKILL.

    It is SIGKILL: what a program of ours was doing is in a durable queue, and nobody is left who could insist.
    Elsewhere only an orderly end of the supervisor takes the children along.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)

    return tie
