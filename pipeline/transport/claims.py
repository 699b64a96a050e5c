"""Claim check: what is too large for one message lies in a bucket of objects, and the message says where.

Stages know nothing of it: the queue and the streams put bodies aside and bring them back by themselves.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson

from pipeline.contracts import is_name
from pipeline.errors import InvalidRequest, RequestTooLarge
from pipeline.layout import stream_of
from pipeline.ports import Objects

__all__ = ["BUCKET", "INLINE", "MARK", "MAX_BODY", "Claim", "Claims", "upload_name"]

BUCKET: Final = "bodies"
INLINE: Final = 917_504
"""Bytes that travel in a message themselves: seven eighths of what NATS takes, so that headers have room as well."""
MAX_BODY: Final = 32 * 1024 * 1024
"""Bytes of a request at most, unless the settings say otherwise."""
CLAIMED: Final = ("RESULTS", "JOURNAL")
"""Streams whose messages may be references. Records are chained by their bytes, and hold no texts that grow."""
MARK: Final = b'{"claim":'
_LONGEST_REFERENCE: Final = 1024


@dataclass(frozen=True, slots=True)
class Claim:
    """Which object holds a body, and what it must be."""

    name: str
    size: int
    sha256: str

    @classmethod
    def of(cls, prefix: str, body: bytes) -> "Claim":
        """The claim for `body`. Its name follows from its bytes, so that storing it again changes nothing."""
        digest = sha256(body).hexdigest()
        return cls(f"{prefix}.{digest[:32]}", len(body), digest)

    @classmethod
    def read(cls, body: bytes) -> "Claim | None":
        """The claim that `body` is; None: it is a body itself.

        Raises:
            InvalidRequest: it begins as a claim and is none.
        """
        if not body.startswith(MARK):
            return None
        try:
            given: Any = orjson.loads(body) if len(body) <= _LONGEST_REFERENCE else None
            name, size, digest = (given["claim"][key] for key in ("name", "size", "sha256"))
        except (orjson.JSONDecodeError, KeyError, TypeError):
            name, size, digest = None, None, None
        if not (isinstance(name, str) and isinstance(digest, str) and type(size) is int and size >= 0):
            raise InvalidRequest('claim: give {"claim": {"name", "size", "sha256"}} and nothing else', param="claim")
        return cls(name, size, digest)

    def dump(self) -> bytes:
        """The reference as it travels."""
        return MARK + orjson.dumps({"name": self.name, "size": self.size, "sha256": self.sha256}) + b"}"

    def fits(self, body: bytes) -> bool:
        """Whether `body` is what was put aside."""
        return len(body) == self.size and sha256(body).hexdigest() == self.sha256


def upload_name(tenant: str, request_id: str) -> str:
    """The object in which a caller of `tenant` leaves a request before it sends the reference."""
    return f"request.{tenant}.{request_id}"


class Claims:
    """Puts large bodies aside, and brings them back."""

    def __init__(self, objects: Objects, inline: int = INLINE) -> None:
        self._objects = objects
        self._inline = inline

    async def deposit(self, prefix: str, body: bytes) -> bytes:
        """What travels in place of `body`: itself, or a reference once it lies in the bucket."""
        if len(body) <= self._inline:
            return body
        claim = Claim.of(prefix, body)
        await self._objects.put(claim.name, body)
        return claim.dump()

    async def stored(self, subject: str, body: bytes) -> bytes:
        """The same for a message of a stream, where that may hold references."""
        if len(body) <= self._inline or stream_of(subject) not in CLAIMED:
            return body
        return await self.deposit(subject, body)

    async def collect(self, body: bytes) -> bytes | None:
        """The body that a message of our own stands for; None: it is gone."""
        if not body.startswith(MARK):
            return body
        claim = Claim.read(body)
        found = None if claim is None else await self._objects.get(claim.name)
        return found if found is not None and claim is not None and claim.fits(found) else None

    async def uploaded(self, body: bytes, tenant: str, most: int) -> bytes:
        """The request for which a caller of `tenant` sent a reference.

        Raises:
            InvalidRequest: the reference is none, is not its own, or does not fit what lies there.
            RequestTooLarge: it has more than `most` bytes.
        """
        claim = Claim.read(body)
        if claim is None:
            return body
        if claim.size > most:
            raise RequestTooLarge(f"the request has {claim.size} bytes; {most} are the most that is taken")
        head, _, rest = claim.name.partition(f".{tenant}.")
        if head != "request" or not is_name(rest):
            mine = upload_name(tenant, "<id>")
            raise InvalidRequest(f"claim: the object of a request of this tenant is called {mine}", param="claim")
        found = await self._objects.get(claim.name, most=claim.size)
        if found is None or not claim.fits(found):
            raise InvalidRequest(
                "claim: the object is not there, or has another size or digest: store it whole, then ask", param="claim"
            )
        return found
