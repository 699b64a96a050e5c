"""What a record or an outcome says about answers that stayed, and what follows from all of them. Pure.

An answer that would stay and was escalated all the same is wrong where the deeper tier says something else. An outcome
says it of an answer that did stay; but who gives outcomes chooses what to give them for, so that they count only where
a route explores nothing (`accept.explore`), as they do when it is calibrated.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from pipeline.adapters.watch import Book, Fallen, RouteWatch
from pipeline.confidence.watch import Watched
from pipeline.contracts import AuditRecord, Reply
from pipeline.policy import Policy
from pipeline.policy.calibration import Calibrator, Gate

__all__ = ["Seen", "after", "allowed", "fallen", "seen_in_outcome", "seen_in_record"]

_AGREES: Final = "agrees_with_next"
_GOOD: Final = 0.5


class Seen(NamedTuple):
    """What one record or outcome says of a route: the score of a draft, and a label, each where there is one."""

    route: str
    calibrator: str | None
    segment: str = ""
    score: float | None = None
    label: Watched | None = None


def seen_in_record(record: AuditRecord, policy: Policy) -> Seen | None:
    """The score of the draft of a recorded request, and its label where it was explored; None: there was no draft."""
    plan = next((step.facts for step in record.trail if step.stage == "plan"), {})
    checked = next((step.facts for step in record.trail if step.stage == "check" and step.outcome != "unsure"), None)
    name = plan.get("route")
    if checked is None or not isinstance(name, str) or policy.route(name) is None:
        return None
    score, calibrator = checked.get("confidence"), _text(checked.get("calibrator"))
    task = record.signals_seen.task if record.signals_seen is not None else None
    route = policy.route(name)
    own = route.calibrator if route is not None else None
    if (own.name if own is not None else None) != calibrator:
        return None  # judged under another promise
    agrees, label = record.drafted.get(_AGREES), None
    known = float(score) if isinstance(score, int | float) else None
    if record.explored is not None and agrees is not None:
        label = Watched(agrees < _GOOD, allowed(own, task, record.tenant, known))
    return Seen(name, calibrator, segment_of(own, task), known, label)


def seen_in_outcome(reply: Reply | None, reward: float, policy: Policy) -> Seen | None:
    """The label that an outcome gives; None: none, or on a route whose labels are drawn at random."""
    served = reply.served if reply is not None else None
    if reply is None or served is None or served.tier != 0 or reply.degraded or reply.cache == "hit":
        return None
    route = policy.route(served.route)
    if route is None or route.spec.accept.explore > 0.0 or len(route.spec.tiers) < 2:
        return None
    own = route.calibrator
    label = Watched(reward < _GOOD, allowed(own, None, reply.tenant, reply.confidence))
    return Seen(served.route, own.name if own is not None else None, "", None, label)


def allowed(calibrator: Calibrator | None, task: str | None, tenant: str, confidence: float | None) -> float:
    """How often a kept answer may be wrong: as the promise of its segment says, or else as its own confidence does.

    A promise about all requests, P(wrong and kept), allows more among those that are kept: it is divided by their
    share. One that is made against the large model allows as many wrong ones as were kept when it was made, since the
    large model was wrong there as well, and what may be lost besides.
    """
    if calibrator is not None and isinstance(calibrator.file, Gate):
        promise = calibrator.segment(task, tenant)[0].promise
        if promise is not None and promise.why is None:
            share = 1.0 if promise.rule == "precision" else max(promise.kept, promise.alpha)
            beside_large = promise.rule in ("relative", "floor") and promise.kept > 0.0 and promise.n > 0
            seen = promise.errors / (promise.kept * promise.n) if beside_large else 0.0
            return min(1.0, seen + promise.alpha / share)
    return 0.5 if confidence is None else 1.0 - confidence


def segment_of(calibrator: Calibrator | None, task: str | None) -> str:
    """The segment a label belongs to: the task where something was promised for it."""
    named = isinstance(calibrator.file, Gate) and task in calibrator.file.segments if calibrator is not None else False
    return task if named and task is not None else ""


def after(book: Book, seen: Iterable[Seen]) -> Book:
    """The book with these; what is said under another calibrator begins the route anew."""
    routes = dict(book.routes)
    for one in seen:
        state = routes.get(one.route)
        if state is None or state.calibrator != one.calibrator:
            state = RouteWatch(calibrator=one.calibrator)
        if one.score is not None:
            state = state.with_scores(state.scores.after(one.score))
        if one.label is not None:
            state = state.with_suspicion(one.segment, state.suspicion(one.segment).after(one.label))
        routes[one.route] = state
    return book.model_copy(update={"routes": routes})


def fallen(route: str, state: RouteWatch, at: float) -> Fallen | None:
    """Why a route falls back; None: nothing speaks against it enough."""
    for name in sorted(state.segments):
        now = state.suspicion(name)
        if now.alarms():
            return Fallen(route=route, calibrator=state.calibrator, segment=name, seen=now.seen, wrong=now.wrong, at=at)
    return None


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
