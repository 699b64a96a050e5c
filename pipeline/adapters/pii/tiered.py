"""Which tier scans what, and the memory of units that were scanned before.

There are three places: this process for small harmless texts, a quick child for names, and a heavy child for texts that
are large or look hostile, so that whatever they take, nobody else waits for it. The heavy child starts when it is first
needed, and loads language pipelines only when names are looked for in such a text.

A conversation is sent again with every turn, so most units of a request are known. What is remembered is where findings
stand, of which type and score, under a keyed digest of the text; the key is drawn when the process starts, so the
digests say nothing to anybody who has no access to this process.
"""

import asyncio
import os
import string
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from typing import Final

from pipeline.adapters.pii.life import ScanFailed
from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.adapters.pii.process import ProcessScanner, english
from pipeline.adapters.pii.report import report_of
from pipeline.adapters.pii.steps import Scanned
from pipeline.ports import ScanReport

__all__ = ["TieredScanner", "UnitCache"]

IN_PROCESS: Final = 4096
"""Characters up to which a unit is scanned on the event loop."""
MANY_DIGITS: Final = 256
"""More digits than a text of that length plausibly has; the number detectors are the slow ones."""
MANY_SIGNS: Final = 256
"""The same for brackets, dots and other signs."""
AT_ONCE: Final = 16_384
"""Characters of one request that are scanned on the event loop; more would keep it from other requests."""
_DIGITS: Final = string.digits.encode()
_SIGNS: Final = string.punctuation.encode()
REMEMBERED: Final = 16_384
REMEMBERED_SPANS: Final = 262_144


class UnitCache:
    """The last units that were scanned, at most `size` with at most `spans` findings in all, by keyed digest."""

    def __init__(self, size: int = REMEMBERED, spans: int = REMEMBERED_SPANS) -> None:
        self._size = size
        self._most_spans = spans
        self._spans = 0
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, Scanned] = OrderedDict()

    def digest(self, unit: str, engine: str, languages: Sequence[str] = ()) -> bytes:
        """The name under which it is remembered what `engine` found in `unit`, names in `languages` included."""
        person = _person(engine, tuple(languages))
        body = unit.encode("utf-8", "surrogatepass")
        return blake2b(body, digest_size=16, key=self._key, person=person).digest()

    def get(self, digest: bytes) -> Scanned | None:
        """What the unit holds, if it is remembered."""
        found = self._known.get(digest)
        if found is not None:
            self._known.move_to_end(digest)
        return found

    def put(self, digest: bytes, scanned: Scanned) -> None:
        """Remember; the units that were not seen for longest are forgotten."""
        self._forget(digest)
        self._known[digest] = scanned
        self._spans += len(scanned.spans)
        while len(self._known) > self._size or self._spans > self._most_spans:
            self._forget(next(iter(self._known)))

    def _forget(self, digest: bytes) -> None:
        known = self._known.pop(digest, None)
        self._spans -= len(known.spans) if known is not None else 0


