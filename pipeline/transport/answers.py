"""What comes to a caller's inbox beside the contracts: headers of errors, and parts of large replies."""

import math
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

from pipeline.contracts import ErrorBody, Reply
from pipeline.errors import kind_of
from pipeline.transport.claims import INLINE, Claim

__all__ = ["PARTS_HEADER", "PART_HEADER", "SHA256_HEADER", "error_headers", "inbox_body", "parts"]

PARTS_HEADER: Final = "Stepwell-Parts"
"""Set by a caller of `result` that takes a large reply in several messages, ended by an empty one."""
PART_HEADER: Final = "Stepwell-Part"
"""Which part of how many a message is, for instance `2/5`."""
SHA256_HEADER: Final = "Stepwell-Sha256"
"""The digest of all parts together."""
PART: Final = 512 * 1024


def error_headers(error: ErrorBody | None) -> dict[str, str] | None:
    """What the headers of NATS services say of an error; None: there is none."""
    if error is None:
        return None
    headers = {
        "Nats-Service-Error": " ".join(error.message.split()),
        "Nats-Service-Error-Code": str(kind_of(error.code).http_status),
    }
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return headers


def inbox_body(reply: Reply, body: bytes) -> bytes:
    """What is sent for a reply: its bytes, or where they are too many, the id under which it is fetched."""
    if len(body) <= INLINE:
        return body
    return Claim(reply.id, len(body), sha256(body).hexdigest()).dump()


def parts(body: bytes) -> Iterator[tuple[bytes, dict[str, str]]]:
    """A body in pieces that each fit into a message, with their headers."""
    digest = sha256(body).hexdigest()
    pieces = [body[start : start + PART] for start in range(0, len(body), PART)]
    for number, piece in enumerate(pieces, 1):
        yield piece, {PART_HEADER: f"{number}/{len(pieces)}", SHA256_HEADER: digest}
