"""Who listens on which port of this machine."""

import socket
from dataclasses import asdict, replace

import psutil

from pipeline.embedded.options import Ports

__all__ = ["around", "free_port", "is_free", "listener_on"]


def is_free(port: int) -> bool:
    """Whether a program may listen on this port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nobody listens on now, chosen by the system."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def around(ports: Ports) -> Ports:
    """The same ports, but for those that somebody listens on: a free one stands in for each of them."""
    return replace(ports, **{name: free_port() for name, port in asdict(ports).items() if not is_free(port)})


def listener_on(port: int) -> str | None:
    """Name and pid of the program that listens on `port`, where the system lets us see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
                return f"{psutil.Process(connection.pid).name()}, pid {connection.pid}" if connection.pid else None
    except psutil.Error:
        return None
    return None
