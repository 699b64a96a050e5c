"""The cascade as a table, and every name that is derived from it: subjects, streams' consumers, diagram.

This is the only place that knows the order of the stages. The runner follows it, the README's diagram and the
tests of reachability and termination are made from it, and the provisioner creates one queue for each stage in it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby, islice
from types import MappingProxyType
from typing import Final, Protocol, TypeVar, get_args

from pipeline.contracts import Lane, MadeFor, StageName, Step

__all__ = [
    "ANY_OUTCOMES",
    "AT_PROVIDER",
    "DONE",
    "FIRST",
    "LANES",
    "LAST",
    "POSTPONED",
    "ROWS",
    "STAGES",
    "TENANT_INBOX",
    "TRANSITIONS",
    "VERBS",
    "WAITING",
    "advance",
    "audit_subject",
    "calls_of",
    "cancel_subject",
    "consumer_name",
    "dead_subject",
    "is_inbox",
    "journal_subject",
    "later_subject",
    "leader_subject",
    "ledger_page_subject",
    "ledger_subject",
    "mermaid",
    "outcome_subject",
    "outcomes_of",
    "request_subject",
    "result_subject",
    "row_subject",
    "shelf_subject",
    "step_subject",
]

STAGES: Final[tuple[StageName, ...]] = get_args(StageName)
LANES: Final[tuple[Lane, ...]] = get_args(Lane)
FIRST: Final[StageName] = "classify"
LAST: Final[StageName] = "audit"
ROWS: Final[Mapping[Lane, int]] = MappingProxyType({"interactive": 4, "batch": 0})
"""How many rows there are behind the front one (`admission.turns`). Batches have a feeder that knows their turns."""
VERBS: Final = ("ask", "enqueue", "result", "outcome")
"""Await the reply; hand in and fetch it later; fetch it; say how good it was."""
DONE: Final = "recorded"
"""The one outcome that ends a request: audit has recorded, stored and replied."""
WAITING: Final[tuple[StageName, ...]] = ("draft", "escalate")
"""Stages that may let a request wait in front of them (`errors.Postponed`): those that spend money."""
POSTPONED: Final = "postponed"
"""What the trail says of a stage that let the request wait. It is no outcome: the stage has not decided, and the next
step in the trail is its own again, or how the request ended there."""

AT_PROVIDER: Final = "provider_batch"
"""What a request waits for whose call goes by a batch of its provider; also the last token of where it waits then."""

_CASCADE: Final[dict[tuple[StageName, str], StageName]] = {
    ("classify", "classified"): "plan",
    ("plan", "planned"): "recall",
    ("plan", "refused"): "audit",
    ("recall", "hit"): "audit",
    ("recall", "miss"): "draft",
    ("draft", "drafted"): "check",
    ("draft", "unavailable"): "escalate",
    ("check", "accepted"): "audit",
    ("check", "unsure"): "draft",
    ("check", "rejected"): "escalate",
    ("check", "exhausted"): "audit",
    ("escalate", "escalated"): "check",
    ("escalate", "unavailable"): "audit",
}

TENANT_INBOX: Final = "_INBOX_tenant."
"""What inboxes of users of one tenant begin with; the name of the tenant follows."""
_INBOX: Final = re.compile(r"_INBOX[A-Za-z0-9_-]*(?:\.[^\s.*>]+)+")

ANY_OUTCOMES: Final[tuple[str, ...]] = ("refused", "failed", "expired", "cancelled")
"""How any stage before the last may end a request: policy said no, we could not, too late, taken back."""

TRANSITIONS: Final[Mapping[tuple[StageName, str], StageName]] = MappingProxyType(
    _CASCADE | {(stage, outcome): LAST for stage in STAGES if stage != LAST for outcome in ANY_OUTCOMES}
)
"""(stage, outcome) -> the stage that comes next. What is not in the table cannot happen."""


def advance(stage: StageName, outcome: str) -> StageName | None:
    """The stage after `stage` ended with `outcome`; None when the request is done.

    Raises:
        KeyError: the table has no such outcome. The runner treats that as a defect of the stage.
    """
    if stage == LAST and outcome == DONE:
        return None
    return TRANSITIONS[stage, outcome]


def outcomes_of(stage: StageName) -> tuple[str, ...]:
    """Every outcome that `stage` may have, in the order of the table."""
    if stage == LAST:
        return (DONE,)
    return tuple(outcome for owner, outcome in TRANSITIONS if owner == stage)


def step_subject(lane: Lane, stage: StageName) -> str:
    """Where work for `stage` waits whose row nobody named: handed in again by a person, or by a worker of before."""
    return f"step.{lane}.{stage}"


def row_subject(lane: Lane, stage: StageName, row: int | str, tenant: str) -> str:
    """Where work for `stage` waits in one of the lane's rows. The tenant stands there so that NATS can count by it."""
    return f"step.{lane}.{stage}.{row}.{tenant}"


