"""A request whose answer was accepted, for tests of what is remembered."""

from pipeline.contracts import Attempt, Classification, Envelope, Plan, Request, Tier, Verdict

SECRET = b"key of the tests"


def envelope(
    *,
    data_class: str = "public",
    plan: dict[str, object] | None = None,
    revision: str = "rev-1",
    verdict: dict[str, object] | None = None,
    attempt: dict[str, object] | None = None,
    **request: object,
) -> Envelope:
    content = {} if "messages" in request else {"input": "What is two and two?"}
    tier = Tier(variant="small", target="small", propensity=1.0)
    made = {"number": 1, "stage": "draft", "tier": 0, "variant": "small", "target": "small", "model": "m"}
    return Envelope(
        id="r1",
        request=Request.model_validate({**content, **request}),
        fingerprint="f",
        lane="interactive",
        received_at=0,
        deadline_at=60,
        policy_revision=revision,
        classification=Classification.model_validate({"data_class": data_class, "scan": "complete", "engine": "e"}),
        plan=Plan.model_validate({"route": "chat", "tiers": (tier,), "threshold": 0.6, **(plan or {})}),
        attempts=(Attempt.model_validate({**made, "text": "Four.", "finish_reason": "stop", **(attempt or {})}),),
        verdict=Verdict.model_validate({"accepted": True, "attempt": 1, "confidence": 0.9, **(verdict or {})}),
    )
