"""The policy in force for a process: what was applied governs; while nothing is, the folder does (docs/adr/0010)."""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from pipeline.errors import NotFound, PolicyInvalid, StepwellError
from pipeline.policy import Policy
from pipeline.policy.source import WatchedFolder
from pipeline.ports import Bucket, Clock
from pipeline.revisions.bundle import Bundle
from pipeline.revisions.changes import KEPT, Current, Named, Signature
from pipeline.revisions.store import CURRENT, RevisionStore

__all__ = ["LOOK_S", "AppliedPolicies", "Standing"]

LOOK_S: Final = 5.0
"""Seconds between two looks at the bucket, since a watch may be deaf; and until a load that failed is tried again."""
PAUSE_S: Final = 0.5
FETCH_S: Final = 2.0
"""How long a request may wait for the revision that it began with, in seconds."""
UNKNOWN_S: Final = 5.0
"""For how many seconds a revision that could not be had is not asked for again."""
TELL_S: Final = 10.0
_MET: Final = 8
"""Revisions kept beside those that governed lately, because requests brought them."""
_MANY: Final = 256

_log = logging.getLogger("stepwell.policy")


@dataclass(frozen=True, slots=True)
class Standing:
    """Which revision is in force in this process, where it is from, and what is wrong with a newer one, if it is."""

    revision: str
    origin: Literal["applied", "folder"]
    who: str | None = None
    why: str | None = None
    at: float | None = None
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Held:
    """An applied revision in memory, with its files, of which the next one may share the large ones."""

    policy: Policy
    bundle: Bundle


