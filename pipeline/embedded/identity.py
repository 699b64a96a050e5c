"""Processes by pid and birth, so that a pid which the system gave away again is never taken for ours."""

from dataclasses import dataclass
from typing import Final

import psutil

__all__ = ["ProcessId"]

_SAME_BIRTH_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process: its number, and when it was born (Unix seconds, as the system tells)."""

    pid: int
    born: float

    @classmethod
    def of(cls, pid: int) -> "ProcessId | None":
        """The process that has this number now; None when there is none."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.Error:
            return None

    def process(self) -> psutil.Process | None:
        """The process, if it still lives; a zombie does not."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.born) < _SAME_BIRTH_S
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.Error:
            return None

    @property
    def alive(self) -> bool:
        """Whether it still lives."""
        return self.process() is not None
