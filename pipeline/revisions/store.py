"""The bucket `policy`: bundles that never change, events in their order, and how things stand.

    current            how things stand (`changes.Current`), written by compare-and-set
    event.<number>     each event once, from 1
    bundle.<sha256>    which files a bundle has, and its revision
    file.<sha256>.<n>  the parts of a file, compressed; a file that two bundles share is stored once
    governed.<revision>  the bundle of a revision that governed, so that a request can end under it

A change is one write: the event stands inside `current`, and is copied to its own key afterwards, at the latest before
the next change. So there is no moment at which the history lacks what is in force, wherever a program dies.
"""

import asyncio
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from pydantic import ValidationError

from pipeline.errors import ChangeRefused, NotFound, TransportUnavailable, Unreadable
from pipeline.ports import Bucket, Conflict, Entry
from pipeline.revisions.bundle import Bundle, FileEntry, Manifest, joined, manifest_from, packed, unpacked
from pipeline.revisions.changes import Current, Event

__all__ = ["CURRENT", "RevisionStore", "current_from"]

CURRENT: Final = "current"
_AT_ONCE: Final = 32
_REVISION: Final = re.compile(r"[0-9a-f]{16}")
_log = logging.getLogger("stepwell.policy")


class RevisionStore:
    """Reads and writes the bucket. All of it raises `TransportUnavailable` when NATS does not answer."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket

    # ------------------------------------------------------------ how things stand

    async def current(self) -> tuple[Current, int]:
        """How things stand, and the number of the write that says so (0: nothing was ever applied).

        Raises:
            Unreadable: it is there and cannot be read, or it is gone although there is a history.
        """
        entry = await self._bucket.get(CURRENT)
        if entry is not None:
            return current_from(entry), entry.revision
        if await self._bucket.get(_event(1)) is not None:
            raise Unreadable("the bucket `policy` has a history and no key `current`: somebody deleted it")
        return Current(), 0

    async def change(self, before: Current, seen: int, after: Current) -> None:
        """Make `after` of `before`, where nobody was faster. One write decides.

        Args:
            before: how things stood, as they were read.
            seen: the number of the write that was read.
            after: how they shall stand.

        Raises:
            ChangeRefused: somebody else changed something meanwhile; nothing was written.
        """
        if after == before:
            return
        await self._record(before)
        try:
            await self._bucket.put(CURRENT, _bytes(after), expected=seen)
        except Conflict:
            raise ChangeRefused("somebody else changed the policy meanwhile: look at the history, then again") from None
        try:
            await self._record(after)
        except TransportUnavailable as error:
            _log.warning("the change is in force, its own line of the history follows with the next: %s", error.message)

    async def _record(self, current: Current) -> None:
        """Give the last event its own key, and what it put into force its name."""
        event = current.last
        if event is None:
            return
        try:
            await self._bucket.put(_event(event.number), event.model_dump_json().encode(), expected=0)
        except Conflict:
            return
        if event.in_force is not None and event.in_force != event.before:
            await self._bucket.put(_governed(event.in_force.revision), event.in_force.bundle.encode())

    # ------------------------------------------------------------ the history

    async def history(self, current: Current, *, last: int | None = None) -> list[Event]:
        """The events, the newest first; the `last` ones, or all.

        Raises:
            Unreadable: one of them is missing or cannot be read.
        """
        first = 1 if last is None else max(1, current.number - last + 1)
        found = [] if current.last is None else [current.last]
        for numbers in _chunks(range(current.number - 1, first - 1, -1)):
            found += await asyncio.gather(*map(self._read_event, numbers))
        return found[:last]

    async def _read_event(self, number: int) -> Event:
        entry = await self._bucket.get(_event(number))
        if entry is None:
            raise Unreadable(f"event {number} of the history is missing in the bucket `policy`")
        try:
            return Event.model_validate_json(entry.value)
        except ValidationError:
            raise Unreadable(f"event {number} of the history cannot be read") from None

    async def governed(self, revision: str) -> str | None:
        """The digest of the bundle of a revision that was in force once; None: none of this name was."""
        if not _REVISION.fullmatch(revision):
            return None
        entry = await self._bucket.get(_governed(revision))
        return None if entry is None else entry.value.decode("ascii", "replace")

    # ------------------------------------------------------------ bundles

    async def put(self, bundle: Bundle) -> None:
        """Store a bundle; what is stored already is not stored again. Nothing of it is in force by that."""
        if await self._bucket.get(_bundle(bundle.digest)) is None:
            entries = {name: await self._put_file(name, bundle) for name in sorted(bundle.files)}
            await self._once(_bundle(bundle.digest), Manifest(files=entries).model_dump_json().encode(), manifest_from)

    async def _put_file(self, name: str, bundle: Bundle) -> FileEntry:
        body, digest = bundle.files[name], bundle.digests[name]
        parts = await asyncio.to_thread(packed, body)
        for number, part in enumerate(parts):
            await self._once(_part(digest, number), part, unpacked)
        return FileEntry(digest=digest, size=len(body), parts=len(parts))

    async def _once(self, key: str, value: bytes, meaning: Callable[[bytes], object]) -> None:
        """Write what never changes. It may be there already, compressed by another version of the same library."""
        try:
            await self._bucket.put(key, value, expected=0)
        except Conflict:
            stored = await self._bucket.get(key)
            if stored is None or meaning(stored.value) != meaning(value):
                raise Unreadable(
                    f"{key} in the bucket `policy` is not what its name says: somebody wrote over it"
                ) from None

    async def manifest(self, digest: str) -> Manifest:
        """Which files a bundle has.

        Raises:
            NotFound: it is not stored.
            Unreadable: it cannot be read.
        """
        entry = await self._bucket.get(_bundle(digest))
        if entry is None:
            raise NotFound(f"the files of policy {digest[:16]} are not in the bucket `policy`")
        return manifest_from(entry.value)

    async def bundle(self, digest: str, held: Mapping[str, bytes] | None = None) -> Bundle:
        """The files of a bundle, byte by byte those that were applied. What is in `held`, by digest, is not fetched.

        Raises:
            NotFound: it is not stored, or not all of it.
            Unreadable: something of it is not what its digest says.
        """
        manifest = await self.manifest(digest)
        here = held or {}
        files = {
            name: here[entry.digest] if entry.digest in here else await self._file(name, entry)
            for name, entry in manifest.files.items()
        }
        bundle = Bundle(files)
        if await asyncio.to_thread(lambda: bundle.digest) != digest:
            raise Unreadable(f"the stored list of files of policy {digest[:16]} does not match its digest")
        return bundle

    async def _file(self, name: str, entry: FileEntry) -> bytes:
        parts: list[bytes] = []
        for numbers in _chunks(range(entry.parts)):
            found = await asyncio.gather(*(self._bucket.get(_part(entry.digest, number)) for number in numbers))
            parts += [part.value for part in found if part is not None]
        if len(parts) != entry.parts:
            raise NotFound(f"file {name} of a policy is not in the bucket `policy`, or not all of it")
        return await asyncio.to_thread(joined, parts, entry, name)


def current_from(entry: Entry) -> Current:
    """Read the value of the key `current`.

    Raises:
        Unreadable: it is none.
    """
    try:
        return Current.model_validate_json(entry.value)
    except ValidationError:
        raise Unreadable(
            "the key `current` of the bucket `policy` cannot be read: deleted, or of a newer version?"
        ) from None


def _chunks(numbers: range) -> Iterator[range]:
    return (numbers[start : start + _AT_ONCE] for start in range(0, len(numbers), _AT_ONCE))


def _bytes(current: Current) -> bytes:
    return current.model_dump_json().encode()


def _event(number: int) -> str:
    return f"event.{number:08d}"


def _bundle(digest: str) -> str:
    return f"bundle.{digest}"


def _governed(revision: str) -> str:
    return f"governed.{revision}"


def _part(digest: str, number: int) -> str:
    return f"file.{digest}.{number}"
