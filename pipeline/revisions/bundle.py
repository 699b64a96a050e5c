"""All files of a policy set as one thing, named by their content, and how it is cut up for a bucket."""

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Final

import orjson
from pydantic import Field, ValidationError

from pipeline.contracts import OpenContract, Whole
from pipeline.errors import PolicyInvalid, Unreadable
from pipeline.policy import Policy
from pipeline.policy.load import load_bundle, read_folder

__all__ = [
    "MAX_BUNDLE",
    "MAX_FILES",
    "PART",
    "Bundle",
    "FileEntry",
    "Manifest",
    "Sha256",
    "digest_of",
    "joined",
    "manifest_from",
    "packed",
    "unpacked",
]

PART: Final = 524_288
"""Bytes of one part of a file: half of what nats-server takes in one message by default. Keys of parts rest on it, so
it stays what it is."""
MAX_BUNDLE: Final = 134_217_728
"""Bytes of all files together."""
MAX_FILES: Final = 256

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class FileEntry(OpenContract):
    """One file of a bundle: the digest and the number of its bytes, and in how many parts it is stored."""

    digest: Sha256
    size: Whole = Field(ge=0, le=MAX_BUNDLE)
    parts: Whole = Field(ge=1)


class Manifest(OpenContract):
    """What a bundle holds."""

    files: dict[str, FileEntry] = Field(min_length=1, max_length=MAX_FILES)


@dataclass(frozen=True)
class Bundle:
    """The files of a policy set by relative path: YAML, and the prompts, schemas and models it names."""

    files: Mapping[str, bytes]

    @classmethod
    def of_folder(cls, folder: Path) -> "Bundle":
        """All files that belong to the policy set in a folder.

        Raises:
            PolicyInvalid: there is no such folder, no policy file in it, or more than can be stored.
        """
        return cls(read_folder(folder)).bounded(str(folder))

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """SHA-256 of each file."""
        return {name: digest_of(body) for name, body in self.files.items()}

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names and contents of all files, in the order of the names."""
        return digest_of(orjson.dumps(dict(self.digests), option=orjson.OPT_SORT_KEYS))

    def by_digest(self) -> dict[str, bytes]:
        """The contents by their digest."""
        return {self.digests[name]: body for name, body in self.files.items()}

    def policy(self, environment: Mapping[str, str], name: str = "") -> Policy:
        """The policy that the files make here.

        Raises:
            PolicyInvalid: with one line for each problem; `name` stands before the files' names in it.
        """
        return load_bundle(self.files, environment, name=name)

    def bounded(self, name: str) -> "Bundle":
        """The bundle itself, where it is not larger than what is stored.

        Raises:
            PolicyInvalid: it is.
        """
        if len(self.files) > MAX_FILES:
            raise PolicyInvalid(f"{name}: there are {len(self.files)} files and {MAX_FILES} can be stored; join some")
        size = sum(map(len, self.files.values()))
        if size > MAX_BUNDLE:
            largest = max(self.files, key=lambda path: len(self.files[path]))
            raise PolicyInvalid(
                f"{name}: the files have {size} bytes together and {MAX_BUNDLE} can be stored;"
                f" the largest is {largest} with {len(self.files[largest])}"
            )
        return self


def digest_of(body: bytes) -> str:
    """SHA-256 as 64 hex digits."""
    return hashlib.sha256(body).hexdigest()


def packed(body: bytes) -> list[bytes]:
    """The bytes in parts that fit into values of a bucket, each compressed by itself; at least one."""
    return [zlib.compress(body[start : start + PART], 6) for start in range(0, max(1, len(body)), PART)]


def unpacked(part: bytes) -> bytes:
    """The opposite for one part; what is none is empty, and then the digest of the file does not match."""
    reader = zlib.decompressobj()
    try:
        return reader.decompress(part, PART + 1)
    except zlib.error:
        return b""


def joined(parts: list[bytes], entry: FileEntry, name: str) -> bytes:
    """The file that the parts make.

    Raises:
        Unreadable: they are not those of this file.
    """
    body = b"".join(map(unpacked, parts))
    if len(body) != entry.size or digest_of(body) != entry.digest:
        raise Unreadable(f"file {name} of the stored policy is damaged: its bytes do not match their digest")
    return body


def manifest_from(body: bytes) -> Manifest:
    """Read a stored manifest.

    Raises:
        Unreadable: these bytes are none.
    """
    try:
        return Manifest.model_validate_json(body)
    except ValidationError:
        raise Unreadable("a stored list of files cannot be read; was it written by a newer version?") from None
