"""What became of drafts to questions like one, over a real Valkey: whose count, what is at rest, what is erased."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from accepted import SECRET, envelope
from fakes_models import policy, target
from patience import have_patience
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.answer_cache import groups_of
from pipeline.adapters.cache_answers import PREFIX, ValkeyAnswers
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.embedding import DIMENSIONS, Batches
from pipeline.adapters.past_drafts import Looked, PastDrafts
from pipeline.adapters.past_entries import PastEntries
from pipeline.contracts import Envelope, OutcomeEvent
from pipeline.errors import PartMissing, StoreUnavailable
from pipeline.policy import Policy
from pipeline.policy.models import Ceiling, PastErrors, Sinks, Variant, Visibility

pytest.importorskip("usearch")

SPEC = PastErrors()
INTERNAL = Sinks(cache=Ceiling(up_to="internal"))
POLICY = policy({name: target(name) for name in ("small", "large")})
ASKED = "how deep is the old well in the yard"


def bag_of_words(texts: Sequence[str]) -> Any:
    """Vectors that are near where words are shared."""
    rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            row[sum(map(ord, word)) * 7919 % DIMENSIONS] += 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class Worker:
    """One process."""

    def __init__(self, url: str, secret: bytes = SECRET) -> None:
        self.store = ValkeyAnswers(url)
        self.entries = PastEntries(self.store, secret, SystemClock())
        self.past = PastDrafts(self.entries, Batches(bag_of_words), SystemClock())

    async def ended(self, *requests: Envelope, under: Policy = POLICY, spec: PastErrors = SPEC) -> None:
        for request in requests:
            self.past.note(request, under, spec)
            await asyncio.gather(*self.past._tasks)

    async def near(self, request: Envelope, variant: str = "small", under: Policy = POLICY) -> Looked:
        return await self.past.near(request, variant, under, SPEC)

    async def verdicts(self, request: Envelope, variant: str = "small", under: Policy = POLICY) -> list[bool]:
        looked = await self.near(request, variant, under)
        assert looked.nearby is not None
        return [one.right for one in looked.nearby.near]

    async def judged(self, request: Envelope, reward: float) -> None:
        fields = {"id": "e1", "request_id": request.id, "tenant": request.tenant, "kind": "rating", "reward": reward}
        await self.entries.heard(OutcomeEvent.model_validate({**fields, "at": 1.0}))


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    have_patience(monkeypatch)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture
async def workers(valkey: ValkeyServer) -> AsyncIterator[list[Worker]]:
    made = [Worker(valkey.url) for _ in range(2)]
    await made[0].store._calls.command("FLUSHALL")
    yield made
    for worker in made:
        await worker.past.close()
        await worker.store.close()


def asked(name: str, text: str = ASKED, *, broken: bool = True, **changes: object) -> Envelope:
    """A request whose draft broke its schema, or was served."""
    verdict = {"accepted": False, "schema_state": "invalid"} if broken else {}
    made = envelope(input=text, verdict=verdict, **changes)  # type: ignore[arg-type]
    return made.model_copy(update={"id": name, "received_at": SystemClock().now()})


async def test_another_worker_finds_drafts_that_failed(workers: list[Worker]) -> None:
    await workers[0].ended(*(asked(f"r{n}", f"{ASKED} {n}") for n in range(3)))
    looked = await workers[1].near(asked("new"))
    assert looked.nearby is not None
    assert [one.right for one in looked.nearby.near] == [False] * 3
    assert all(0.7 < one.similarity < 1.0 for one in looked.nearby.near)
    assert looked.nearby.prior == 0.0


async def test_a_draft_that_was_served_counts_once_somebody_judged_it(workers: list[Worker]) -> None:
    served = asked("r1", broken=False)
    await workers[0].ended(served)
    assert await workers[1].verdicts(asked("new")) == []
    for reward, right in ((0.0, False), (1.0, True), (1.0, True), (0.0, False)):
        await workers[0].judged(served, reward)
        assert await workers[1].verdicts(asked("new")) == [right]


@pytest.mark.parametrize(
    "other",
    [{"tenant": "other"}, {"plan": {"route": "labels"}}],
    ids=["another tenant", "another route"],
)
async def test_errors_of_others_never_count(workers: list[Worker], other: dict[str, Any]) -> None:
    await workers[0].ended(asked("r1", **other))
    assert await workers[0].verdicts(asked("new")) == []
    assert await workers[1].verdicts(asked("new")) == []
    assert await workers[1].verdicts(asked("new", **other)) == [False]


async def test_an_outcome_of_another_tenant_judges_nothing(workers: list[Worker]) -> None:
    await workers[0].ended(asked("r1", broken=False))
    await workers[0].judged(asked("r1", tenant="other"), 0.0)
    assert await workers[1].verdicts(asked("new")) == []


async def test_what_another_variant_or_another_prompt_of_it_did_never_counts(workers: list[Worker]) -> None:
    await workers[0].ended(asked("r1"))
    again = replace(POLICY, variants={**POLICY.variants, "small": Variant(target="small", system="Be brief.")})
    assert await workers[0].verdicts(asked("new"), under=again) == []
    assert await workers[0].verdicts(asked("new"), "large") == []
    newer = replace(POLICY, revision="f" * 16)
    assert await workers[0].verdicts(asked("new"), under=newer) == [False]


@pytest.mark.parametrize("kind", ["tenant", "user", "draft", "route"])
async def test_what_is_erased_is_gone_everywhere_at_once(workers: list[Worker], kind: str) -> None:
    request = asked("r1", user="ada")
    await workers[0].ended(request)
    assert await workers[1].verdicts(asked("new")) == [False]
    names = {"tenant": (), "user": ("ada",), "draft": ("r1",), "route": ("chat",)}[kind]
    group = workers[0].entries.seals.group(kind, request.tenant, *names)
    assert await workers[0].store.erase(group, SystemClock().now()) == 1
    assert await workers[1].verdicts(asked("new")) == []
    await workers[0].judged(request, 0.0)
    assert await workers[1].verdicts(asked("new")) == []


async def test_a_wrong_answer_that_is_erased_takes_no_verdict_with_it(workers: list[Worker]) -> None:
    """Feedback erases what is remembered of a request; that its draft was wrong is to be remembered just then."""
    request = asked("r1")
    await workers[0].ended(request)
    seals = workers[0].entries.seals
    assert seals.group("request", request.tenant, "r1") in groups_of(request, seals)
    await workers[0].store.erase(seals.group("request", request.tenant, "r1"), SystemClock().now())
    assert await workers[1].verdicts(asked("new")) == [False]


STRICT = replace(POLICY, residency=POLICY.residency.model_copy(update={"visibility": Visibility(sinks=INTERNAL)}))


@pytest.mark.parametrize(
    ("under", "kept_out"),
    [(STRICT, {"data_class": "restricted"}), (POLICY, {"cache": "off"})],
    ids=["of a class that memory may not keep", "no-store"],
)
async def test_what_may_not_be_kept_is_neither_kept_nor_compared(
    workers: list[Worker], under: Policy, kept_out: dict[str, Any]
) -> None:
    await workers[0].ended(asked("r1", **kept_out), under=under)
    assert await workers[0].store._calls.command("KEYS", "*") == []
    assert (await workers[0].near(asked("new", **kept_out), under=under)).reason == "nothing_to_compare"
    await workers[0].ended(asked("r1"), under=under)
    assert await workers[0].verdicts(asked("new"), under=under) == [False]


async def test_nothing_at_rest_tells_of_a_question_or_a_tenant(workers: list[Worker]) -> None:
    await workers[0].ended(asked("r1", tenant="acme", user="zoe"))
    values = []
    for key in await workers[0].store._calls.command("KEYS", "*"):
        assert key.startswith(PREFIX.encode())
        kind = await workers[0].store._calls.command("TYPE", key)
        command = ("GET", key) if kind == b"string" else ("ZRANGE", key, 0, -1)
        values += [key, repr(await workers[0].store._calls.command(*command)).encode()]
    for word in (b"deep", b"yard", b"acme", b"zoe", b"chat", b"small"):
        assert not any(word in value for value in values)


async def test_it_ends_with_its_time(workers: list[Worker]) -> None:
    await workers[0].ended(asked("r1"), spec=PastErrors(ttl=0.2))
    assert await workers[1].verdicts(asked("new")) == [False]
    await asyncio.sleep(0.3)
    assert await workers[1].verdicts(asked("new")) == []


async def test_the_oldest_make_room(workers: list[Worker]) -> None:
    """In the store, and in the index of a worker that has read them already."""
    spec = PastErrors(most=100)
    for n in range(90):
        workers[0].past.note(asked(f"r{n}", f"{ASKED} {n}"), POLICY, spec)
        if n % 30 == 29:
            await asyncio.gather(*workers[0].past._tasks)
    await workers[1].past.near(asked("new"), "small", POLICY, spec)
    for n in range(30):
        workers[0].past.note(asked(f"later{n}", f"{ASKED} {n}"), POLICY, spec)
    await asyncio.gather(*workers[0].past._tasks)
    await workers[1].past.near(asked("new"), "small", POLICY, spec)
    (partition,) = workers[1].past._partitions.values()
    assert len(partition.names) == len(partition.verdicts) == len(partition.index) == 100


async def test_without_the_encoder_or_the_store_a_request_goes_on(workers: list[Worker], valkey: ValkeyServer) -> None:
    def absent(texts: Sequence[str]) -> Any:
        raise PartMissing("install the extra `embeddings`")

    await workers[0].ended(asked("r1"))
    bare = PastDrafts(workers[0].entries, Batches(absent), SystemClock())
    for _ in range(2):
        assert (await bare.near(asked("new"), "small", POLICY, SPEC)).reason == "no_encoder"
    gone = Worker("redis://127.0.0.1:1/0")
    assert (await gone.near(asked("new"))).reason == "store_away"
    await gone.ended(asked("r1"))
    await gone.judged(asked("r1"), 0.0)
    with pytest.raises(StoreUnavailable):
        await gone.store.get("x")
    await gone.store.close()


async def test_an_entry_of_another_secret_is_none(workers: list[Worker], valkey: ValkeyServer) -> None:
    await workers[0].ended(asked("r1"))
    stranger = Worker(valkey.url, b"another secret of somebody else")
    assert await stranger.verdicts(asked("new")) == []
    await stranger.store.close()
