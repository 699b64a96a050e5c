"""Policies, signals and plans for tests of planning."""

from collections.abc import Mapping
from pathlib import Path

from policy_files import write

from pipeline.contracts import Classification, Envelope, Plan, Request, Signals, Snapshot, TargetStanding
from pipeline.policy import Policy, decided
from pipeline.policy.load import load_folder
from pipeline.policy.observed import signals_of
from pipeline.ports import Outcome
from stages.plan.decide import decide, plan_in

__all__ = [
    "LIMITS",
    "MODELS",
    "RESIDENCY",
    "classified",
    "conditions",
    "down",
    "envelope",
    "left_out",
    "outcome",
    "plan",
    "policy_of",
    "refusal",
    "signals",
    "targets",
    "variants",
]

SECRET = b"a secret of tests"

MODELS = """\
apiVersion: stepwell/v1
kind: Models
targets:
  tiny:
    {endpoint: "http://a", model: m, provider: house, region: r,
     jurisdiction: EU, external: false, context_window: 400, max_output_tokens: 100, properties: {training: false},
     capabilities: [chat, json_schema], price: {input: 1, output: 2, source: s, as_of: "2026-11-01"}}
  near:
    {endpoint: "http://a", model: m, provider: house, region: r,
     jurisdiction: EU, external: false, context_window: 4000, max_output_tokens: 1000, properties: {training: false},
     capabilities: [chat, json_schema, tools, vision],
     price: {input: 10, output: 20, source: s, as_of: "2026-11-01"}}
  far:
    {endpoint: "http://a", model: m, provider: abroad, region: r2,
     jurisdiction: US, external: true, context_window: 4000, max_output_tokens: 500,
     capabilities: [chat, json_schema, tools, vision]}
variants:
  tiny: {target: tiny}
  near: {target: near}
  terse: {target: near, system: Be brief., parameters: {max_tokens: 50}}
  far: {target: far}
"""
"""tiny is small and cheap, near large and dear, far abroad and of unknown price."""
RESIDENCY = """\
apiVersion: stepwell/v1
kind: Residency
classes: {restricted: [SECRET], confidential: [PERSON]}
rules:
  - {id: here, when: target.external && req.data_class == "restricted", action: local_only, reason: it stays}
  - {id: frozen, when: '"FROZEN" in req.types', action: deny, reason: nobody may}
"""
LIMITS = """\
apiVersion: stepwell/v1
kind: Limits
"""


def policy_of(folder: Path, routes: str, *, models: str = MODELS, residency: str = RESIDENCY, **more: str) -> Policy:
    """A policy of these routes: a whole file, or the list below `routes:`."""
    text = routes if "apiVersion" in routes else f"apiVersion: stepwell/v1\nkind: Routes\nroutes:\n{routes}"
    return load_folder(write(folder, models=models, routes=text, residency=residency, **more), {})


def classified(
    request: Request, policy: Policy, *, data_class: str = "public", types: tuple[str, ...] = ()
) -> Classification:
    """What classify would say of a request with these findings."""
    found = Classification.model_validate(
        {
            "data_class": data_class,
            "findings": tuple({"type": kind, "count": 1} for kind in types),
            "scan": "complete",
            "names_scanned": True,
            "engine": "e",
            "origin": request.origin,
            "units": "u",
        }
    )
    return found.model_copy(update={"residency": decided(request, found, policy)})


def envelope(policy: Policy, *, data_class: str = "public", types: tuple[str, ...] = (), **request: object) -> Envelope:
    """A classified request; `request` are its fields."""
    content: dict[str, object] = {} if "messages" in request or "input" in request else {"input": "hi"}
    asked = Request.model_validate({**content, **request})
    return Envelope(
        id=asked.id or "r1",
        request=asked,
        fingerprint="f",
        lane=asked.lane,
        received_at=0,
        deadline_at=60,
        policy_revision=policy.revision,
        classification=classified(asked, policy, data_class=data_class, types=types),
    )


def signals(asked: Envelope, policy: Policy, busy_with: str | None = None) -> Signals:
    """What planning sees of it."""
    return signals_of(
        asked.request,
        asked.classification,
        policy,
        secret=SECRET,
        request_id=asked.id,
        deadline_left_ms=60_000,
        busy_with=busy_with,
    )


def outcome(
    policy: Policy,
    *,
    snapshot: Snapshot | None = None,
    busy_with: str | None = None,
    seen: Mapping[str, object] | None = None,
    **request: object,
) -> Outcome:
    """What becomes of a request; `seen` replaces signals of it."""
    asked = envelope(policy, **request)  # type: ignore[arg-type]
    known = signals(asked, policy, busy_with).model_copy(update=dict(seen or {}))
    assert asked.classification is not None
    return decide(known, asked.classification.residency, snapshot or Snapshot(), policy)


def plan(policy: Policy, **circumstances: object) -> Plan:
    """The plan of a request that is not refused."""
    result = outcome(policy, **circumstances)  # type: ignore[arg-type]
    assert result.kind == "planned", result
    planned = plan_in(result)
    assert planned is not None
    return planned


def refusal(policy: Policy, **circumstances: object) -> tuple[str, str, float | None]:
    """Code, message and time to wait of a request that is refused."""
    return _ended("refused", policy, circumstances)


def failure(policy: Policy, **circumstances: object) -> tuple[str, str, float | None]:
    """The same of a request that fails."""
    return _ended("failed", policy, circumstances)


def _ended(kind: str, policy: Policy, circumstances: Mapping[str, object]) -> tuple[str, str, float | None]:
    result = outcome(policy, **circumstances)  # type: ignore[arg-type]
    assert (result.kind, result.changes["status"]) == (kind, kind), result
    error = result.changes["error"]
    return error.code, error.message, error.retry_after_s  # type: ignore[attr-defined]


def down(*names: str) -> Snapshot:
    """A world in which these targets take no calls."""
    return Snapshot(targets={name: TargetStanding(healthy=False) for name in names})


def left_out(*names: str) -> Snapshot:
    """A world in which these targets do much worse than those beside them."""
    out = TargetStanding(healthy=False, why="outlier", back_s=20.0)
    return Snapshot(targets=dict.fromkeys(names, out))


def targets(planned: Plan) -> list[str]:
    """Whom the tiers call."""
    return [tier.target for tier in planned.tiers]


def variants(planned: Plan) -> list[str]:
    """By which variants the tiers answer."""
    return [tier.variant for tier in planned.tiers]


def conditions(planned: Plan) -> dict[str, str]:
    """Who was left out, and by which condition."""
    return {exclusion.target: exclusion.condition for exclusion in planned.excluded}
