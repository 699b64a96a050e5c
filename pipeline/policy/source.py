"""Where the policy in force comes from: fixed, or a folder that is watched while requests go on."""

import logging
import os
import threading
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final, Protocol

from watchfiles import watch

from pipeline.errors import PolicyInvalid
from pipeline.policy.compiled import Policy
from pipeline.policy.load import load_folder

__all__ = ["KEPT", "LOOK_MS", "FixedPolicy", "PolicySource", "WatchedFolder"]

KEPT: Final = 8
"""Revisions that are kept, so that a request ends under the revision it began with."""
LOOK_MS: Final = 1000
"""How often the folder is looked at when no notice of a change comes."""
DEEPEST: Final = 4
"""Folders below each other in which files that a policy names are watched."""
MOST: Final = 1000
"""Files that are watched."""

_log = logging.getLogger("stepwell.policy")


class PolicySource(Protocol):
    """Gives the policy in force."""

    def current(self) -> Policy:
        """The newest revision that is valid."""
        ...

    def revision(self, digest: str) -> Policy | None:
        """An earlier revision by its digest; None when it is unknown or no longer kept."""
        ...


class FixedPolicy:
    """One policy for ever."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy

    def current(self) -> Policy:
        """The policy."""
        return self._policy

    def revision(self, digest: str) -> Policy | None:
        """The policy, under its own digest."""
        return self._policy if digest == self._policy.revision else None


class WatchedFolder:
    """A folder of policy files. A change is taken whole or refused whole, and then the last good revision stays.

    Attributes:
        trouble: why the files as they are now were refused; None when they are in force.
    """

    def __init__(
        self,
        path: Path,
        environment: Mapping[str, str] | None = None,
        *,
        on_refused: Callable[[PolicyInvalid], None] | None = None,
        on_changed: Callable[[Policy], None] | None = None,
    ) -> None:
        """Load the folder.

        Args:
            path: the folder.
            environment: where `${NAME}` is looked up; the process environment when not given.
            on_refused: told (in the watching thread) when a change was refused.
            on_changed: told (in the watching thread) when another revision came into force.

        Raises:
            PolicyInvalid: the files are wrong at the start, where no good revision could stay.
        """
        self._path = path
        self._environment = dict(os.environ if environment is None else environment)
        self._on_refused = on_refused
        self._on_changed = on_changed
        self._stamp = _stamp(path)
        self._current = load_folder(path, self._environment)
        self._kept: dict[str, Policy] = {self._current.revision: self._current}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.trouble: str | None = None

    def current(self) -> Policy:
        """The newest revision that is valid."""
        return self._current

    def revision(self, digest: str) -> Policy | None:
        """One of the last revisions."""
        return self._kept.get(digest)

    def start(self) -> None:
        """Watch the folder from now on, in a thread of its own."""
        if self._thread is None:
            self._stop.clear()
            self._thread = threading.Thread(target=self._watch, name="policies", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Watch no longer. The revision in force stays."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None

    def reload(self) -> bool:
        """Read the folder again. False: it was refused, `trouble` says why, and what was in force stays so."""
        # Stamped before it is read, so that what is written meanwhile still counts as a change.
        self._stamp = _stamp(self._path)
        try:
            policy = load_folder(self._path, self._environment)
        except PolicyInvalid as error:
            self._refuse(error)
            return False
        self.trouble = None
        if policy.revision != self._current.revision:
            self._take(policy)
        return True

    def _take(self, policy: Policy) -> None:
        kept = {digest: old for digest, old in self._kept.items() if digest != policy.revision}
        kept[policy.revision] = policy
        # One assignment each, newest last: readers in other threads see either the old or the new.
        self._kept = dict(list(kept.items())[-KEPT:])
        self._current = policy
        _log.info("policy revision %s is in force", policy.revision)
        if self._on_changed is not None:
            self._on_changed(policy)

    def _refuse(self, error: PolicyInvalid) -> None:
        self.trouble = error.message
        _log.error("policy change refused, revision %s stays in force:\n%s", self._current.revision, error.message)
        if self._on_refused is not None:
            self._on_refused(error)

    def _watch(self) -> None:
        changes = watch(
            self._path,
            stop_event=self._stop,
            debounce=200,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
            raise_interrupt=False,
        )
        for change in changes:
            # Notices can be missed: before watching has begun, and on file systems that send none.
            if change or _stamp(self._path) != self._stamp:
                self.reload()


def _stamp(path: Path) -> tuple[tuple[str, int, int], ...]:
    """Names, times and sizes of what is in the folder and below it; of a folder that is not there, nothing."""
    try:
        return tuple(islice(_stamps(path, DEEPEST), MOST))
    except OSError:
        return ()


def _stamps(folder: Path, deepest: int) -> Iterator[tuple[str, int, int]]:
    """What a policy can name lies in folders that are not hidden."""
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            if deepest > 0:
                yield from _stamps(entry, deepest - 1)
            continue
        stat = entry.stat()
        yield str(entry), stat.st_mtime_ns, stat.st_size
