"""Processes by pid and birth, so that a pid which the system gave away again is never taken for ours."""

from dataclasses import dataclass
from typing import Final

import psutil

__all__ = ["ProcessId", "listener_on"]

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


def listener_on(port: int) -> str | None:
    """Name and pid of the program that listens on `port`, where the system lets us see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}" if connection.pid else None
    except psutil.Error:
        return None
    return None