def later_subject(lane: Lane, stage: StageName, message_id: str) -> str:
    """Where work for `stage` waits for its time, outside the queue; `message_id` may be several tokens."""
    return f"step.later.{lane}.{stage}.{message_id}"


def consumer_name(lane: Lane, stage: StageName, row: int = 0) -> str:
    """The durable consumer that hands out one row; the front one also what stands on `step_subject`."""
    return f"{lane}-{stage}-{row}" if row else f"{lane}-{stage}"


def request_subject(verb: str, tenant: str) -> str:
    """Where callers speak to the cascade: `verb` is one of VERBS."""
    return f"request.{verb}.{tenant}"


def is_inbox(address: str, tenant: str | None = None) -> bool:
    """Whether answers may be sent to this address; whoever answers may publish more than those who ask.

    An inbox begins with `_INBOX`. Those that begin with `_INBOX_tenant.` belong to the tenant named there.
    """
    if _INBOX.fullmatch(address) is None:
        return False
    return tenant is None or not address.startswith(TENANT_INBOX) or address.startswith(f"{TENANT_INBOX}{tenant}.")


def cancel_subject(key: str) -> str:
    """Where a caller says that it no longer wants the answer of the request with this `<tenant>.<id>`."""
    return f"cancel.{key}"


def leader_subject(who: str) -> str:
    """Where one that may feed batches is there as long as it lives; `who` is a digest of its name."""
    return f"leader.{who}"


def result_subject(tenant: str, request_id: str) -> str:
    """Where the reply is stored, to be fetched later."""
    return f"result.{tenant}.{request_id}"


def audit_subject(tenant: str, kind: str) -> str:
    """Where audit records of a tenant are appended."""
    return f"audit.{tenant}.{kind}"


def outcome_subject(tenant: str, event_id: str) -> str:
    """Where an outcome event is stored; one subject for each event, so that a second one with its id is refused."""
    return f"outcome.{tenant}.{event_id}"


def dead_subject(stage: StageName) -> str:
    """Where messages go that `stage` could not handle."""
    return f"dead.{stage}"


def journal_subject(key: str, step: str) -> str:
    """Where the result of a paid step of `<tenant>.<id>` is written down before the request goes on."""
    return f"journal.{key}.{step}"


def ledger_subject(attempt: str, kind: str) -> str:
    """Where a line of the ledger stands: `attempt` is `<tenant>.<request>.<step>`. One line of each kind."""
    return f"ledger.{attempt}.{kind}"


def ledger_page_subject(group: str, first: int | str, last: int | str) -> str:
    """Where settled lines of the ledger stand together, once more: between these places they stood by themselves."""
    return f"ledger-page.{group}.{first}.{last}"


def shelf_subject(kind: str, *place: str) -> str:
    """Where a call stands that goes by a provider's batch (`line`), its answer, or what is known of the batches."""
    return ".".join(("shelf", kind, *place))


class _Call(Protocol):
    """A call of a model: `contracts.Attempt`, or its record."""

    @property
    def stage(self) -> StageName: ...

    @property
    def made_for(self) -> MadeFor: ...

    @property
    def tier(self) -> int: ...


C = TypeVar("C", bound=_Call)


def calls_of(trail: Sequence[Step], attempts: Sequence[C]) -> tuple[tuple[C, ...], ...]:
    """For each step of the trail the calls that were made in it, in their order.

    They are those of its stage and of one tier, as each escalation goes a tier further: the chosen variant, and its
    fallbacks. A step that only waited made none. One that was asked for further calls says how many it made.
    """
    answers = [attempt for attempt in attempts if attempt.made_for == "answer"]
    looks = iter([attempt for attempt in attempts if attempt.made_for != "answer"])
    groups = {stage: [attempt for attempt in answers if attempt.stage == stage] for stage in STAGES}
    waiting = {stage: groupby(made, lambda attempt: attempt.tier) for stage, made in groups.items()}
    found: list[tuple[C, ...]] = []
    for step in trail:
        made = step.facts.get("made")
        if "made_for" in step.facts:
            found.append(tuple(islice(looks, int(made) if isinstance(made, int | float) else 0)))
            continue
        group = None if step.outcome == POSTPONED else next(waiting[step.stage], None)
        found.append(() if group is None else tuple(group[1]))
    return tuple(found)


def _edges() -> Iterator[tuple[str, str, str]]:
    yield "request", FIRST, ""
    for (stage, outcome), target in _CASCADE.items():
        yield stage, target, outcome
    yield LAST, "reply", DONE


def mermaid() -> str:
    """The table drawn as a Mermaid flowchart. The ways that every stage shares are one dotted arrow."""
    lines = ["flowchart LR"]
    for source, target, label in _edges():
        lines.append(f"    {source} -->|{label}| {target}" if label else f"    {source} --> {target}")
    lines.append(f"    any([any stage]) -.->|{' · '.join(ANY_OUTCOMES)}| {LAST}")
    return "\n".join(lines)
