"""The durable side of the road: which streams, consumers and buckets there are, and what each of them promises.

The provisioner makes them on a server, the in-memory link imitates them, and permissions are derived from them.
"""

from dataclasses import dataclass
from typing import Final, Literal

from pipeline.contracts import Lane, StageName
from pipeline.topology import LANES, ROWS, STAGES, consumer_name, row_subject, step_subject

__all__ = [
    "ACK_WAIT_S",
    "BUCKETS",
    "MAX_DELIVERIES",
    "MAX_FAILURES",
    "OBJECT_BUCKETS",
    "STEPS",
    "STREAMS",
    "BucketSpec",
    "ConsumerSpec",
    "ObjectSpec",
    "StreamSpec",
    "consumers",
    "stream_of",
]

DAY: Final = 86_400.0
HOUR: Final = 3_600.0
STEPS: Final = "STEPS"
ACK_WAIT_S: Final = 5.0
"""Seconds after which unacknowledged work goes to another worker. Workers extend it every fifth of it while they live,
so it is the time to recover from a worker's death, not a limit on work; and as long as a worker may stand still."""
MAX_FAILURES: Final = 5
"""Deliveries after which a stage that raises each time makes its message a dead letter."""
MAX_DELIVERIES: Final = 25
"""Deliveries after which a message becomes a dead letter unopened: it has met the death of that many workers."""


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """A stream. `work`: a message is gone once acknowledged. `limits`: it stays until its age. Times in seconds.

    `schedules`: it also keeps messages for later. NATS allows that only where a full stream would drop its oldest
    message rather than refuse a new one; so such a stream has no limit of its own that it could fill, and the
    provisioner takes one away that somebody set. A full disk refuses in any case.
    """

    name: str
    subjects: tuple[str, ...]
    retention: Literal["work", "limits"] = "limits"
    max_age_s: float = 0.0
    per_subject: int | None = None
    window_s: float = 120.0
    schedules: bool = False
    sealed: bool = False
    """Neither delete nor purge, not even by the provisioner."""


@dataclass(frozen=True, slots=True)
class ConsumerSpec:
    """The durable consumer that hands out the work of one stage in one row of a lane."""

    stage: StageName
    lane: Lane
    max_pending: int
    ack_wait_s: float = ACK_WAIT_S
    row: int = 0

    @property
    def name(self) -> str:
        """Its durable name."""
        return consumer_name(self.lane, self.stage, self.row)

    @property
    def subjects(self) -> tuple[str, ...]:
        """What it hands out."""
        row = row_subject(self.lane, self.stage, self.row, "*")
        return (row,) if self.row else (step_subject(self.lane, self.stage), row)


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """A bucket of objects. With `max_age_s`, each vanishes at that age."""

    name: str
    max_age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """A watched key-value bucket."""

    name: str
    history: int = 5


STREAMS: Final[tuple[StreamSpec, ...]] = (
    StreamSpec(STEPS, ("step.>",), retention="work", schedules=True),
    StreamSpec("RESULTS", ("result.>",), max_age_s=DAY, per_subject=1),
    StreamSpec("JOURNAL", ("journal.>",), max_age_s=DAY, per_subject=1),
    StreamSpec("AUDIT", ("audit.>",), sealed=True),
    StreamSpec("OUTCOMES", ("outcome.>",), max_age_s=90 * DAY, per_subject=1),
    StreamSpec("LEDGER", ("ledger.>", "ledger-page.>"), max_age_s=400 * DAY, per_subject=1),
    StreamSpec("DEAD", ("dead.>",), max_age_s=30 * DAY),
    StreamSpec("SHELF", ("shelf.>",), max_age_s=2 * DAY, per_subject=1),
)

BUCKETS: Final[tuple[BucketSpec, ...]] = tuple(
    BucketSpec(name) for name in ("policy", "weights", "calibration", "experiments", "keys", "batches", "budgets")
)

OBJECT_BUCKETS: Final[tuple[ObjectSpec, ...]] = (
    ObjectSpec("files"),
    ObjectSpec("bodies", max_age_s=DAY + HOUR),
)
"""Files of batches; and requests, envelopes, attempts and replies too large for one message, which vanish an hour after
what refers to them would."""


def consumers(*, interactive: int = 1000, batch: int = 2, ack_wait_s: float = ACK_WAIT_S) -> tuple[ConsumerSpec, ...]:
    """One consumer for each lane, stage and row.

    Args:
        interactive: how many interactive messages of a row of a stage may be out at once, over all workers.
        batch: the same for batch. Bound to the model slots: whatever is more only waits in front of interactive work.
        ack_wait_s: seconds after which silent work is given to somebody else.
    """
    pending: dict[Lane, int] = {"interactive": interactive, "batch": batch}
    return tuple(
        ConsumerSpec(stage, lane, pending[lane], ack_wait_s, row)
        for lane in LANES
        for stage in STAGES
        for row in range(1 + ROWS[lane])
    )


def stream_of(subject: str) -> str:
    """The stream that holds `subject`.

    Raises:
        LookupError: none does.
    """
    head, _, rest = subject.partition(".")
    if head == "$O":
        return f"OBJ_{rest.partition('.')[0]}"
    for stream in STREAMS:
        if any(pattern.partition(".")[0] == head for pattern in stream.subjects):
            return stream.name
    raise LookupError(f"no stream holds {subject}")
