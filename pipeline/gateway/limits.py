"""What the door bears from strangers."""

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    Attributes:
        body_bytes: size of a body.
        file_bytes: size of a file of requests, which is stored piece by piece.
        bodies_bytes: size of all large bodies that a process holds at a time; who comes then is told 503.
        body_s: time for a body to arrive.
        write_s: time for a caller to take one piece of a stream.
        idle_s: time without a request on a connection.
        head_s: time for the head of a request to arrive, from its first byte on.
        head_bytes: size of the head of a request.
        line_bytes: size of the request line and of one header.
        headers: number of headers.
        connections: connections that are open at a time; who comes then is told to come again (503).
    """

    body_bytes: int = 1_048_576
    file_bytes: int = 4_294_967_296
    bodies_bytes: int = 536_870_912
    body_s: float = 20.0
    write_s: float = 30.0
    idle_s: float = 75.0
    line_bytes: int = 8190
    headers: int = 64
    head_s: float = 10.0
    head_bytes: int = 65_536
    connections: int = 4096
