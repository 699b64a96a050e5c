"""Questions of like meaning over a real Valkey: who may be served whose answer, what is at rest, and what is erased."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import numpy as np
import pytest
from accepted import SECRET, envelope
from fakes_models import target
from valkey_server import ValkeyServer

from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.cache_answers import PREFIX, WRONG, ValkeyAnswers
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.corrections import Corrections, says_wrong
from pipeline.adapters.embedding import DIMENSIONS, Batches
from pipeline.adapters.likeness import Likeness
from pipeline.adapters.question_vectors import Known, known_vector
from pipeline.contracts import Attempt, Classification, Envelope, OutcomeEvent, Remembered, Reply, Served
from pipeline.contracts.vectors import packed
from pipeline.policy.models import SemanticCache, Verifier

pytest.importorskip("usearch")

MINE = SemanticCache()
EVERYONES = SemanticCache(within="tenant")


def bag_of_words(texts: Sequence[str]) -> Any:
    """Vectors that are near where words are shared; enough for finding candidates."""
    rows = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            row[sum(map(ord, word)) * 7919 % DIMENSIONS] += 1
    return rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)


class Worker:
    """One process."""

    def __init__(self, url: str) -> None:
        self.store = ValkeyAnswers(url)
        self.answers = AnswerCache(self.store, SECRET, SystemClock())
        self.likeness = Likeness(self.answers, Batches(bag_of_words), SystemClock())

    async def remember(self, request: Envelope, spec: SemanticCache = MINE) -> None:
        assert await self.answers.remember(request, 60)
        self.likeness.note(request, spec, 60)
        await asyncio.gather(*self.likeness._tasks)

    async def found(self, request: Envelope, spec: SemanticCache = MINE) -> list[str]:
        return [one.question for one in (await self.likeness.find(request, spec)).candidates]

    async def close(self) -> None:
        await self.likeness.close()
        await self.store.close()


pytestmark = pytest.mark.usefixtures("patience")


@pytest.fixture
async def workers(valkey: ValkeyServer) -> AsyncIterator[list[Worker]]:
    made = [Worker(valkey.url) for _ in range(2)]
    await made[0].store._calls.command("FLUSHALL")
    yield made
    for worker in made:
        await worker.close()


def asked(text: str, user: str | None = "ada", **changes: object) -> Envelope:
    made = envelope(input=text, user=user, **changes)  # type: ignore[arg-type]
    return made.model_copy(update={"received_at": SystemClock().now()})


FIRST, LIKE = "when does the shop open on monday", "when does the shop open on monday please"


async def test_another_worker_finds_the_question_and_its_answer(workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST))

    alike = await workers[1].likeness.find(asked(LIKE), MINE)

    assert [one.question for one in alike.candidates] == [FIRST]
    hit = await workers[1].likeness.answer(alike.candidates[0])
    assert hit is not None
    assert (hit.content, hit.kind, hit.request_id) == ("Four.", "semantic", "r1")
    assert hit.similarity == pytest.approx(alike.candidates[0].similarity, abs=1e-3)


async def test_who_may_see_a_question_as_it_is_is_kept_with_it(workers: list[Worker]) -> None:
    """Only where a verifier may be shown it; and not those from whom something in it is hidden."""
    decisions: list[dict[str, Any]] = [
        {"target": "near", "action": "allow"},
        {"target": "own", "action": "local_only"},
        {"target": "masks", "action": "mask", "mask": ("EMAIL",)},
        {"target": "far", "action": "deny"},
    ]
    found = {"data_class": "public", "scan": "complete", "engine": "e", "residency": tuple(decisions)}
    request = asked(FIRST).model_copy(update={"classification": Classification.model_validate(found)})
    verified = SemanticCache(verifier=Verifier(variant="near"))
    for spec, seen_by in ((verified, ("near", "own")), (MINE, ())):
        await workers[0].remember(request, spec)
        (one,) = (await workers[1].likeness.find(asked(LIKE), spec)).candidates
        assert one.seen_by == seen_by
        assert len(one.name) == 16
        assert FIRST not in one.name


async def test_what_comes_later_is_found_too(workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST))
    assert await workers[1].found(asked(LIKE)) == [FIRST]
    await workers[0].remember(asked("when does the shop open on monday morning"))

    assert len(await workers[1].found(asked(LIKE))) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"user": "bob"},
        {"user": None},
        {"tenant": "other"},
        {"data_class": "confidential"},
        {"revision": "rev-2"},
        {"origin": "EU"},
        {"pin": "large"},
        {"plan": {"route": "labels"}},
        {"plan": {"threshold": 0.9}},
        {"tools": ({"type": "function"},)},
        {"response_schema": {"type": "object"}},
        {"parameters": {"temperature": 0.0}},
    ],
    ids=str,
)
async def test_nobody_else_and_nothing_else_finds_it(workers: list[Worker], other: dict[str, Any]) -> None:
    await workers[0].remember(asked(FIRST))

    assert await workers[1].found(asked(LIKE, **other)) == []


async def test_another_system_prompt_or_earlier_turn_finds_nothing(workers: list[Worker]) -> None:
    def talk(system: str, text: str) -> Envelope:
        messages = ({"role": "system", "content": system}, {"role": "user", "content": text})
        return envelope(messages=messages, user="ada").model_copy(update={"received_at": SystemClock().now()})

    await workers[0].remember(talk("be kind", FIRST))

    assert await workers[0].found(talk("be kind", LIKE)) == [FIRST]
    assert await workers[0].found(talk("be rude", LIKE)) == []


async def test_within_a_tenant_users_share_and_tenants_do_not(workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST), EVERYONES)

    assert await workers[1].found(asked(LIKE, "bob"), EVERYONES) == [FIRST]
    assert await workers[1].found(asked(LIKE, "bob", tenant="other"), EVERYONES) == []
    assert await workers[1].found(asked(LIKE, "ada"), MINE) == []


async def test_neither_question_nor_vector_nor_user_can_be_read_in_the_store(workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST, "ada@example.org"))
    vector = bag_of_words([FIRST])[0].astype(np.float16).tobytes()
    calls = workers[0].store._calls

    keys = await calls.command("KEYS", "*")
    values = [await calls.command("DUMP", key) for key in keys]

    assert keys
    assert all(key.startswith(PREFIX.encode()) for key in keys)
    assert not [value for value in (*keys, *values) if b"shop" in value or b"ada" in value or vector[:64] in value]


async def test_what_is_erased_is_gone_in_every_worker_at_once(workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST))
    assert await workers[1].found(asked(LIKE)) == [FIRST]

    erased = await workers[0].store.erase(workers[0].answers.seals.group("user", "default", "ada"), SystemClock().now())

    assert erased == 2
    assert await workers[1].found(asked(LIKE)) == []
    assert (await workers[1].likeness.find(asked(FIRST), MINE)).candidates == ()


async def test_a_caller_can_ask_for_more_likeness_and_not_for_less(workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST))
    strict = SemanticCache(similarity=0.99)

    assert await workers[0].found(asked(LIKE, cache_similarity=0.99)) == []
    assert await workers[0].found(asked(LIKE, cache_similarity=0.0), strict) == []
    assert await workers[0].found(asked(LIKE, cache_similarity=0.1)) == [FIRST]


async def test_a_forged_question_is_passed_over(workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST))
    calls = workers[0].store._calls
    (name,) = await calls.command("KEYS", f"{PREFIX}near:*")
    value = await calls.command("GET", name)
    await calls.command("SET", name, value[:-1] + b"\x00")

    assert await workers[1].found(asked(LIKE)) == []


async def test_while_the_store_is_away_nothing_is_found_and_nothing_breaks() -> None:
    worker = Worker("redis://127.0.0.1:1/0")
    assert (await worker.likeness.find(asked(LIKE), MINE)).reason in ("store_away", "store_slow")
    assert (await worker.likeness.find(asked(LIKE), MINE)).reason == "store_resting"
    await worker.close()


# ---------------------------------------------------------------- what was wrong


class Results:
    """Replies by request."""

    def __init__(self) -> None:
        self.replies: dict[str, Reply] = {}

    async def get(self, tenant: str, request_id: str) -> Reply | None:
        return self.replies.get(request_id)

    async def put(self, reply: Reply) -> Reply:
        raise AssertionError


def served_again(request_id: str, similarity: float | None) -> Reply:
    kind = "exact" if similarity is None else "semantic"
    return Reply.model_validate({
        "id": request_id, "tenant": "default", "status": "answered", "policy_revision": "rev-1", "fingerprint": "f",
        "cache": "hit",
        "served": Served(route="chat", variant="small", target="small", model="m", tier=0, tiers=1),
        "remembered": Remembered(request_id="r1", kind=kind, similarity=similarity),
    })  # fmt: skip


def said(request_id: str, reward: float = 0.0, kind: str = "thumbs", event: str = "e") -> OutcomeEvent:
    return OutcomeEvent(id=f"{event}-{request_id}", request_id=request_id, reward=reward, kind=kind)


@pytest.mark.parametrize("similarity", [None, 0.93])
async def test_an_answer_that_was_served_again_and_wrong_is_erased(
    workers: list[Worker], similarity: float | None
) -> None:
    worker, results = workers[0], Results()
    await worker.remember(asked(FIRST))
    results.replies["r2"] = served_again("r2", similarity)
    corrections = Corrections(worker.store, SECRET, results, SystemClock())

    await corrections.heard(said("r2", reward=1.0))
    assert await worker.answers.lookup(asked(FIRST)) is not None
    await corrections.heard(said("r2"))

    assert await worker.answers.lookup(asked(FIRST)) is None
    assert await workers[1].found(asked(LIKE)) == []


async def test_an_answer_whose_own_request_was_wrong_is_erased_also_before_its_reply_is_known(
    workers: list[Worker],
) -> None:
    worker = workers[0]
    await worker.remember(asked(FIRST))
    await Corrections(worker.store, SECRET, Results(), SystemClock()).heard(said("r1", 0.2, "wrong"))

    assert await worker.answers.lookup(asked(FIRST)) is None


async def test_wrong_hits_raise_what_likeness_is_asked_for_and_only_there(workers: list[Worker]) -> None:
    worker, results = workers[0], Results()
    corrections = Corrections(worker.store, SECRET, results, SystemClock())
    for number in range(WRONG):
        results.replies[f"h{number}"] = served_again(f"h{number}", 0.95)
        await corrections.heard(said(f"h{number}"))
        await corrections.heard(said(f"h{number}"))

    await asyncio.sleep(0.01)  # what is asked in the millisecond of an erasure counts as asked before it
    await worker.remember(asked(FIRST))
    elsewhere = asked(FIRST, tenant="other")
    await worker.remember(elsewhere)

    assert await workers[1].found(asked(LIKE)) == []
    assert await workers[1].found(asked(LIKE, tenant="other")) == [FIRST]


async def test_while_the_store_is_away_corrections_wait(valkey: ValkeyServer, workers: list[Worker]) -> None:
    await workers[0].remember(asked(FIRST))
    away = ValkeyAnswers("redis://127.0.0.1:1/0")
    corrections = Corrections(away, SECRET, Results(), SystemClock())
    await corrections.heard(said("r1"))
    corrections._store = workers[0].store

    await corrections.heard(said("another", reward=1.0))

    assert await workers[0].answers.lookup(asked(FIRST)) is None
    await away.close()


@pytest.mark.parametrize(
    ("reward", "kind", "wrong"),
    [(0.0, "thumbs", True), (0.0, "wrong", True), (0.3, "wrong", True), (0.5, "wrong", False), (0.3, "thumbs", False)],
)
def test_which_outcomes_say_that_an_answer_was_wrong(reward: float, kind: str, wrong: bool) -> None:
    assert says_wrong(said("r", reward, kind)) is wrong


# ---------------------------------------------------------------- vectors that a target made


def known(text: str, encoder: str = "e5", size: int = DIMENSIONS) -> Known:
    row = bag_of_words([text])[0][:size]
    return Known(encoder, (row / max(float(np.linalg.norm(row)), 1e-9)).astype(np.float32))


async def test_vectors_of_another_encoder_or_of_another_length_are_never_met(workers: list[Worker]) -> None:
    first = asked(LIKE)
    assert await workers[0].answers.remember(first, 60)
    workers[0].likeness.note(first, MINE, 60, known(LIKE))
    await asyncio.gather(*workers[0].likeness._tasks)

    async def found(vector: Known | None) -> int:
        return len((await workers[1].likeness.find(asked(LIKE), MINE, vector)).candidates)

    assert await found(known(LIKE)) == 1
    assert [await found(known(LIKE, "bge")), await found(known(LIKE, size=64)), await found(None)] == [0, 0, 0]


@pytest.mark.parametrize(
    ("rows", "good"),
    [
        ((packed([3.0, 4.0]),), True),
        ((packed([0.0, 0.0]),), False),
        ((packed([1.0, float("nan")]),), False),
        ((packed([1.0]), packed([1.0])), False),
        ((packed([1.0, 0.0, 0.0]),), False),
        (("odd",), False),
        (None, False),
    ],
)
def test_only_a_whole_vector_of_the_right_length_is_compared(rows: tuple[str, ...] | None, good: bool) -> None:
    spec = target("e5", vectors={"dimensions": 2}, capabilities=frozenset({"embedding"}))
    made = Attempt(
        number=1, stage="recall", made_for="embedding", tier=0, variant="v", target="t", model="m", embeddings=rows
    )
    vector = known_vector((made,), {"t": spec})
    assert (vector is not None) is good
    assert vector is None or (vector.encoder, vector.row.tolist()) == ("e5", pytest.approx([0.6, 0.8]))
