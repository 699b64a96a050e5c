"""The last door before data leaves. No target is called without a permit, and only `permit` makes one.

The plan has excluded what the residency policy does not allow already. The guard asks again right before each call,
so that a forged message, a slip in a stage, or a policy that changed on the way cannot send data where it must not go.
It also makes what is sent: the request after residency, visibility, masks and pseudonyms. The same door stands before
every other place where a request would be kept (`may_keep`).
"""

import hmac
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, Literal, NamedTuple

from pipeline.contracts import Classification, Embed, Finding, Json, Mark, Request, Residency, Shielded
from pipeline.disclosure.prompts import Added, Hide, messages_for, parameters_for, question_of, with_added
from pipeline.disclosure.pseudonyms import Hidden, Pseudonyms, Style
from pipeline.disclosure.recurring import everywhere, standing_in
from pipeline.disclosure.rewriting import rewritten
from pipeline.disclosure.units import Place, fingerprint, units_of
from pipeline.disclosure.view import GUARD, Permit, View
from pipeline.disclosure.visibility import neutral_ids, trimmed
from pipeline.errors import ResidencyRefused
from pipeline.policy import Policy, decided_about, permits, rejudge
from pipeline.policy.compiled import SEVERITY, stricter
from pipeline.policy.kinds import EVERY, OPAQUE, covers
from pipeline.policy.models import Target, Variant
from pipeline.policy.source import PolicySource

__all__ = ["Added", "Permit", "Reference", "Sink", "View", "as_it_is", "governing", "judged", "may_keep", "permit"]

Sink = Literal["cache", "dead_letters"]
_FORMS: Final = frozenset({"format", "pattern"})
_OPEN: Final = frozenset({"allow", "local_only"})


class Reference(NamedTuple):
    """What a call is known by: its idempotency key, and the trace it belongs to."""

    idempotency_key: str
    traceparent: str | None = None


def permit(
    request: Request,
    classification: Classification | None,
    target: str,
    policy: Policy,
    variant: Variant,
    shield: Pseudonyms | None,
    reference: Reference,
    added: Added | None = None,
) -> Permit:
    """Permit a call of `target` under `policy`, and make what it is sent.

    Args:
        request: what was asked.
        classification: what was found in it, and decided.
        target: who is to be called.
        policy: the policy that the request goes on under.
        variant: the way of answering: its prompt and parameters.
        shield: gives pseudonyms and masks; needed where `judged` hides something.
        reference: what the call is known by.
        added: what it is sent besides the request. An answer of another target counts as data of the request.

    Raises:
        ResidencyRefused: the request was not classified, the target is unknown, the decision forbids it, or what is to
            be hidden from it cannot be hidden.
    """
    decision = judged(request, classification, target, policy, added)
    spec = policy.targets[target]
    seen = policy.sees(target)
    hidden, hide = _hidden(request, classification, decision, policy, shield)
    shown, left_out = trimmed(hidden, seen)
    embed = shown.embed if added is None else _question(decision, shown, added)
    messages = messages_for(shown, variant) if embed is None else ()
    if added is not None and embed is None:
        messages = with_added(messages, shown, added, hide)
    plain = added is not None and added.judges
    replaced = _replaced(shield) if shield is not None else ()
    fields: dict[str, Any] = {
        "messages": neutral_ids(messages) if spec.external else messages,
        "embed": embed,
        "parameters": parameters_for(shown, variant, added),
        "logprobs": None if plain else shown.logprobs,
        "tools": None if plain else shown.tools,
        "tool_choice": None if plain else shown.tool_choice,
        "response_schema": None if plain else shown.response_schema,
        "user": shown.user,
        "session": shown.session,
        "metadata": shown.metadata,
        "idempotency_key": _key(reference.idempotency_key, seen),
        "traceparent": reference.traceparent if "traceparent" in seen else None,
        "shielded": (*replaced, *left_out),
    }
    return Permit(GUARD, target, spec, View(GUARD, fields))


