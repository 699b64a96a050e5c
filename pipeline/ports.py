"""What stages and the runner need from the world, as protocols. Adapters implement them; tests use small fakes."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from pipeline.contracts import (
    Attempt,
    Chunk,
    Envelope,
    Finding,
    JsonObject,
    Lane,
    Message,
    Parameters,
    Reply,
    StageName,
    TokenLogprob,
    ToolCall,
    Usage,
)

__all__ = [
    "Appended",
    "AuditLog",
    "AuditReference",
    "Bucket",
    "Cache",
    "Caller",
    "Clock",
    "Completion",
    "Conflict",
    "Conversation",
    "Delivery",
    "Entry",
    "Handler",
    "Incoming",
    "Journal",
    "Link",
    "ModelCall",
    "ModelClient",
    "Observer",
    "Outcome",
    "Permit",
    "PiiScanner",
    "Random",
    "ResultStore",
    "Run",
    "ScanReport",
    "Stage",
    "Stored",
    "Streams",
    "Subscription",
    "TokenSink",
    "Transport",
    "WeightStore",
    "Weights",
]


# ---------------------------------------------------------------- time and chance


class Clock(Protocol):
    """The time. An argument everywhere, so that tests own it."""

    def now(self) -> float:
        """Wall-clock time in Unix seconds, for records and deadlines that travel."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never go back, for durations."""
        ...


class Random(Protocol):
    """Chance, as an argument."""

    def random(self) -> float:
        """A number in [0, 1)."""
        ...


# ---------------------------------------------------------------- a stage


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage decided: one word of `topology.outcomes_of(stage)`, why, and what it adds to the envelope.

    `changes` are fields of the envelope; `facts` go to the trail (scores, versions, counts; never text of a request).
    """

    kind: str
    reasons: tuple[str, ...] = ()
    changes: Mapping[str, object] = field(default_factory=dict)
    facts: Mapping[str, str | float | int | bool | None] = field(default_factory=dict)


@runtime_checkable
class Caller(Protocol):
    """The one who waits for the reply, on the way back."""

    async def chunk(self, chunk: Chunk) -> bool:
        """Send a piece of the answer. False: the caller is gone, stop generating."""
        ...

    async def reply(self, reply: Reply) -> None:
        """Send the reply, which ends the conversation."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """The circumstances of one delivery: how often it was delivered (from 1), and the caller if one waits."""

    delivered: int = 1
    caller: Caller | None = None


class Stage(Protocol):
    """A verb of the cascade."""

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        ...

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """Decide about one envelope. Raise an error of `pipeline.errors` where it cannot."""
        ...


class Observer(Protocol):
    """Who is told what happened, for metrics and traces. It must not raise and must not wait."""

    def step(self, stage: StageName, outcome: str, lane: Lane, seconds: float) -> None:
        """A stage ended."""
        ...

    def finished(self, envelope: Envelope, reply: Reply) -> None:
        """A request ended."""
        ...

    def trouble(self, stage: StageName, action: str, code: str) -> None:
        """A stage raised, and this became of the message."""
        ...


# ---------------------------------------------------------------- the road


class Delivery(Protocol):
    """One message that this worker holds. Exactly one of ack, retry and (through dead letter) ack ends it."""

    @property
    def stage(self) -> StageName:
        """The stage it is for."""
        ...

    @property
    def lane(self) -> Lane:
        """The lane it came on."""
        ...

    @property
    def body(self) -> bytes:
        """The bytes of the envelope."""
        ...

    @property
    def delivered(self) -> int:
        """How often it was delivered, from 1."""
        ...

    async def working(self) -> None:
        """Say that it is still being worked on, so that nobody else gets it."""
        ...

    async def ack(self) -> None:
        """It is done: never deliver it again."""
        ...

    async def retry(self, delay_s: float) -> None:
        """Hand it back, to be delivered again after `delay_s` seconds."""
        ...


Handler = Callable[[Delivery], Awaitable[None]]


class Transport(Protocol):
    """Durable queues between stages, and the way back to callers."""

    async def hand_over(self, lane: Lane, stage: StageName, body: bytes, message_id: str) -> bool:
        """Store `body` for `stage`, once for each `message_id`. False: it was there already. Returns when durable."""
        ...

    async def consume(self, stage: StageName, lane: Lane, handler: Handler, slots: int) -> None:
        """Start to hand messages for `stage` to `handler`, at most `slots` at a time. Returns at once."""
        ...

    def caller(self, address: str, streaming: bool) -> Caller:
        """The caller who waits at `address`."""
        ...

    async def stop(self, grace_s: float) -> None:
        """Take no more, let what runs end within `grace_s` seconds, hand back what was not begun."""
        ...


# ---------------------------------------------------------------- durable streams and buckets


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a message was stored. `duplicate`: it was there before, under the same `once` id."""

    sequence: int
    duplicate: bool = False


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored message."""

    subject: str
    sequence: int
    body: bytes
    at: float = 0.0


class Conflict(Exception):
    """The subject or key was written by somebody else since it was read."""


class Streams(Protocol):
    """Append-only durable streams. All raise `errors.TransportUnavailable` when the store does not confirm."""

    async def append(
        self, subject: str, body: bytes, *, once: str | None = None, expected: int | None = None
    ) -> Appended:
        """Append to the stream that holds `subject`; return when durable.

        Args:
            subject: where it belongs.
            body: the bytes.
            once: appending again under the same id within the stream's window stores nothing.
            expected: sequence of the last message on this very subject (0: there is none).

        Raises:
            Conflict: the last message on the subject is another one than `expected`.
        """
        ...

    async def last(self, subject: str) -> Stored | None:
        """The newest message on `subject`."""
        ...

    async def at(self, stream: str, sequence: int) -> Stored | None:
        """The message with this sequence number."""
        ...

    def scan(self, stream: str, *, after: int = 0, subject: str | None = None) -> AsyncIterator[Stored]:
        """All messages stored so far after sequence `after`, oldest first; `subject` may filter with wildcards."""
        ...

    async def delete(self, stream: str, sequence: int) -> bool:
        """Delete one message where the stream permits it. False: there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """One value of a bucket with its revision."""

    key: str
    value: bytes
    revision: int


