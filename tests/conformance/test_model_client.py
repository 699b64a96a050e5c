"""What every `ModelClient` promises, held against the HTTP client and the fake that other tests use."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest
from fakes_models import FakeModels, call_of, permitted, policy, target

from pipeline.adapters.clock import SystemClock, SystemRandom
from pipeline.adapters.models import HttpModelClient
from pipeline.embedded.scripted import ScriptedServer
from pipeline.errors import (
    Cancelled,
    ResidencyRefused,
    StepwellError,
    TargetOverloaded,
    TargetRejected,
    TargetTimeout,
    TargetUnavailable,
)
from pipeline.policy.models import LimitsFile, Retry
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Completion, ModelCall, ModelClient, Permit

PROMPT = "the Brandvold ledger of the year 1911"


@dataclass
class Subject:
    """A client, and what can be seen of the models behind it."""

    client: ModelClient
    url: str
    server: ScriptedServer | None = None

    def call(self, model: str, text: str = PROMPT, **others: object) -> ModelCall:
        return call_of(permitted(model, target(model, self.url)), text, **others)

    @property
    def seen(self) -> int:
        """Calls that reached a model."""
        if self.server is not None:
            return int(str(self.server.ledger.stats()["calls"]))
        assert isinstance(self.client, FakeModels)
        return len(self.client.calls)

    async def aborted(self) -> int:
        """Calls that ended before their answer did."""
        if self.server is None:
            assert isinstance(self.client, FakeModels)
            return self.client.aborted
        for _ in range(100):
            if self.server.ledger.stats()["running"] == 0:
                break
            await asyncio.sleep(0.01)
        return int(str(self.server.ledger.stats()["aborted"]))


@pytest.fixture(params=["http", "fake"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    """The client under test."""
    if request.param == "fake":
        yield Subject(FakeModels(), "http://127.0.0.1:1/v1")
        return
    impatient = LimitsFile(apiVersion="stepwell/v1", kind="Limits", retry=Retry(tries=1))
    policies = FixedPolicy(policy({"any": target("any")}, impatient))
    client = HttpModelClient(policies, SystemClock(), SystemRandom(1))
    async with ScriptedServer() as server:
        yield Subject(client, server.url, server)
        await client.close()


async def test_a_call_brings_text_model_tokens_and_usage(subject: Subject) -> None:
    done = await subject.client.complete(subject.call("large-one"))
    assert isinstance(done, Completion)
    assert done.text
    assert done.model == "large-one"
    assert done.finish_reason == "stop"
    assert done.usage.input_tokens > 0
    assert done.usage.output_tokens > 0
    assert "".join(token.token for token in done.tokens or ()) == done.text
    assert done.calls == 1


@pytest.mark.parametrize("streamed", [False, True])
async def test_what_a_model_reasons_is_beside_its_text_and_comes_before_it(subject: Subject, streamed: bool) -> None:
    heard: list[tuple[str, str]] = []

    async def sink(text: str) -> bool:
        heard.append(("text", text))
        return True

    async def aside(text: str) -> bool:
        heard.append(("aside", text))
        return True

    call = subject.call("reasons-drip")
    done = await subject.client.complete(replace(call, aside=aside) if streamed else call, sink if streamed else None)
    assert done.reasoning is not None
    assert PROMPT in done.reasoning
    assert done.reasoning not in (done.text or "")
    assert "".join(token.token for token in done.tokens or ()) == done.text
    if streamed:
        kinds = [kind for kind, _ in heard]
        assert kinds == sorted(kinds)
        assert "".join(piece for kind, piece in heard if kind == "aside") == done.reasoning
        assert "".join(piece for kind, piece in heard if kind == "text") == done.text


async def test_a_caller_who_leaves_while_it_reasons_stops_the_model(subject: Subject) -> None:
    async def gone(_: str) -> bool:
        return False

    with pytest.raises(Cancelled):
        await subject.client.complete(replace(subject.call("reasons-drip"), aside=gone), gone)
    assert await subject.aborted() == 1


async def test_a_streamed_call_hands_on_the_whole_text_in_order(subject: Subject) -> None:
    pieces: list[str] = []

    async def sink(text: str) -> bool:
        pieces.append(text)
        return True

    done = await subject.client.complete(subject.call("drip-large"), sink)
    assert len(pieces) > 1
    assert "".join(pieces) == done.text
    assert done.first_token_ms is not None


async def test_a_sink_that_wants_no_more_stops_the_model(subject: Subject) -> None:
    pieces: list[str] = []

    async def sink(text: str) -> bool:
        pieces.append(text)
        return len(pieces) < 2

    with pytest.raises(Cancelled):
        await subject.client.complete(subject.call("drip-large"), sink)
    assert len(pieces) == 2
    assert await subject.aborted() == 1


async def test_cancelling_the_task_aborts_the_call(subject: Subject) -> None:
    task = asyncio.create_task(subject.client.complete(subject.call("hang")))
    while subject.seen == 0:
        await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await subject.aborted() == 1


async def test_a_call_ends_with_its_deadline(subject: Subject) -> None:
    begun = time.monotonic()
    with pytest.raises(TargetTimeout):
        await subject.client.complete(subject.call("hang", deadline_s=0.2))
    assert 0.15 < time.monotonic() - begun < 1.0


@pytest.mark.parametrize(
    ("model", "error"),
    [("error", TargetUnavailable), ("429", TargetOverloaded), ("reject", TargetRejected), ("hang", TargetTimeout)],
)
async def test_each_trouble_has_its_own_error_and_none_quotes_the_prompt(
    subject: Subject, model: str, error: type[StepwellError]
) -> None:
    with pytest.raises(error) as caught:
        await subject.client.complete(subject.call(model, deadline_s=0.3))
    assert model in caught.value.message
    assert "Brandvold" not in caught.value.message


async def test_without_a_permit_of_the_guard_nothing_is_called(subject: Subject) -> None:
    @dataclass
    class Forged:
        target: str
        spec: object

    forged: Permit = Forged("large-one", target("large-one", subject.url))
    call = replace(subject.call("large-one"), permit=forged)
    with pytest.raises(ResidencyRefused):
        await subject.client.complete(call)
    assert subject.seen == 0


async def test_calls_at_the_same_time_do_not_mix(subject: Subject) -> None:
    texts = [f"question number {'one ' * i}" for i in range(8)]
    alone = [(await subject.client.complete(subject.call("large-one", text))).text for text in texts]
    together = await asyncio.gather(
        *(subject.client.complete(subject.call("large-one", text, idempotency_key=f"again.{text}")) for text in texts)
    )
    assert [done.text for done in together] == alone
    assert len(set(alone)) > 1


async def test_a_target_that_was_never_called_is_healthy(subject: Subject) -> None:
    assert subject.client.healthy("anything")


# ---------------------------------------------------------------- what is to be done before anything is sent


async def test_a_call_is_opened_once_and_before_anything_of_it_is_sent(subject: Subject) -> None:
    seen: list[int] = []

    async def opens() -> None:
        seen.append(subject.seen)

    call = replace(subject.call("large-one"), opens=opens)
    await subject.client.complete(call)
    assert seen == [0]
    assert call.progress.opened
    assert subject.seen == 1


async def test_a_call_that_cannot_be_opened_is_not_sent_and_holds_no_slot(subject: Subject) -> None:
    async def opens() -> None:
        raise LookupError("nobody pays")

    for _ in range(20):
        with pytest.raises(LookupError):
            await subject.client.complete(replace(subject.call("large-one"), opens=opens))
    assert subject.seen == 0
    assert subject.client.free("large-one", "batch")
    assert (await subject.client.complete(subject.call("large-one"))).text


async def test_a_call_without_a_permit_is_not_opened(subject: Subject) -> None:
    async def opens() -> None:
        raise LookupError("nobody pays")

    class Forged:
        target = "large-one"

    with pytest.raises(ResidencyRefused):
        await subject.client.complete(ModelCall(Forged(), 5.0, opens=opens))