def judged(
    request: Request, classification: Classification | None, target: str, policy: Policy, added: Added | None = None
) -> Residency:
    """What holds for `target`: the decision that travelled with the request and the one made now, joined strictly.

    What another target's answer brought up counts as found in the request.

    Raises:
        ResidencyRefused: the target may not be called.
    """
    spec = policy.targets.get(target)
    if classification is None or spec is None:
        missing = "the request was never classified" if classification is None else "the policy knows no such target"
        raise ResidencyRefused(f"target {target} may not be called: {missing}")
    before = next((entry for entry in classification.residency if entry.target == target), None)
    if before is None:
        raise ResidencyRefused(f"target {target} may not see this data: nobody decided about it")
    found = _with_answer(classification, added, target)
    now = decided_about(target, request, _honest(found, policy), policy)
    if not (permits(before.action, spec) and permits(now.action, spec)):
        for decision in sorted((before, now), key=lambda entry: -SEVERITY[entry.action]):
            if not permits(decision.action, spec):
                raise _refused(decision, f"the residency policy says {decision.action} ({decision.reason})")
    joined = _joined(before, now)
    if added is not None and added.remembered is not None:
        _may_compare(joined, spec, added)
    return joined


def as_it_is(decision: Residency) -> bool:
    """Whether nothing of the request is hidden from a target that may be called."""
    return decision.action in _OPEN and not (decision.pseudonymise or decision.mask)


def _may_compare(decision: Residency, spec: Target, added: Added) -> None:
    """Two questions are shown to one of our own alone, and only where it may see each of them as it is.

    The remembered one was scanned with its own request, not with this one, so nothing in it can be hidden now.

    Raises:
        ResidencyRefused: one of this does not hold.
    """
    if spec.external:
        raise _refused(decision, "a remembered question is shown to targets of our own alone")
    if not as_it_is(decision):
        raise _refused(decision, "it may not see this question as it is")
    if decision.target not in added.seen_by:
        raise _refused(decision, "it may not see the remembered question as it is")


def _question(decision: Residency, shown: Request, added: Added) -> Embed | None:
    """The question of which a vector is wanted, that remembered ones are found by; None: this call is for no vector.

    Raises:
        ResidencyRefused: the target may not see it as it is. What hides something makes another vector of it each time.
    """
    if added.kind != "embedding":
        return None
    if not as_it_is(decision):
        raise _refused(decision, "it may not see this question as it is")
    return Embed(texts=(question_of(shown),))


def may_keep(sink: Sink, classification: Classification | None, policy: Policy) -> bool:
    """Whether a request of this class, or an answer to it, may be kept there. What nobody classified is restricted."""
    data_class = "restricted" if classification is None else _honest(classification, policy).data_class
    return not stricter(data_class, getattr(policy.residency.visibility.sinks, sink).up_to)


def governing(
    policies: PolicySource, revision: str, request: Request, classification: Classification | None
) -> tuple[Policy, Classification | None]:
    """The policy that a request goes on under, and the residency decisions that hold under it.

    That is the revision it began with. When that is no longer kept (or a worker with newer files took over), the one in
    force now decides anew, because a decision about another definition of a target says nothing about this one.
    """
    kept = policies.revision(revision)
    if kept is not None:
        return kept, classification
    current = policies.current()
    if classification is None:
        return current, None
    return current, rejudge(request, classification, current)


# ------------------------------------------------------------ the decision


def _honest(found: Classification, policy: Policy) -> Classification:
    """The classification with all that follows from it: types of marks, their class, their special categories."""
    if not (found.findings or found.marks) and found.scan != "failed":
        return found  # nothing was found, so that nothing follows
    known = {finding.type for finding in found.findings}
    unnamed = Counter(mark.type for mark in found.marks if mark.type not in known)
    findings = (*found.findings, *(Finding(type=kind, count=count) for kind, count in sorted(unnamed.items())))
    data_class = "restricted" if found.scan == "failed" else found.data_class
    for finding in findings:
        own = policy.class_of(finding.type)
        data_class = own if stricter(own, data_class) else data_class
    types = {finding.type for finding in findings}
    own_special = [name for name, kinds in policy.residency.special.items() if not types.isdisjoint(kinds)]
    special = tuple(dict.fromkeys((*found.special, *own_special)))
    if data_class == found.data_class and not unnamed and special == found.special:
        return found
    return found.model_copy(update={"data_class": data_class, "findings": findings, "special": special})


