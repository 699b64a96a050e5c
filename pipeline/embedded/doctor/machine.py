"""The machine: ports, weights, disk and memory."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Final

import psutil

from pipeline.embedded.catalogue import DEFAULT_PAIR, Model, find
from pipeline.embedded.doctor.finding import Finding, attention, good, problem
from pipeline.embedded.home import Home
from pipeline.embedded.listening import is_free, listener_on
from pipeline.embedded.options import Ports
from pipeline.embedded.pull import present, sha256_of
from pipeline.embedded.state import RunState, running

__all__ = ["disk", "memory", "ports", "weights"]

_ROOM: Final = 2_000_000_000
_MEMORY: Final = 3_500_000_000
"""Bytes that both default models and the rest need, measured at 3.4 GB."""


def ports(home: Home, free: Callable[[int], bool] = is_free) -> Iterator[Finding]:
    """Each port is free, or used by the Stepwell of this folder."""
    state = running(home.state)
    wanted = state.options.ports if state else Ports()
    ours = _ours(state)
    for name, port in asdict(wanted).items():
        yield _port(name, port, port in ours, free)


def _ours(state: RunState | None) -> frozenset[int]:
    if state is None:
        return frozenset()
    monitor = {state.options.ports.monitor}
    return frozenset({part.port for part in state.parts if part.port is not None} | monitor)


def _port(name: str, port: int, ours: bool, free: Callable[[int], bool]) -> Finding:
    what = f"port {name}"
    if ours and free(port):
        sentence = f"port {port} belongs to our {name}, and nothing listens there"
        return attention(what, sentence, "see stepwell status, and the log of that part")
    if ours:
        return good(what, f"port {port} is used by our {name}")
    if free(port):
        return good(what, f"port {port} is free")
    by = listener_on(port)
    sentence = f"port {port} is in use by {by or 'another program'}"
    return attention(what, sentence, f"stop that program, or start with stepwell up --ports {name}={port + 1}")


def weights(home: Home, *, deep: bool) -> Iterator[Finding]:
    """The default pair of models is here, with the right size, and with `deep` the right hash."""
    for name in DEFAULT_PAIR:
        yield _weights(find(name), home, deep=deep)


def _weights(model: Model, home: Home, *, deep: bool) -> Finding:
    what = f"weights {model.name}"
    path = present(model, home)
    if path is None:
        advice = f"run stepwell models pull {model.name}, or use --models scripted"
        return attention(what, f"{model.name} is not on this machine", advice)
    if deep and sha256_of(path) != model.sha256:
        return problem(what, f"{path} is not the pinned file", f"delete it and run stepwell models pull {model.name}")
    checked = "hash checked now" if deep else "hash checked when it was fetched"
    return good(what, f"{model.name} is here, {checked}")


def disk(home: Home, free: int | None = None) -> Finding:
    """There is room in the data folder."""
    room = shutil.disk_usage(_existing(home.root)).free if free is None else free
    sentence = f"{room / 1e9:.1f} GB are free at {home.root}"
    if room < _ROOM:
        return attention("disk", sentence, "make room, or choose another folder with --home")
    return good("disk", sentence)


def memory(available: int | None = None) -> Finding:
    """There is memory for both models."""
    room = psutil.virtual_memory().available if available is None else available
    sentence = f"{room / 1e9:.1f} GB of memory are available"
    if room < _MEMORY:
        return attention("memory", sentence, "both models need 3.5 GB: close something, or use --models scripted")
    return good("memory", sentence)


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())
