"""A model client in memory that keeps the promises of the real one, policies for it, and calls to give it."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from pipeline.contracts import Attempt, Classification, Lane, Request, Residency, TokenLogprob, Usage
from pipeline.disclosure.guard import Permit, Reference, View, permit
from pipeline.errors import (
    Cancelled,
    ResidencyRefused,
    TargetOverloaded,
    TargetRejected,
    TargetTimeout,
    TargetUnavailable,
)
from pipeline.policy import Policy
from pipeline.policy.facts import target_facts
from pipeline.policy.models import LimitsFile, ResidencyFile, Target, Variant
from pipeline.ports import Completion, ModelCall, TokenSink, Try

FREE = {"input": 0.0, "output": 0.0, "source": "test", "as_of": "2026-01-01"}


def target(model: str, endpoint: str = "http://127.0.0.1:1/v1", **others: object) -> Target:
    """A local target."""
    fields: dict[str, object] = {
        "endpoint": endpoint,
        "model": model,
        "provider": "local",
        "region": "on-site",
        "jurisdiction": "EU",
        "external": False,
        "context_window": 4096,
        "capabilities": frozenset({"chat", "logprobs", "json_schema", "stream", "tools"}),
        "price": FREE,
    }
    return Target.model_validate({**fields, **others})


def policy(
    targets: Mapping[str, Target], limits: LimitsFile | None = None, *, variants: Mapping[str, Variant] | None = None
) -> Policy:
    """A policy with these targets, a variant of the same name for each unless told otherwise, and no rule."""
    return Policy(
        revision="0123456789abcdef",
        targets=targets,
        variants=variants if variants is not None else {name: Variant(target=name) for name in targets},
        routes=(),
        residency=ResidencyFile(apiVersion="stepwell/v1", kind="Residency", classes={}),
        residency_rules=(),
        limits=limits or LimitsFile(apiVersion="stepwell/v1", kind="Limits"),
        target_facts={name: target_facts(name, spec) for name, spec in targets.items()},
    )


def classified(*names: str, action: str = "allow", **others: str) -> Classification:
    """A classification with one residency decision for each target."""
    entries = {**dict.fromkeys(names, action), **others}
    return Classification(
        data_class="internal",
        scan="complete",
        engine="test",
        residency=tuple(Residency(target=name, action=act, rule="a-rule") for name, act in entries.items()),
    )


QUESTION = "What is the capital of France?"


def permitted(
    name: str, spec: Target, *, key: str = "test.1", traceparent: str | None = None, **request: object
) -> Permit:
    """A permit for a target that may see everything of this request."""
    if not request.keys() & {"messages", "embed"}:
        request.setdefault("input", QUESTION)
    asked = Request(**request)  # type: ignore[arg-type]  # the test gives what the field takes
    known = policy({name: spec})
    return permit(asked, classified(name), name, known, Variant(target=name), None, Reference(key, traceparent))


def call_of(allowed: Permit, text: str = QUESTION, **others: object) -> ModelCall:
    """A plain call of the target that `allowed` is for; `others` are fields of the call or of the request."""
    call = {name: others.pop(name) for name in ("permit", "deadline_s", "lane") if name in others}
    if "permit" not in call:
        key = str(others.pop("idempotency_key", f"test.{hash(text) & 0xFFFF:x}"))
        asked = others if "messages" in others else {"input": text, **others}
        call["permit"] = permitted(allowed.target, allowed.spec, key=key, **asked)  # type: ignore[arg-type]
    return ModelCall(**{"deadline_s": 5.0, **call})  # type: ignore[arg-type]  # the test gives what the field takes


def shown(call: ModelCall) -> View:
    """What the target of the call is sent."""
    assert isinstance(call.permit, Permit)
    return call.permit.view


Script = Callable[[ModelCall], Completion | Exception]


def answer(text: str, model: str = "fake", logprob: float = -0.1) -> Completion:
    """A completion of one token for each word."""
    words = text.split(" ")
    tokens = tuple(TokenLogprob(token=word if i == 0 else f" {word}", logprob=logprob) for i, word in enumerate(words))
    return Completion(
        model=model,
        text=text,
        finish_reason="stop",
        usage=Usage(input_tokens=10, output_tokens=len(words)),
        tokens=tokens,
        latency_ms=1.0,
        first_token_ms=0.5,
    )


def by_words(call: ModelCall) -> Completion | Exception:
    """Answer as the scripted server does, by words in the model's name."""
    model = call.permit.spec.model if isinstance(call.permit, Permit) else ""
    words = set(model.split("-"))
    name = call.permit.target
    if "error" in words:
        return TargetUnavailable(f"target {name} failed")
    if "429" in words:
        return TargetOverloaded(f"target {name} is overloaded", retry_after_s=60.0)
    if "reject" in words:
        return TargetRejected(f"target {name} refused the call")
    asked = str(shown(call).messages[-1].content)
    given = answer(f"answer number {len(asked)} to {asked}", model)
    return replace(given, reasoning=f"It is asked: {asked}") if "reasons" in words else given


@dataclass
class FakeModels:
    """A `ModelClient` that answers by a script, at once; a model with `slow` or `hang` in its name takes long.

    Attributes:
        script: gives the completion, or the error to raise, for a call.
        calls: what it was asked.
        aborted: calls that were cancelled or stopped while they ran.
        unhealthy: targets that take no calls now.
        full: targets all of whose slots are held.
    """

    script: Script = by_words
    calls: list[ModelCall] = field(default_factory=list)
    aborted: int = 0
    unhealthy: set[str] = field(default_factory=set)
    full: set[str] = field(default_factory=set)

    async def complete(self, call: ModelCall, sink: TokenSink | None = None) -> Completion:
        if not isinstance(call.permit, Permit):
            raise ResidencyRefused("a call without a permit is not made")
        if call.opens is not None:
            call.progress.opened = True
            await call.opens()
        self.calls.append(call)
        call.progress.running = Try(unseen=sink is None)
        try:
            async with asyncio.timeout(call.deadline_s):
                await asyncio.sleep(_delay_s(call.permit.spec.model))
        except TimeoutError:
            raise TargetTimeout(f"target {call.permit.target} took longer than the deadline") from None
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        result = self.script(call)
        if isinstance(result, Exception):
            if not getattr(result, "charged", False):
                call.progress.running = None
            raise result
        if call.aside is not None and result.reasoning and not await call.aside(result.reasoning):
            self.aborted += 1
            raise Cancelled("the caller is gone")
        if sink is not None:
            await self._hand_on(result, sink, call.progress.running)
        call.progress.running = None
        return result

    async def _hand_on(self, result: Completion, sink: TokenSink, running: Try) -> None:
        for token in result.tokens or ():
            running.characters += len(token.token)
            running.pieces += 1
            if not await sink(token.token):
                self.aborted += 1
                raise Cancelled("the caller is gone")

    def healthy(self, target: str) -> bool:
        return target not in self.unhealthy

    def free(self, target: str, lane: Lane) -> bool:
        return target not in self.full

    async def close(self) -> None: ...


def _delay_s(model: str) -> float:
    words = model.split("-")
    return 3600.0 if "hang" in words else 2.0 if "slow" in words else 0.0


@dataclass
class FakeJournal:
    """A `Journal` in memory."""

    written: dict[tuple[str, str], Attempt] = field(default_factory=dict)
    recalled: int = 0

    async def recall(self, key: str, step: str) -> Attempt | None:
        self.recalled += 1
        return self.written.get((key, step))

    async def write(self, key: str, step: str, attempt: Attempt) -> Attempt:
        return self.written.setdefault((key, step), attempt)
