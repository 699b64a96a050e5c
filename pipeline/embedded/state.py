"""The state file: which processes belong to a data folder, written whole or not at all."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import TypeAdapter, ValidationError

from pipeline.embedded.identity import ProcessId
from pipeline.embedded.options import Options

__all__ = ["PartState", "RunState", "read_state", "running", "write_state"]

Condition = Literal["waiting", "starting", "ready", "restarting", "done", "stopped"]


@dataclass(frozen=True, slots=True)
class PartState:
    """One part: its process, since when it runs (Unix seconds), how often it was restarted."""

    name: str
    condition: Condition
    process: ProcessId | None = None
    port: int | None = None
    started_at: float | None = None
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class RunState:
    """A running Stepwell."""

    supervisor: ProcessId
    options: Options
    ready: bool
    parts: tuple[PartState, ...] = field(default=())


_ADAPTER: Final = TypeAdapter(RunState)


def write_state(path: Path, state: RunState) -> None:
    """Replace the state file."""
    draft = path.with_suffix(".new")
    draft.write_bytes(_ADAPTER.dump_json(state, indent=2))
    draft.replace(path)


def read_state(path: Path) -> RunState | None:
    """What the state file says; None without one, or when it is of another version of ours."""
    try:
        return _ADAPTER.validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def running(path: Path) -> RunState | None:
    """The state, if its supervisor still lives."""
    state = read_state(path)
    return state if state is not None and state.supervisor.alive else None


def survivors(parts: Iterable[PartState]) -> list[ProcessId]:
    """The processes among `parts` that still live."""
    return [part.process for part in parts if part.process is not None and part.process.alive]
