"""Requests that have ended: an envelope with its trail, and the reply."""

from pipeline.contracts import Attempt, Envelope, ErrorBody, Plan, Reply, Request, Served, Step, Tier, Usage

START = 1_700_000_000.0
SECRET = "canary-4711 lives at 7 Elm Street"


def step(stage: str, outcome: str, at: float, ms: float, **facts: str | float) -> Step:
    return Step(
        stage=stage, outcome=outcome, reasons=(SECRET,), facts=facts, at=START + at, duration_ms=ms, worker="w-1"
    )


def attempt(number: int, stage: str, variant: str, latency_ms: float, **changes: object) -> Attempt:
    fields: dict[str, object] = {
        "number": number,
        "stage": stage,
        "tier": number - 1,
        "variant": variant,
        "target": variant,
        "model": f"qwen-{variant}",
        "text": SECRET,
        "finish_reason": "stop",
        "usage": Usage(input_tokens=10 * number, output_tokens=number, cached_tokens=2),
        "cost_usd": 0.001,
        "latency_ms": latency_ms,
    }
    return Attempt(**(fields | changes))


def escalated(traceparent: str | None = None, session: str | None = "s-1") -> tuple[Envelope, Reply]:
    """A request whose draft was rejected and whose second attempt was accepted. Its text is `SECRET`."""
    trail = (
        step("classify", "classified", 0.001, 2.0, findings=1, engine=SECRET),
        step("plan", "planned", 0.003, 1.0, route="chat"),
        step("recall", "miss", 0.004, 1.0),
        step("draft", "drafted", 0.005, 100.0),
        step("check", "rejected", 0.105, 1.0, confidence=0.3),
        step("escalate", "escalated", 0.106, 300.0),
        step("check", "accepted", 0.406, 1.0, confidence=0.9),
    )
    envelope = Envelope(
        id="r-1",
        request=Request(id="r-1", input=SECRET, session=session, user=SECRET, tenant="acme"),
        fingerprint="f",
        lane="interactive",
        received_at=START,
        deadline_at=START + 60,
        traceparent=traceparent,
        policy_revision="rev",
        plan=Plan(route="chat", tiers=(Tier(variant="small", target="small", propensity=1.0),)),
        attempts=(attempt(1, "draft", "small", 95.0), attempt(2, "escalate", "large", 290.0)),
        trail=trail,
    )
    return envelope, reply_to(
        envelope, served=Served(route="chat", variant="large", target="large", model="qwen-large", tier=1, tiers=2)
    )


def reply_to(envelope: Envelope, **changes: object) -> Reply:
    fields: dict[str, object] = {
        "id": envelope.id,
        "tenant": envelope.tenant,
        "status": "answered",
        "content": SECRET,
        "attempts": 2,
        "escalated": True,
        "confidence": 0.9,
        "cache": "miss",
        "usage": Usage(input_tokens=30, output_tokens=3, cached_tokens=4),
        "cost_usd": 0.002,
        "duration_ms": 408.0,
        "completed_at": START + 0.408,
        "policy_revision": envelope.policy_revision,
        "fingerprint": "f",
    }
    return Reply(**(fields | changes))


def failed(code: str = "target_timeout", status: str = "failed") -> tuple[Envelope, Reply]:
    """A request that ended without an answer."""
    envelope, _ = escalated()
    error = ErrorBody(code=code, message=SECRET)
    return envelope, reply_to(envelope, status=status, content=None, served=None, escalated=False, error=error)
