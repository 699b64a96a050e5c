"""Envelopes in the middle of their way, for tests of the stages that call models and judge answers."""

from pipeline.contracts import Attempt, Envelope, Plan, Request, StageName, Tier, TokenLogprob, Verdict

NAMES = ("small", "large", "huge")


def plan(tiers: int = 2, **others: object) -> Plan:
    rungs = tuple(Tier(variant=name, target=name, propensity=1.0) for name in NAMES[:tiers])
    fields: dict[str, object] = {"route": "chat", "tiers": rungs, "max_escalations": tiers - 1}
    return Plan.model_validate({**fields, **others})


def envelope(
    *attempts: Attempt, tiers: Plan | None = None, request: Request | None = None, **others: object
) -> Envelope:
    fields: dict[str, object] = {
        "id": "r1",
        "request": request or Request(input="How deep is it?"),
        "fingerprint": "f",
        "lane": "interactive",
        "received_at": 1_000_000.0,
        "deadline_at": 1_000_010.0,
        "policy_revision": "0123456789abcdef",
        "plan": tiers or plan(),
        "attempts": attempts,
    }
    return Envelope.model_validate({**fields, **others})


def attempt(number: int, **others: object) -> Attempt:
    """The attempt that the cascade makes as its `number`-th: the first by draft, then one tier further each time."""
    stage: StageName = "draft" if number == 1 else "escalate"
    name = NAMES[number - 1]
    fields: dict[str, object] = {
        "number": number,
        "stage": stage,
        "tier": number - 1,
        "variant": name,
        "target": name,
        "model": f"{name}-m",
    }
    return Attempt.model_validate({**fields, **others})


def verdict(number: int = 1, **others: object) -> Verdict:
    return Verdict.model_validate({"accepted": False, "attempt": number, **others})


def scored(*pairs: tuple[str, float]) -> tuple[TokenLogprob, ...]:
    return tuple(TokenLogprob(token=token, logprob=logprob) for token, logprob in pairs)