class Bucket(Protocol):
    """A watched key-value bucket."""

    async def get(self, key: str) -> Entry | None:
        """The value of `key`."""
        ...

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        """Write and return the new revision. With `expected`, only if that is the present one (0: the key is new).

        Raises:
            Conflict: it is not.
        """
        ...

    async def keys(self) -> tuple[str, ...]:
        """All keys."""
        ...

    def watch(self) -> AsyncIterator[Entry | None]:
        """Every present value, then None, then each change as it happens."""
        ...


@dataclass(frozen=True, slots=True)
class Incoming:
    """A message from a core subject: at most once, not stored."""

    subject: str
    body: bytes
    reply_to: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Subscription(Protocol):
    """Something that can be ended."""

    async def stop(self) -> None:
        """No more messages after this."""
        ...


class Conversation(Protocol):
    """A request that was sent, and its answers."""

    async def next(self, timeout_s: float) -> Incoming | None:
        """The next answer; None when there was none within `timeout_s` seconds. An empty body ends a stream.

        Raises:
            NoWorker: nobody listens on the subject; known at once.
        """
        ...

    def close(self) -> None:
        """No more answers are wanted."""
        ...


class Link(Protocol):
    """A connection to NATS, or to its in-memory likeness: streams, buckets, and core messages."""

    @property
    def streams(self) -> Streams:
        """The durable streams."""
        ...

    def bucket(self, name: str) -> Bucket:
        """A key-value bucket that the provisioner made."""
        ...

    async def publish(self, subject: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a core message: at most once, to whoever listens now."""
        ...

    async def subscribe(
        self, subject: str, handler: Callable[[Incoming], Awaitable[None]], *, queue: str | None = None
    ) -> Subscription:
        """Hand each core message on `subject` to `handler`; with `queue`, to one member of the group."""
        ...

    async def converse(self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> "Conversation":
        """Send a request and return the place where its answers arrive, one or many."""
        ...

    async def serve(
        self, name: str, version: str, endpoints: Mapping[str, Callable[[Incoming], Awaitable[None]]]
    ) -> None:
        """Answer requests: subject -> handler. Every member of the service shares the work."""
        ...

    def transport(self) -> Transport:
        """The work queue over this connection."""
        ...

    async def close(self) -> None:
        """Flush and close."""
        ...


# ---------------------------------------------------------------- what stages ask for


@dataclass(frozen=True, slots=True)
class ScanReport:
    """What a scan found: types and counts, the engine, and whether it saw everything.

    `scan` is `failed` when the scan broke or ran out of time: then nothing may be concluded from an empty list.
    """

    findings: tuple[Finding, ...]
    engine: str
    scan: str = "complete"
    reason: str | None = None


class PiiScanner(Protocol):
    """Finds personal data."""

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """Scan text units, with `names` also for people and places. Never raises: trouble is a failed report."""
        ...


class Cache(Protocol):
    """A store that may forget and may be away. Neither is an error for the caller of the cascade."""

    async def get(self, key: str) -> bytes | None:
        """The value, or None. Raises `errors.StoreUnavailable` when the store is away."""
        ...

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        """Store for `ttl_s` seconds. Raises `errors.StoreUnavailable` when the store is away."""
        ...


class Permit(Protocol):
    """Proof that the residency decision lets one target see one request. Only the guard beside the client makes it."""

    @property
    def target(self) -> str:
        """Name of the target that it is for."""
        ...


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One call of a model at a target: all that the adapter must know, nothing that the provider must not.

    `permit` names the target; no client calls without one. `deadline_s` is the time left, in seconds from now.
    """

    permit: Permit
    messages: tuple[Message, ...]
    parameters: Parameters
    deadline_s: float
    idempotency_key: str
    lane: Lane = "interactive"
    tools: tuple[JsonObject, ...] | None = None
    tool_choice: str | JsonObject | None = None
    response_schema: JsonObject | None = None
    extra: Mapping[str, object] = field(default_factory=dict)
    traceparent: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered. Times in milliseconds; `calls` counts the tries, retries included.

    `usage_reported` is False where the endpoint did not say what it used: then nobody knows what the call cost.
    """

    model: str
    text: str | None
    finish_reason: str | None
    usage: Usage
    tool_calls: tuple[ToolCall, ...] | None = None
    tokens: tuple[TokenLogprob, ...] | None = None
    latency_ms: float = 0.0
    first_token_ms: float | None = None
    calls: int = 1
    usage_reported: bool = True


TokenSink = Callable[[str], Awaitable[bool]]
"""Takes a piece of text as it is generated; False asks the client to stop generating."""


class ModelClient(Protocol):
    """Calls models."""

    async def complete(self, call: ModelCall, sink: TokenSink | None = None) -> Completion:
        """Call the target once (with its retries). Cancelling the task aborts the upstream call.

        Raises:
            TargetUnavailable, TargetTimeout, TargetOverloaded, TargetRejected, Cancelled, ResidencyRefused.
        """
        ...

    def healthy(self, target: str) -> bool:
        """Whether the target takes calls now (its breaker is not open)."""
        ...


class Journal(Protocol):
    """Remembers what was paid for, so that a redelivery does not pay again."""

    async def recall(self, key: str, step: str) -> Attempt | None:
        """The attempt written for this step of the request with this `Envelope.key`, if any."""
        ...

    async def write(self, key: str, step: str, attempt: Attempt) -> Attempt:
        """Write it down, durably. Returns the one that counts: the first that was written."""
        ...


@dataclass(frozen=True, slots=True)
class AuditReference:
    """Where a record stands, and the SHA-256 (hex) of its bytes."""

    audit_id: str
    sequence: int
    digest: str


class AuditLog(Protocol):
    """The chained log."""

    async def append(self, fields: Mapping[str, object]) -> AuditReference:
        """Append a record of `fields` (those of AuditRecord but for producer, n, prev). Returns when durable."""
        ...


class ResultStore(Protocol):
    """Replies by request id."""

    async def put(self, reply: Reply) -> Reply:
        """Store the reply. Returns the one that counts: the first final one for this id."""
        ...

    async def get(self, tenant: str, request_id: str) -> Reply | None:
        """The reply, if it is there already."""
        ...


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of a route's variants, one mapping for each tier, and their version (0: those of the policy)."""

    version: int
    tiers: tuple[Mapping[str, float], ...]


class WeightStore(Protocol):
    """The weights in force, kept up to date in the background."""

    def current(self, route: str) -> Weights | None:
        """What the allocator published last for `route`; None: nothing, use the policy's."""
        ...
