"""What lies on the shelf: calls, their answers, and what is known of the files they went in. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, Final, Literal

import orjson
from pydantic import TypeAdapter

from pipeline.contracts import is_name
from pipeline.policy.models import Price, ProviderBatches
from pipeline.ports import Charge

__all__ = [
    "ENDPOINT",
    "Answer",
    "File",
    "Line",
    "Pending",
    "Shelved",
    "cut",
    "file_line",
    "name_of",
    "read_result",
]

ENDPOINT: Final = "/v1/chat/completions"
"""What a provider is told that the lines of a file are for."""
FRAME: Final = 160
"""Bytes that a line of a file has around its body, at most."""
MEGABYTE: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """A call on the shelf.

    Attributes:
        name: what the provider knows it by; it says nothing of who asked or what.
        key: `<tenant>.<id>` of the request that waits for it.
        until: Unix time after which its request does not wait any more.
        deadline_at: of its request.
        at: when it was put here.
        endpoint: the address that the residency decision was about.
        digest: of `body`, which is what the target was permitted to see.
        charge: who pays for it.
        price: of this way.
    """

    name: str
    key: str
    until: float
    deadline_at: float
    at: float
    endpoint: str
    digest: str
    body: str
    charge: Charge
    price: Price | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a call on the shelf; it names the request to wake and the charge to settle if nobody takes it.

    Attributes:
        status: HTTP status that the provider gives it; 0: nothing came of it, and it is to be called by itself.
        batch: the provider's name of the batch.
        given_up: its request had waited long enough and went on without it.
    """

    status: int = 0
    body: str = ""
    batch: str = ""
    key: str = ""
    deadline_at: float = 0.0
    at: float = 0.0
    answered_at: float = 0.0
    digest: str = ""
    given_up: bool = False
    charge: Charge | None = None
    price: Price | None = None


State = Literal["gathered", "uploaded", "running", "answered"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of calls: those of one target that were put on the shelf from `first` to `last`.

    Attributes:
        mark: names it at the provider, so that whoever goes on after a crash finds what was made of it.
        state: `uploaded` is written before the batch is asked for, so that from then on it is looked for first.
        until: when the last of its requests waits no more.
        deadline_at: the last deadline of its requests.
        files: what the provider keeps of it.
        cancelled: the provider was told that nobody waits for it.
    """

    mark: str
    first: int
    last: int
    lines: int
    until: float
    deadline_at: float
    at: float
    state: State = "gathered"
    file: str = ""
    batch: str = ""
    files: tuple[str, ...] = ()
    cancelled: bool = False


@dataclass(frozen=True, slots=True)
class Shelved:
    """What is known of one target: up to which place calls were gathered, and the files that are not done with."""

    cursor: int = 0
    files: tuple[File, ...] = ()

    def put(self, file: File) -> "Shelved":
        """With a file that was just gathered, or that is further than it was."""
        others = [file if known.mark == file.mark else known for known in self.files]
        if file not in others:
            others.append(file)
        return replace(self, cursor=max(self.cursor, file.last), files=tuple(others))

    def without(self, file: File) -> "Shelved":
        """Without one that is done with."""
        return replace(self, files=tuple(known for known in self.files if known.mark != file.mark))


@dataclass(slots=True)
class Pending:
    """Calls that were seen on the shelf and are in no file yet: place, size and times of each, and no word of it."""

    places: list[tuple[int, int, float, float, float]] = field(default_factory=list)

    @property
    def seen(self) -> int:
        """The last place that was looked at."""
        return self.places[-1][0] if self.places else 0

    def add(self, place: int, line: Line) -> None:
        """One more."""
        self.places.append((place, len(line.body) + FRAME, line.at, line.until, line.deadline_at))

    def past(self, cursor: int) -> None:
        """Those up to here are in a file."""
        self.places = [each for each in self.places if each[0] > cursor]


def cut(pending: Pending, rules: ProviderBatches, now: float, mark: str) -> File | None:
    """The next file, where it is time for one: it is full, or its first call has waited long enough. Pure."""
    taken: list[tuple[int, int, float, float, float]] = []
    size = 0
    for each in pending.places:
        if taken and (len(taken) == rules.max_lines or size + each[1] > rules.max_mb * MEGABYTE):
            break
        taken.append(each)
        size += each[1]
    full = len(taken) == rules.max_lines or len(taken) < len(pending.places)
    if not taken or not (full or now - taken[0][2] >= rules.gather):
        return None
    until, deadline_at = max(each[3] for each in taken), max(each[4] for each in taken)
    return File(mark, taken[0][0], taken[-1][0], len(taken), until, deadline_at, now)


def name_of(target: str, idempotency_key: str) -> str:
    """What a call is known by on the shelf and at the provider: the same for whoever makes it again."""
    return blake2b(f"{target} {idempotency_key}".encode(), digest_size=16, person=b"stepwell shelf").hexdigest()


def digest_of(body: bytes) -> str:
    """Of what a call sends."""
    return blake2b(body, digest_size=16).hexdigest()


def file_line(line: Line) -> bytes:
    """The line of a file."""
    head = f'{{"custom_id":"{line.name}","method":"POST","url":"{ENDPOINT}","body":'
    return head.encode() + line.body.encode() + b"}\n"


def read_result(raw: bytes) -> tuple[str, int, str] | None:
    """Name, status and body of one line of what came back; None: it is none.

    A refusal's text is never kept: it may quote the call. Where the provider made no call of it the status is 0.
    """
    try:
        found: Any = orjson.loads(raw)
        name, response = found["custom_id"], found.get("response")
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    if not isinstance(name, str) or not is_name(name):
        return None
    status = response.get("status_code") if isinstance(response, dict) else None
    if not isinstance(status, int) or isinstance(status, bool) or not 100 <= status < 600:
        return name, 0, ""
    body = response.get("body") if isinstance(response, dict) else None
    if status != 200:
        return name, status, ""
    return (name, 200, orjson.dumps(body).decode()) if isinstance(body, dict) else (name, 0, "")


LINE: Final = TypeAdapter(Line)
ANSWER: Final = TypeAdapter(Answer)
SHELVED: Final = TypeAdapter(Shelved)


def answer_to(line: Line, status: int, body: str, batch: str, now: float) -> Answer:
    """What came of `line`."""
    return Answer(
        status, body, batch, line.key, line.deadline_at, line.at, now, line.digest, False, line.charge, line.price
    )


def longest(files: Sequence[File]) -> float:
    """When the last request of these files has met its deadline; 0: there are none."""
    return max((file.deadline_at for file in files), default=0.0)
