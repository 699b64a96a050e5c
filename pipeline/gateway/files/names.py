"""Ids of the files that a batch brings forth: nothing is stored under them, their rows are written when asked for."""

from hashlib import sha256
from typing import Final, NamedTuple

from pipeline.contracts import is_name

__all__ = ["Brought", "brought_by", "error_file", "id_from_key", "output_file"]

_HEAD: Final = "file-"
_OUTPUT: Final = "-output"
_ERRORS: Final = "-errors"


class Brought(NamedTuple):
    """A file that a batch brings forth."""

    batch: str
    errors: bool


def output_file(batch: str) -> str:
    """The id of the file with the answers of a batch."""
    return f"{_HEAD}{batch}{_OUTPUT}"


def error_file(batch: str) -> str:
    """The id of the file with the lines of a batch that have no answer."""
    return f"{_HEAD}{batch}{_ERRORS}"


def brought_by(file: str) -> Brought | None:
    """What such an id says; None: it is that of a file which somebody sent."""
    for tail, errors in ((_OUTPUT, False), (_ERRORS, True)):
        batch = file.removeprefix(_HEAD).removesuffix(tail)
        if file.startswith(_HEAD) and file.endswith(tail) and is_name(batch):
            return Brought(batch, errors)
    return None


def id_from_key(kind: str, tenant: str, key: str | None) -> str | None:
    """The id that an idempotency key of a tenant leads to, always the same; None: without a key a new one is made."""
    if not key:
        return None
    digest = sha256(f"{tenant}\0{key}".encode("utf-8", "surrogateescape")).hexdigest()
    return f"{kind}-{digest[:32]}"
