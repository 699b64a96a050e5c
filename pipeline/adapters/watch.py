"""What watching kept answers came to: how it is written, a copy that is always up to date, and how it is taken back.

Bucket `calibration`: one value with all that is known, and one for each route that says whether it fell back. Workers
that plan follow the latter alone.
"""

import logging
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.adapters.followed import PAUSE_S, FollowedBucket
from pipeline.confidence.watch import BINS, WORSE, Scores, Suspicion
from pipeline.ports import Bucket, Conflict, Entry

__all__ = [
    "BOOK_KEY",
    "Book",
    "BucketWatch",
    "Fallen",
    "RouteWatch",
    "parse_book",
    "parse_fallen",
    "read_fallen",
    "read_watch",
    "reset_watch",
    "route_key",
]

_log = logging.getLogger("stepwell.watch")

BOOK_KEY: Final = "watch"
_RACES: Final = 20


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Fallen(_Value):
    """Why nothing of a route may stay. `calibrator`: whose promise was seen to be broken; another one begins anew."""

    route: str
    calibrator: str | None = None
    segment: str = ""
    seen: int = 0
    wrong: int = 0
    at: float = 0.0

    @property
    def sentence(self) -> str:
        """In words."""
        whose = f"the task {self.segment}" if self.segment else "this route"
        return (
            f"everything escalates: of {self.seen} kept answers for {whose} {self.wrong} were wrong, more than "
            f"promised; calibrate anew, or `stepwell confidence reset {self.route}`"
        )


class _Segment(_Value):
    logs: tuple[float, ...] = (0.0,) * len(WORSE)
    seen: int = 0
    wrong: int = 0
    highest: float = 1.0

    @property
    def suspicion(self) -> Suspicion:
        """As the arithmetic has it."""
        return Suspicion(self.logs, self.seen, self.wrong, self.highest)


class RouteWatch(_Value):
    """What is known of one route under one calibrator: the evidence for each segment, and its scores."""

    calibrator: str | None = None
    segments: dict[str, _Segment] = Field(default_factory=dict)
    first: tuple[int, ...] = (0,) * BINS
    lately: tuple[int, ...] = (0,) * BINS
    index: float | None = None
    distance: float | None = None
    blocks: int = 0

    @property
    def scores(self) -> Scores:
        """As the arithmetic has them."""
        return Scores(self.first, self.lately, self.index, self.distance, self.blocks)

    def with_scores(self, scores: Scores) -> "RouteWatch":
        """With these scores."""
        names = ("first", "lately", "index", "distance", "blocks")
        return self.model_copy(update={name: getattr(scores, name) for name in names})

    def with_suspicion(self, segment: str, now: Suspicion) -> "RouteWatch":
        """With this evidence for a segment."""
        told = _Segment(logs=now.logs, seen=now.seen, wrong=now.wrong, highest=now.highest)
        return self.model_copy(update={"segments": {**self.segments, segment: told}})

    def suspicion(self, segment: str) -> Suspicion:
        """The evidence for a segment."""
        found = self.segments.get(segment)
        return found.suspicion if found is not None else Suspicion()


class Book(_Value):
    """All that is known, and up to which record and which outcome."""

    records: int = 0
    outcomes: int = 0
    routes: dict[str, RouteWatch] = Field(default_factory=dict)


def parse_book(body: bytes | None) -> Book:
    """Read what is known; nothing is where that cannot be read."""
    if body is None:
        return Book()
    try:
        return Book.model_validate_json(body)
    except ValidationError:
        _log.error("what watching came to cannot be read: it begins anew from all stored records")
        return Book()


def parse_fallen(body: bytes) -> Fallen | None:
    """Why a route fell back; None: it did not, or not any more."""
    try:
        return Fallen.model_validate_json(body)
    except ValidationError:
        return None


def route_key(route: str) -> str:
    """The key under which it stands whether a route fell back."""
    return f"route.{route}"


async def read_watch(bucket: Bucket) -> Mapping[str, RouteWatch]:
    """What is known of each route, for people who look."""
    entry = await bucket.get(BOOK_KEY)
    return parse_book(entry.value if entry else None).routes


async def read_fallen(bucket: Bucket, route: str) -> Fallen | None:
    """Why a route fell back; None: it did not."""
    entry = await bucket.get(route_key(route))
    return parse_fallen(entry.value) if entry is not None else None


async def reset_watch(bucket: Bucket, route: str) -> bool:
    """Forget what speaks against a route, and let its drafts stay again. False: nothing did. Raises `Conflict`."""
    known = False
    for _ in range(_RACES):
        entry = await bucket.get(BOOK_KEY)
        book = parse_book(entry.value if entry else None)
        if entry is None or route not in book.routes:
            break
        left = {name: state for name, state in book.routes.items() if name != route}
        try:
            await bucket.put(
                BOOK_KEY, book.model_copy(update={"routes": left}).model_dump_json().encode(), expected=entry.revision
            )
        except Conflict:
            continue
        known = True
        break
    if await read_fallen(bucket, route) is None:
        return known
    await bucket.put(route_key(route), b"null")
    return True


class BucketWatch(FollowedBucket):
    """Knows which routes fell back, by watching the bucket. What cannot be read counts as not fallen back."""

    LOG = _log
    WHAT = "calibration"
    MEANWHILE = "nobody knows which routes fell back"

    def __init__(self, bucket: Bucket, *, pause_s: float = PAUSE_S) -> None:
        super().__init__(bucket, pause_s=pause_s)
        self._fallen: dict[str, Fallen] = {}

    def fallen(self, route: str, calibrator: str | None) -> str | None:
        """Why nothing of the route may stay, in words; None: it may. Another calibrator made another promise."""
        found = self._fallen.get(route)
        return found.sentence if found is not None and found.calibrator == calibrator else None

    def _take(self, entry: Entry) -> None:
        if not entry.key.startswith(route_key("")):
            return
        found = parse_fallen(entry.value)
        if found is None:
            self._fallen.pop(entry.key.removeprefix(route_key("")), None)
        else:
            self._fallen[found.route] = found
