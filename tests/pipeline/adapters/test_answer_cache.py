"""A remembered answer reaches only who asked the same, under the same policy, in the same tenant; else nobody."""

import asyncio
import time

import pytest
from accepted import SECRET, envelope
from clocks import FakeClock

from pipeline.adapters.answer_cache import REST_S, SLOW, AnswerCache, should_store
from pipeline.adapters.cache_memory import MemoryAnswers
from pipeline.contracts import (
    CacheHit,
    Message,
    Parameters,
    ToolCall,
)
from pipeline.errors import StoreUnavailable
from pipeline.ports import AnswerStore, Asked, Kept


class Broken(MemoryAnswers):
    """A store that is away, and counts who asks."""

    def __init__(self) -> None:
        super().__init__(FakeClock())
        self.asked = 0

    async def get(self, key: str) -> bytes | None:
        self.asked += 1
        raise StoreUnavailable("away")

    async def ask(self, key: str, lease: str, who: str, lease_s: float) -> Asked:
        self.asked += 1
        raise StoreUnavailable("away")

    async def keep(self, kept: Kept) -> bool:
        self.asked += 1
        raise StoreUnavailable("away")


class Slow(MemoryAnswers):
    """A store that takes its time."""

    async def get(self, key: str) -> bytes | None:
        await asyncio.sleep(5)
        return None


def answers(store: AnswerStore | None = None, clock: FakeClock | None = None, secret: bytes = SECRET) -> AnswerCache:
    hand = clock or FakeClock()
    return AnswerCache(store or MemoryAnswers(hand), secret, hand)


# ---------------------------------------------------------------- what is the same question


async def test_the_same_question_gets_the_answer_with_where_it_came_from() -> None:
    cache = answers()

    assert await cache.remember(envelope(), 60)

    hit = await cache.lookup(envelope().model_copy(update={"id": "r2"}))
    assert hit is not None
    assert (hit.content, hit.finish_reason, hit.confidence) == ("Four.", "stop", 0.9)
    assert (hit.variant, hit.target, hit.model, hit.request_id, hit.stored_at) == ("small", "small", "m", "r1", 1000.0)


@pytest.mark.parametrize(
    "same",
    [
        {"messages": (Message(role="user", content="What is two and two?"),)},
        {"user": "somebody else", "session": "another"},
        {"metadata": {"trace": "7"}},
        {"lane": "batch"},
        {"stream": True},
        {"cache": "refresh"},
        {"id": "another-id"},
        {"input": " What is two and two?\r\n"},
        {"messages": ({"role": "user", "content": ({"type": "text", "text": "What is two and two?"},)},)},
        {"tools": ()},
        {"parameters": {"stop": (), "extra": {}}},
        {"logprobs": 3},
        {"cache_max_age_s": 5.0, "cache_similarity": 0.9},
        {"budget": {"max_cost_usd": 1.0}},
    ],
)
async def test_what_does_not_change_the_answer_does_not_change_the_key(same: dict[str, object]) -> None:
    assert answers().key(envelope(**same)) == answers().key(envelope())  # type: ignore[arg-type]


async def test_the_order_of_keys_in_a_schema_does_not_matter() -> None:
    one = envelope(response_schema={"type": "object", "title": "t"})
    other = envelope(response_schema={"title": "t", "type": "object"})

    assert answers().key(one) == answers().key(other)


DIFFERENT: list[dict[str, object]] = [
    {"tenant": "other"},
    {"data_class": "confidential"},
    {"revision": "rev-2"},
    {"plan": {"route": "labels"}},
    {"plan": {"threshold": 0.8}},
    {"pin": "large"},
    {"input": "What is two and three?"},
    {"input": "What is  two and two?"},
    {"input": "what is two and two?"},
    {"origin": "EU"},
    {"disable_fallbacks": True},
    {"provider": {"only": ("large",)}},
    {"messages": (Message(role="assistant", content="What is two and two?"),)},
    {"messages": (Message(role="user", content="What is two and two?", name="x"),)},
    {"tools": ({"type": "function"},)},
    {"tool_choice": "none"},
    {"response_schema": {"type": "object"}},
    {"parameters": Parameters(temperature=0.0)},
    {"parameters": Parameters(max_tokens=5)},
    {"parameters": Parameters(seed=1)},
    {"parameters": Parameters(parallel_tool_calls=False)},
    {"parameters": Parameters(extra={"top_k": 3})},
    {"parameters": Parameters(extra={"top_k": 4})},
]