class AppliedPolicies:
    """A `PolicySource`: the revision that was applied, else that of the folder.

    Until it is known what governs nothing does, so `start` returns only then. What cannot be loaded here never takes
    force: the last good revision stays, and where there is none yet, `start` goes on waiting.
    """

    def __init__(
        self,
        folder: Path,
        bucket: Bucket,
        clock: Clock,
        environment: Mapping[str, str] | None = None,
        *,
        look_s: float = LOOK_S,
    ) -> None:
        """Nothing is read yet.

        Args:
            folder: governs while nothing is applied; may be missing or wrong while something is.
            bucket: the bucket `policy`.
            clock: tells how long something is unknown.
            environment: where `${NAME}` is looked up; the process environment when not given.
            look_s: seconds between two looks at the bucket.
        """
        self._path = folder
        self._bucket = bucket
        self._store = RevisionStore(bucket)
        self._clock = clock
        self._environment = dict(os.environ if environment is None else environment)
        self._look_s = look_s
        self._folder: WatchedFolder | None = None
        self._applied: Policy | None = None
        self._since: Signature | None = None
        self._held: dict[str, _Held] = {}
        self._seen = -1
        self._hopeless = -1
        self._why_hopeless = ""
        self._unknown: dict[str, float] = {}
        self._lock = asyncio.Lock()
        self._known = asyncio.Event()
        self._broken: PolicyInvalid | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: str | None = None

    # ------------------------------------------------------------ what is in force

    def current(self) -> Policy:
        """The revision in force.

        Raises:
            PolicyInvalid: `start` has not returned.
        """
        if self._applied is not None:
            return self._applied
        if self._folder is None:
            raise PolicyInvalid("it is not known yet which policy governs")
        return self._folder.current()

    def revision(self, digest: str) -> Policy | None:
        """A revision that is in memory: in force, in force lately, or met on a request."""
        held = self._held.get(digest)
        if held is not None:
            return held.policy
        return self._folder.revision(digest) if self._folder is not None else None

    @property
    def trouble(self) -> str | None:
        """Why something newer is not in force here; None when nothing is."""
        if self._trouble is None and self._applied is None and self._folder is not None:
            return self._folder.trouble
        return self._trouble

    def standing(self) -> Standing:
        """What is in force, and from where."""
        revision, since = self.current().revision, self._since
        if self._applied is None or since is None:
            return Standing(revision, "folder", trouble=self.trouble)
        return Standing(revision, "applied", since.who, since.why, since.at, self.trouble)

    async def catch_up(self, digest: str) -> Policy | None:
        """The revision that a request began with, fetched where it is not in memory.

        Another process may have heard of a change a moment earlier, and a request may have waited for days. None: it
        never was in force by an apply, or cannot be had within two seconds.
        """
        found = self.revision(digest)
        if found is not None or self._clock.monotonic() < self._unknown.get(digest, 0.0):
            return found
        try:
            async with asyncio.timeout(FETCH_S):
                found = await self._fetch(digest)
        except (StepwellError, TimeoutError) as error:
            _log.warning("revision %s of a request cannot be had: %s", digest, getattr(error, "message", "too slow"))
        if found is None:
            self._unknown = {} if len(self._unknown) >= _MANY else self._unknown
            self._unknown[digest] = self._clock.monotonic() + UNKNOWN_S
        return found

    # ------------------------------------------------------------ following

    async def start(self) -> None:
        """Begin to watch; return when it is known what governs, and it is loaded.

        Raises:
            PolicyInvalid: nothing is applied, and the folder is wrong.
        """
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._follow()), asyncio.create_task(self._look())]
        while not self._known.is_set():
            try:
                async with asyncio.timeout(TELL_S):
                    await self._known.wait()
            except TimeoutError:
                why = self._trouble or "the bucket `policy` does not answer"
                _log.error("no work is taken: it is not known, or cannot be loaded, which policy governs: %s", why)
        if self._broken is not None:
            await self.stop()
            raise self._broken

    async def stop(self) -> None:
        """Watch no longer. The revision in force stays."""
        going, self._tasks = set(self._tasks), []
        while going:
            # Again and again: a wait that ends in the same moment swallows the cancellation.
            for task in going:
                task.cancel()
            _, going = await asyncio.wait(going, timeout=0.5)
        if self._folder is not None:
            await asyncio.to_thread(self._folder.stop)

    async def _follow(self) -> None:
        while True:
            try:
                async for _ in self._bucket.watch(CURRENT):
                    await self._read()
            except StepwellError as error:
                _log.warning("watching the policy in force broke off: %s", error.message)
            await asyncio.sleep(PAUSE_S)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(self._look_s if self._known.is_set() else PAUSE_S)
            await self._read()

    async def _read(self) -> None:
        """See how things stand, and put into force what governs. Whatever is wrong changes nothing and is told."""
        async with self._lock:
            try:
                await self._take(*await self._store.current())
            except StepwellError as error:
                self._tell(error.message)
            except Exception:  # noqa: BLE001 - the watch goes on, whatever a file makes the loader do
                _log.exception("the policy in force could not be read")
                self._tell("the policy in force could not be read; the log has the reason")

    async def _take(self, current: Current, seen: int) -> None:
        """Go on to what was written later. An older state is a server's that lags behind."""
        if seen == self._hopeless:
            self._tell(self._why_hopeless)  # which a passing trouble may have hidden
            return
        if seen <= self._seen:
            if seen == self._seen:
                self._trouble = None  # what troubled a reading in between has passed
            return
        if current.in_force is None:
            await self._to_folder()
        else:
            await self._to_applied(current.in_force, current.since, seen)
        self._seen = seen
        self._trouble = None
        self._known.set()
        for named in current.recent:
            await self._keep_older(named)
        self._let_go(current)

    async def _to_folder(self) -> None:
        try:
            await self._open_folder()
        except PolicyInvalid as error:
            if self._applied is None:
                self._broken = error
                self._known.set()
            raise PolicyInvalid(f"the folder governs and is wrong: {error.message}") from None
        self._applied = None
        self._since = None

    async def _open_folder(self) -> None:
        if self._folder is None:
            self._folder = await asyncio.to_thread(WatchedFolder, self._path, self._environment)
            self._folder.start()

    async def _to_applied(self, named: Named, since: Signature | None, seen: int) -> None:
        try:
            policy = await self._load(named.revision, named.bundle)
        except PolicyInvalid as error:
            self._hopeless = seen  # the same files in the same environment: another try would end the same
            self._why_hopeless = f"revision {named.revision} cannot take force here: {error.message}"
            raise PolicyInvalid(self._why_hopeless) from None
        self._applied = policy
        self._since = since
        _log.info("policy revision %s is in force, applied by %s", policy.revision, since.who if since else "nobody")

    async def _keep_older(self, named: Named) -> None:
        """What governed lately is loaded too, so that requests end under the revision they began with."""
        try:
            await self._load(named.revision, named.bundle)
        except (PolicyInvalid, NotFound) as error:
            _log.warning("revision %s, which governed before, cannot be kept: %s", named.revision, error.message)

    # ------------------------------------------------------------ in memory

    async def _fetch(self, digest: str) -> Policy | None:
        async with self._lock:
            if (found := self.revision(digest)) is not None:
                return found
            await self._take(*await self._store.current())
            if (found := self.revision(digest)) is not None:
                return found
            bundle = await self._store.governed(digest)
            return await self._load(digest, bundle) if bundle is not None else None

    async def _load(self, revision: str, digest: str) -> Policy:
        """The policy of a bundle, from memory where it is there."""
        held = next((held for held in self._held.values() if held.bundle.digest == digest), None)
        if held is not None:
            return held.policy
        known = {name: body for held in self._held.values() for name, body in held.bundle.by_digest().items()}
        bundle = await self._store.bundle(digest, known)
        policy = await asyncio.to_thread(bundle.policy, self._environment, f"policy {revision}")
        if policy.revision != revision:
            text = "revision %s is %s here, since the environment names other models than where it was applied"
            _log.warning(text, revision, policy.revision)
        self._held = {**self._held, policy.revision: _Held(policy, bundle)}
        return policy

    def _let_go(self, current: Current) -> None:
        """Keep what governed lately, and a few that requests brought."""
        lately = {named.bundle for named in current.recent[:KEPT]}
        others = [revision for revision, held in self._held.items() if held.bundle.digest not in lately]
        gone = set(others[:-_MET])
        self._held = {revision: held for revision, held in self._held.items() if revision not in gone}

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            _log.error("the policy in force stays as it is: %s", trouble)
        self._trouble = trouble
