"""What a batch is: how it is to run and how far it is, in the words of the OpenAI batch API where it has any."""

from dataclasses import dataclass
from typing import Final, Generic, Literal, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator

from pipeline.contracts import ErrorBody, Json, Name, OpenContract, Reply, Tenant, UnixTime, Whole

__all__ = [
    "DAY_S",
    "ENDED",
    "PAGE",
    "Batch",
    "BatchStatus",
    "Counts",
    "FileInfo",
    "Form",
    "Hours",
    "LineProblem",
    "LineStatus",
    "Options",
    "Paged",
    "Row",
    "request_id",
]

PAGE: Final = 200
"""Lines to a page: the unit in which lines are stored, handed in and settled."""
DAY_S: Final = 86_400.0

Form = Literal["stepwell", "openai"]
BatchStatus = Literal[
    "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled"
]
ENDED: Final[frozenset[BatchStatus]] = frozenset({"completed", "failed", "expired", "cancelled"})
LineStatus = Literal["answered", "refused", "failed", "invalid", "expired", "cancelled"]

Item = TypeVar("Item")


class Hours(OpenContract):
    """The hours of the day in which lines are handed in: from `start` to `end`, over midnight where it is earlier."""

    start: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    end: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")
    timezone: str = "UTC"

    @field_validator("timezone")
    @classmethod
    def _known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("no such timezone: give one of the IANA list, such as Europe/Berlin") from None
        return name


class Options(OpenContract):
    """How a batch is to run.

    Attributes:
        form: the form of its lines; None: that of the first line.
        endpoint: the one endpoint that its lines may name, such as `/v1/chat/completions`; None: any that is known.
        window_s: seconds from its creation after which lines that have not ended expire.
        not_before: Unix time before which no line is handed in.
        hours: the hours of the day in which lines are handed in.
        skip_invalid: run the other lines when some cannot run; without it the batch fails before anything runs.
        dedup: lines that ask the same are run once, also across batches of one day and one revision of the policies.
        defaults: fields of a request that hold where a line names none.
        metadata: whatever the caller wants to find again.
        api_key: public id of the key that the caller came with, for budgets by key.
        routes: the only routes and variants that lines may name, as the key of the caller says; None: any.
    """

    form: Form | None = None
    endpoint: str | None = Field(default=None, max_length=256)
    window_s: float = Field(default=DAY_S, gt=0, le=31 * DAY_S)
    not_before: UnixTime | None = None
    hours: Hours | None = None
    skip_invalid: bool = False
    dedup: bool = True
    defaults: dict[str, Json] = Field(default_factory=dict)
    metadata: dict[str, str] = Field(default_factory=dict, max_length=16)
    api_key: Name | None = None
    routes: tuple[Name, ...] | None = None


class LineProblem(OpenContract):
    """Why a line cannot run."""

    line: Whole
    custom_id: str | None = None
    code: str
    message: str
    param: str | None = None


class Counts(OpenContract):
    """Lines by how they ended. `shared` of them got the answer of another line that asks the same."""

    total: Whole = 0
    answered: Whole = 0
    refused: Whole = 0
    failed: Whole = 0
    invalid: Whole = 0
    expired: Whole = 0
    cancelled: Whole = 0
    shared: Whole = 0

    @property
    def ended(self) -> int:
        """Lines that will not change any more."""
        return self.answered + self.refused + self.failed + self.invalid + self.expired + self.cancelled

    @property
    def open(self) -> int:
        """Lines still on their way, or not begun."""
        return self.total - self.ended


class FileInfo(OpenContract):
    """A file of a tenant: its bytes lie in `pieces` objects."""

    id: Name
    tenant: Tenant
    name: str = Field(default="", max_length=512)
    purpose: str = Field(default="batch", max_length=64)
    bytes: Whole
    pieces: Whole
    digest: str
    created: UnixTime
    deleted: bool = False


class Batch(OpenContract):
    """A batch as it stands in the bucket. Whoever leads writes how far it is; callers only cancel and retry.

    `round` counts retries; `again` names the lines of the last one, None: all that were not answered. `stopped_at` is
    when it began to end early. `sizes`: bytes of the output and of the errors, once somebody has counted them. `swept`:
    pages behind which nothing is left in streams. `opened`: pages before it may have lines on their way.
    `waiting`: lines that wait for a batch of their provider, the longest of them since `waiting_since`.
    """

    id: Name
    tenant: Tenant
    file_id: Name
    source: str = ""
    digest: str
    options: Options = Options()
    form: Form = "openai"
    status: BatchStatus = "validating"
    created: UnixTime
    expires_at: UnixTime
    in_progress_at: UnixTime | None = None
    finalizing_at: UnixTime | None = None
    completed_at: UnixTime | None = None
    failed_at: UnixTime | None = None
    expired_at: UnixTime | None = None
    cancelling_at: UnixTime | None = None
    cancelled_at: UnixTime | None = None
    counts: Counts = Counts()
    cost_usd: float = 0.0
    unpriced: Whole = 0
    rate: float = 0.0
    left_s: float | None = None
    errors: tuple[LineProblem, ...] = ()
    round: Whole = 0
    again: tuple[Whole, ...] | None = None
    sizes: tuple[Whole, Whole] | None = None
    removed: bool = False
    swept: Whole = 0
    opened: Whole = 0
    waiting: Whole = 0
    waiting_since: UnixTime | None = None

    @property
    def ended(self) -> bool:
        """Whether it will not change any more by itself."""
        return self.status in ENDED

    @property
    def pages(self) -> int:
        """How many pages its lines fill."""
        return -(-self.counts.total // PAGE)

    @property
    def request_counts(self) -> dict[str, int]:
        """In the words of the OpenAI API."""
        counts = self.counts
        return {"total": counts.total, "completed": counts.answered, "failed": counts.ended - counts.answered}


@dataclass(frozen=True, slots=True)
class Paged(Generic[Item]):
    """A part of a list. `more`: there are further items after the last one."""

    items: tuple[Item, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Row:
    """How a line ended. `same_as`: the line whose answer it shares; `of`: the batch of that line, if it is another."""

    line: int
    custom_id: str | None
    status: LineStatus
    request_id: str
    reply: Reply | None = None
    error: ErrorBody | None = None
    round: int = 0
    same_as: int | None = None
    of: str | None = None


def request_id(batch: str, line: int, round: int = 0) -> str:
    """The id of the request on a line. A retry has another, so that the old result does not answer it."""
    return f"{batch}-{line}" if round == 0 else f"{batch}-{line}-{round}"