@pytest.mark.parametrize("difference", DIFFERENT, ids=lambda d: next(iter(d)))
async def test_whatever_may_change_the_answer_or_who_may_see_it_is_another_question(
    difference: dict[str, object],
) -> None:
    cache = answers()
    await cache.remember(envelope(), 60)

    assert await cache.lookup(envelope(**difference)) is None  # type: ignore[arg-type]


def test_all_these_questions_are_different_from_each_other_too() -> None:
    keys = [answers().key(envelope(**difference)) for difference in DIFFERENT]  # type: ignore[arg-type]

    assert len(set(keys)) == len(keys)


def test_a_request_that_was_not_classified_shares_nothing_with_public_ones() -> None:
    unknown = envelope().model_copy(update={"classification": None})

    assert answers().key(unknown) != answers().key(envelope())


def test_the_key_cannot_be_made_without_the_secret() -> None:
    assert answers(secret=b"other").key(envelope()) != answers().key(envelope())


def test_without_a_secret_nothing_is_shared_between_processes() -> None:
    assert answers(secret=b"").key(envelope()) != answers(secret=b"").key(envelope())


async def test_everything_of_an_answer_comes_back() -> None:
    call = ToolCall(id="1", function={"name": "f", "arguments": "{}"})
    rich = envelope(
        attempt={"finish_reason": "tool_calls", "tool_calls": (call,), "text": None},
        verdict={"content": '{"a": null}', "parsed": {"a": None, "b": [1.5, "é"]}},
    )
    cache = answers()
    await cache.remember(rich, 60)

    hit = await cache.lookup(rich)

    assert hit is not None
    assert (hit.content, hit.parsed) == ('{"a": null}', {"a": None, "b": [1.5, "é"]})
    assert (hit.tool_calls, hit.finish_reason) == ((call,), "tool_calls")


# ---------------------------------------------------------------- forgery


async def test_what_is_kept_cannot_be_read_without_the_secret() -> None:
    store = MemoryAnswers(FakeClock())
    await answers(store).remember(envelope(), 60)

    assert all(b"Four." not in value for value, _ in store._values.values())
    assert (await answers(store, secret=b"other").lookup(envelope())) is None


@pytest.mark.parametrize("text", ["Z\u00fcrich", "Zu\u0308rich"])
def test_a_text_is_the_same_however_its_letters_are_composed(text: str) -> None:
    assert answers().key(envelope(input=text)) == answers().key(envelope(input="Z\u00fcrich"))


@pytest.mark.parametrize("spoil", [lambda v: v[:-1], lambda v: b"", lambda v: b"\0" * 32 + v[32:], lambda v: v + b" "])
async def test_a_value_that_was_tampered_with_is_a_miss(spoil) -> None:  # type: ignore[no-untyped-def]
    store = MemoryAnswers(FakeClock())
    cache = answers(store)
    await cache.remember(envelope(), 60)
    key = cache.key(envelope())
    value = await store.get(key)
    await store.put(key, spoil(value), 60)

    found = await cache.find(envelope())

    assert (found.hit, found.reason) == (None, "forged")


async def test_a_genuine_value_under_another_key_is_a_miss() -> None:
    store = MemoryAnswers(FakeClock())
    cache = answers(store)
    await cache.remember(envelope(), 60)
    value = await store.get(cache.key(envelope()))
    assert value is not None
    theirs = envelope(tenant="other")
    await store.put(cache.key(theirs), value, 60)

    assert (await cache.find(theirs)).reason == "forged"


async def test_a_sealed_value_that_is_no_answer_is_a_miss() -> None:
    store = MemoryAnswers(FakeClock())
    cache = answers(store)
    key = cache.key(envelope())
    await store.put(key, cache.seals.seal(key, b"{}"), 60)

    assert (await cache.find(envelope())).reason == "forged"


# ---------------------------------------------------------------- what is worth remembering


@pytest.mark.parametrize(
    "unfit",
    [
        {"verdict": {"accepted": False}},
        {"attempt": {"finish_reason": "length"}},
        {"attempt": {"finish_reason": None}},
        {"verdict": {"attempt": 2}},
        {"plan": {"cacheable": False}},
        {"attempt": {"left_early": True}},
        {"attempt": {"text": " "}},
        {"attempt": {"text": None}},
        {"attempt": {"finish_reason": "content_filter"}},
        {"verdict": {"signals": {"declines": 1.0}}},
        {"verdict": {"confidence": 0.4, "threshold": 0.6}},
        {"attempt": {"error": {"code": "target_overloaded", "message": "429"}}},
    ],
    ids=str,
)
async def test_an_answer_that_is_not_accepted_whole_or_wanted_is_not_remembered(unfit: dict[str, object]) -> None:
    cache = answers()
    asked = envelope(**unfit)  # type: ignore[arg-type]

    assert not should_store(asked)
    assert not await cache.remember(asked, 60)
    assert await cache.lookup(asked) is None


