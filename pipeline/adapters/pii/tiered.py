"""Which tier scans what, and the memory of units that were scanned before.

A conversation is sent again with every turn, so most units of a request are known. What is remembered are findings
(types, counts and scores) under a keyed digest of the text; the key is drawn when the process starts, so the digests
say nothing to anybody who has no access to this process.
"""

import os
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.adapters.pii.process import ProcessScanner, ScanFailed, UnitFindings
from pipeline.adapters.pii.spans import merge, tally
from pipeline.contracts import Finding
from pipeline.ports import ScanReport

__all__ = ["TieredScanner", "UnitCache"]

IN_PROCESS: Final = 4096
"""Characters up to which a unit is scanned on the event loop."""
MANY_DIGITS: Final = 256
"""More digits than a text of that length plausibly has; the number detectors are the slow ones."""
REMEMBERED: Final = 16_384


class UnitCache:
    """The last units that were scanned, at most `size`, by keyed digest."""

    def __init__(self, size: int = REMEMBERED) -> None:
        self._size = size
        self._key = os.urandom(32)
        self._known: OrderedDict[bytes, tuple[Finding, ...]] = OrderedDict()

    def digest(self, unit: str, *, names: bool) -> bytes:
        """The name under which the findings of `unit` are remembered."""
        person = b"names" if names else b"patterns"
        body = unit.encode("utf-8", "surrogatepass")
        return blake2b(body, digest_size=16, key=self._key, person=person).digest()

    def get(self, digest: bytes) -> tuple[Finding, ...] | None:
        """The findings, if the unit is remembered."""
        found = self._known.get(digest)
        if found is not None:
            self._known.move_to_end(digest)
        return found

    def put(self, digest: bytes, findings: tuple[Finding, ...]) -> None:
        """Remember; the unit that was not seen for longest is forgotten."""
        self._known[digest] = findings
        if len(self._known) > self._size:
            self._known.popitem(last=False)


class TieredScanner:
    """Patterns in process for small harmless texts; the child for names, for large texts and for hostile-looking ones.

    Args:
        patterns: the tier in process.
        process: the child; without it everything is scanned in process, and a scan for names is partial.
        cache: the memory of units; a new one when not given.
    """

    def __init__(
        self,
        patterns: PatternScanner | None = None,
        process: ProcessScanner | None = None,
        cache: UnitCache | None = None,
    ) -> None:
        self._patterns = patterns or PatternScanner()
        self._process = process
        self._cache = cache or UnitCache()

    @property
    def engine(self) -> str:
        """What scans, with versions."""
        return self._patterns.engine if self._process is None else self._process.engine

    def start(self) -> None:
        """Begin to start the child, without waiting for it."""
        if self._process is not None:
            self._process.start()

    async def stop(self) -> None:
        """End the child."""
        if self._process is not None:
            await self._process.stop()

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """Scan what is not remembered, each unit in the tier it needs, and add up."""
        deep = names and self._process is not None
        try:
            findings = await self._findings(units, names=deep)
        except ScanFailed as failure:
            return ScanReport((), self.engine, "failed", str(failure))
        except Exception as error:  # noqa: BLE001 - the port promises never to raise; a failed report is restricted
            return ScanReport((), self.engine, "failed", type(error).__name__)
        if names and not deep:
            return ScanReport(findings, self.engine, "partial", "no names")
        return ScanReport(findings, self.engine if deep else self._patterns.engine)

    async def _findings(self, units: Sequence[str], *, names: bool) -> tuple[Finding, ...]:
        digests = [self._cache.digest(unit, names=names) for unit in units]
        known = [self._cache.get(digest) for digest in digests]
        missing = [at for at, findings in enumerate(known) if findings is None]
        fresh = await self._scan([units[at] for at in missing], names=names) if missing else ()
        for at, findings in zip(missing, fresh, strict=True):
            known[at] = findings
            self._cache.put(digests[at], findings)
        return merge(findings for findings in known if findings)

    async def _scan(self, units: Sequence[str], *, names: bool) -> UnitFindings:
        if self._process is not None and (names or any(map(_heavy, units))):
            return await self._process.findings(units, names=names)
        return tuple(tally(self._patterns.scan_text(unit)) for unit in units)


def _heavy(unit: str) -> bool:
    """Whether the pattern tier might hold up the event loop with `unit`."""
    return len(unit) > IN_PROCESS or (len(unit) > MANY_DIGITS and sum(map(str.isdigit, unit)) > MANY_DIGITS)