class TieredScanner:
    """Patterns in process for small harmless texts; a child for names, and another one for large and hostile texts.

    Args:
        patterns: the tier in process.
        process: the quick child; without it everything is scanned in process, and a scan for names is partial.
        heavy: the child for large and hostile-looking texts; the quick one when not given.
        cache: the memory of units; a new one when not given.
    """

    def __init__(
        self,
        patterns: PatternScanner | None = None,
        process: ProcessScanner | None = None,
        heavy: ProcessScanner | None = None,
        cache: UnitCache | None = None,
    ) -> None:
        self._patterns = patterns or PatternScanner()
        self._process = process
        self._heavy = heavy or process
        self._cache = cache or UnitCache()

    @classmethod
    def with_children(
        cls,
        budget_s: Callable[[], float] = lambda: 2.0,
        languages: Callable[[], Sequence[str]] = english,
        extra: Sequence[str] = (),
        start_wait_s: float = 20.0,
    ) -> "TieredScanner":
        """All three places, as a worker has them. The arguments are those of `ProcessScanner`."""
        quick, heavy = (
            ProcessScanner(budget_s, languages=languages, names=names, extra=extra, start_wait_s=start_wait_s)
            for names in (True, False)
        )
        return cls(process=quick, heavy=heavy)

    @property
    def engine(self) -> str:
        """What scans, with versions."""
        return self._patterns.engine if self._process is None else self._process.engine

    @property
    def _extra(self) -> bool:
        """Whether recognisers are plugged in: they run in the children alone, so that every text goes there."""
        return self._process is not None and bool(self._process.extra)

    def start(self) -> None:
        """Begin to start the quick child, without waiting for it."""
        if self._process is not None:
            self._process.start()

    async def stop(self) -> None:
        """End the children."""
        children = {id(child): child for child in (self._process, self._heavy) if child is not None}
        await asyncio.gather(*(child.stop() for child in children.values()))

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """Scan what is not remembered, each unit in the tier it needs, and add up."""
        deep = names and self._process is not None
        try:
            scanned = await self._scanned(units, names=deep)
        except ScanFailed as failure:
            return ScanReport((), self.engine, "failed", str(failure))
        except Exception as error:  # noqa: BLE001 - the port promises never to raise; a failed report is restricted
            return ScanReport((), self.engine, "failed", f"it broke with {type(error).__name__}")
        if names and not deep:
            return report_of([unit._replace(covered=False) for unit in scanned], self.engine, "partial", "no names")
        return report_of(scanned, self.engine if deep or self._extra else self._patterns.engine)

    async def _scanned(self, units: Sequence[str], *, names: bool) -> list[Scanned]:
        digests = self._digests(units, names=names)
        known = [self._cache.get(digest) for digest in digests]
        if None not in known:
            return [scanned for scanned in known if scanned is not None]
        missing = [at for at, scanned in enumerate(known) if scanned is None]
        fresh = await self._fresh([units[at] for at in missing], names=names)
        if names:
            digests = self._digests(units, names=names)  # the engine has a name only after it was loaded
        for at, scanned in zip(missing, fresh, strict=True):
            known[at] = scanned
            self._cache.put(digests[at], scanned)
        return [scanned for scanned in known if scanned is not None]

    def _digests(self, units: Sequence[str], *, names: bool) -> list[bytes]:
        process = self._process
        if process is None or not (names or self._extra):
            return [self._cache.digest(unit, self._patterns.engine) for unit in units]
        languages = process.languages if names else ()
        return [self._cache.digest(unit, process.engine, languages) for unit in units]

    async def _fresh(self, units: Sequence[str], *, names: bool) -> list[Scanned]:
        """Scan each unit where it belongs, the places side by side."""
        quick, heavy = self._process, self._heavy
        child = names or self._extra
        if quick is None or heavy is None or (not child and _few_and_harmless(units)):
            return [self._here(unit) for unit in units]
        large = [at for at, unit in enumerate(units) if _is_heavy(unit)]
        small = sorted(set(range(len(units))).difference(large))
        if not child and sum(len(units[at]) for at in small) > AT_ONCE:
            large, small = list(range(len(units))), []
        jobs = [(heavy, large)] if large else []
        jobs += [(quick, small)] if small and child else []
        parts = await asyncio.gather(
            *(lane.scanned([units[at] for at in places], names=names) for lane, places in jobs)
        )
        found: dict[int, Scanned] = {}
        for (_, places), part in zip(jobs, parts, strict=True):
            found |= zip(places, part, strict=True)
        return [found[at] if at in found else self._here(unit) for at, unit in enumerate(units)]

    def _here(self, unit: str) -> Scanned:
        return Scanned(tuple(self._patterns.scan_text(unit)))


@lru_cache(maxsize=64)
def _person(engine: str, languages: tuple[str, ...]) -> bytes:
    return blake2b(f"{engine} {','.join(languages)}".encode(), digest_size=16).digest()


def _few_and_harmless(units: Sequence[str]) -> bool:
    """Whether all of them together may be scanned on the event loop."""
    return sum(map(len, units)) <= AT_ONCE and not any(map(_is_heavy, units))


def _is_heavy(unit: str) -> bool:
    """Whether the pattern tier might hold up the event loop, or the quick child, with `unit`."""
    if len(unit) > IN_PROCESS:
        return True
    if len(unit) <= MANY_DIGITS:
        return False
    return _count(unit, _DIGITS) > MANY_DIGITS or _count(unit, _SIGNS) > MANY_SIGNS + len(unit) // 4


def _count(unit: str, characters: bytes) -> int:
    """How many of these characters `unit` holds, foreign digits and signs included under another name."""
    plain = unit if unit.isascii() else unicodedata.normalize("NFKC", unit)
    body = plain.encode("utf-8", "surrogatepass")
    return len(body) - len(body.translate(None, characters))