@pytest.mark.parametrize(
    "fit",
    [
        {"verdict": {"signals": {"declines": 0.0}}},
        {"verdict": {"confidence": None, "threshold": 0.6}},
        {"verdict": {"confidence": 0.6, "threshold": 0.6}},
        {"verdict": {"confidence": 0.4}},
        {"verdict": {"confidence": 0.4, "threshold": 1.0}},
    ],
    ids=str,
)
def test_one_of_which_nothing_bad_is_known_is(fit: dict[str, object]) -> None:
    """A threshold of 1 stands where nothing can be promised; no answer is held against it."""
    assert should_store(envelope(**fit))  # type: ignore[arg-type]


HIT = CacheHit(variant="small", target="small", model="m", request_id="r0", stored_at=1)


@pytest.mark.parametrize(
    "change",
    [
        {"degraded": "capped"},
        {"hit": HIT},
        {"status": "failed"},
        {"verdict": None},
        {"plan": None},
        {"provisional": True},
    ],
    ids=str,
)
def test_a_degraded_remembered_or_failed_answer_is_not_remembered(change: dict[str, object]) -> None:
    assert should_store(envelope())
    assert not should_store(envelope().model_copy(update=change))


async def test_a_refreshed_answer_replaces_the_old_one() -> None:
    cache = answers()
    await cache.remember(envelope(), 60)
    await cache.remember(envelope(cache="refresh", attempt={"text": "4"}), 60)

    hit = await cache.lookup(envelope())

    assert hit is not None
    assert hit.content == "4"


async def test_an_answer_is_forgotten_after_its_time() -> None:
    hand = FakeClock()
    cache = answers(clock=hand)
    await cache.remember(envelope(), 60)
    hand.time += 61

    assert (await cache.find(envelope())).reason == "absent"


# ---------------------------------------------------------------- trouble with the store


async def test_a_store_that_is_away_is_a_miss_with_its_reason_and_is_then_left_alone() -> None:
    hand, store = FakeClock(), Broken()
    cache = answers(store, hand)

    reasons = [(await cache.find(envelope())).reason for _ in range(3)]
    assert not await cache.remember(envelope(), 60)

    assert reasons == ["store_away", "store_resting", "store_resting"]
    assert store.asked == 1
    hand.time += REST_S
    assert (await cache.find(envelope())).reason == "store_away"
    assert store.asked == 2


async def test_a_store_that_cannot_be_written_is_left_alone_too() -> None:
    store = Broken()
    cache = answers(store)

    assert not await cache.remember(envelope(), 60)
    assert (await cache.find(envelope())).reason == "store_resting"
    assert store.asked == 1


async def test_a_slow_store_costs_a_few_moments_and_is_left_alone_then() -> None:
    hand = FakeClock()
    cache = answers(Slow(hand), hand)
    started = time.monotonic()

    reasons = [(await cache.find(envelope())).reason for _ in range(20)]

    assert reasons == ["store_slow"] * SLOW + ["store_resting"] * (20 - SLOW)
    assert time.monotonic() - started < 1


@pytest.mark.parametrize(
    "changed",
    [
        {"classification": None},
        {"policy_revision": "another"},
        {"plan": None},
        {"request": envelope(input="No?").request},
    ],
)
async def test_what_changed_since_it_was_looked_up_is_kept_under_its_own_key(changed: dict[str, object]) -> None:
    """The key that was noted on the way in is taken for the same question only."""
    cache, kept = answers(), envelope()
    await cache.find(kept)
    ended = kept.model_copy(update=changed)
    assert cache._taken_key(ended) == cache.key(ended) != cache.key(kept)


async def test_the_key_of_a_question_is_made_once_on_its_way() -> None:
    cache, kept = answers(), envelope()
    await cache.find(kept)
    made: list[object] = []
    cache.key = lambda one: made.append(one) or "again"  # type: ignore[method-assign, func-returns-value]
    assert cache._taken_key(kept) != "again"
    assert made == []