def _with_answer(found: Classification, added: Added | None, target: str) -> Classification:
    """The classification with what an answer brought up that the target did not give itself."""
    if added is None or not added.found or added.source == target:
        return found
    return found.model_copy(update={"findings": (*found.findings, *added.found)})


def _joined(before: Residency, now: Residency) -> Residency:
    """The stricter of two decisions that permit, hiding what either hides."""
    decision = now if SEVERITY[now.action] > SEVERITY[before.action] else before
    if not (before.mask or now.mask or before.pseudonymise or now.pseudonymise):
        return decision
    mask = tuple(dict.fromkeys((*before.mask, *now.mask)))
    replaced = tuple(dict.fromkeys((*before.pseudonymise, *now.pseudonymise)))
    kept = () if EVERY in mask else tuple(kind for kind in replaced if kind not in mask)
    return decision.model_copy(update={"pseudonymise": kept, "mask": mask})


def _refused(decision: Residency, because: str) -> ResidencyRefused:
    return ResidencyRefused(f"target {decision.target} may not see this data: {because}", rule=decision.rule)


# ------------------------------------------------------------ what is hidden


def _hidden(
    request: Request,
    found: Classification | None,
    decision: Residency,
    policy: Policy,
    shield: Pseudonyms | None,
) -> tuple[Request, Hide]:
    """The request with everything hidden that the decision hides, and what hides the same in other texts."""
    types = (*decision.pseudonymise, *decision.mask)
    if not types or found is None:
        return request, _as_it_is
    units = units_of(request, policy.sometimes_seen())
    if found.units is None or fingerprint(units) != found.units:
        raise _refused(
            decision, "personal data cannot be hidden from it, since this is not the request that was scanned"
        )
    marks = [mark for mark in found.marks if covers(types, mark.type)]
    if not _complete(found, marks, types):
        raise _refused(decision, "personal data cannot be hidden from it, since it is not known where all of it stands")
    if shield is None:
        raise _refused(decision, "there is nothing to hide personal data with")
    style = _style(request, policy)

    def replace(text: str, places: Sequence[Place]) -> str:
        return shield.replace(
            text,
            [Hidden(place.type, place.start, place.end, covers(decision.mask, place.type), style) for place in places],
        )

    def hide(text: str, places: Sequence[Place]) -> str:
        brought = [place for place in places if covers(types, place.type)]
        return replace(text, standing_in(text, units, marks, brought))

    return rewritten(request, units, everywhere(units, marks), replace), hide


def _as_it_is(text: str, _places: Sequence[Place]) -> str:
    return text


def _replaced(shield: Pseudonyms) -> tuple[Shielded, ...]:
    """How much was hidden."""
    return (*_counted("pseudonymise", shield.replaced), *_counted("mask", shield.masked))


def _complete(found: Classification, marks: Sequence[Mark], types: tuple[str, ...]) -> bool:
    """Whether every finding that is to be hidden has its mark."""
    there = Counter(mark.type for mark in marks)
    wanted = (finding for finding in found.findings if covers(types, finding.type) and finding.type != OPAQUE)
    return all(there[finding.type] >= finding.count for finding in wanted)


def _counted(action: Literal["pseudonymise", "mask"], counts: Mapping[str, int]) -> tuple[Shielded, ...]:
    return tuple(Shielded(action=action, what=kind, count=counts[kind]) for kind in sorted(counts) if counts[kind])


def _style(request: Request, policy: Policy) -> Style:
    """Where a schema asks for a format, a token would break it."""
    usual = policy.residency.pseudonyms.style
    if usual == "format" or _asks_for_form(request.response_schema) or _asks_for_form([*(request.tools or ())]):
        return "format"
    return usual


def _asks_for_form(schema: Json) -> bool:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            if not _FORMS.isdisjoint(part):
                return True
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
    return False


def _key(key: str, seen: Collection[str]) -> str:
    """The idempotency key; where the provider may not see the request's id, only a digest of it."""
    if "request_id" in seen:
        return key
    return hmac.digest(b"stepwell idempotency", key.encode(), sha256).hex()[:32]
