"""The allocator counts every outcome once, whatever happens around it."""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from clocks import FakeClock
from decisions import Unsteady, collect, reply

from pipeline.adapters.results import StreamResults
from pipeline.adapters.weights import BucketWeights, PublishedWeights, parse_weights
from pipeline.contracts import OutcomeEvent, Served
from pipeline.errors import TransportUnavailable
from pipeline.experiments.outcomes import OUTCOMES, TALLY_KEY, Tally, parse_tally, record_outcome
from pipeline.policy.models import Route, TierSpec
from pipeline.ports import Entry, Link
from pipeline.transport.memory import MemoryLink
from stages.allocate import Allocate


@dataclass(frozen=True)
class FakeRoute:
    spec: Route


class FakePolicies:
    """The route chat, with two variants in its first tier unless told otherwise."""

    def __init__(self, *tiers: Mapping[str, float]) -> None:
        chosen = tiers or ({"small": 0.5, "tiny": 0.5}, {"large": 1.0})
        self.routes = (FakeRoute(Route(name="chat", tiers=tuple(TierSpec(variants=dict(tier)) for tier in chosen))),)

    def current(self) -> "FakePolicies":
        return self

    def revision(self, digest: str) -> "FakePolicies | None":
        return self


def _allocator(link: Link, clock: FakeClock | None = None, policies: FakePolicies | None = None) -> Allocate:
    return Allocate(
        link.streams,
        StreamResults(link.streams),
        link.bucket("experiments"),
        link.bucket("weights"),
        policies or FakePolicies(),  # type: ignore[arg-type]  # as much of a policy as is used
        clock or FakeClock(),
        random.Random(11),
        every_events=7,
        every_s=0.001,
    )


async def _served(link: Link, request_id: str, variant: str = "small", **changes: object) -> None:
    served = Served(route="chat", variant=variant, target=variant, model="m", tier=0, tiers=2)
    await StreamResults(link.streams).put(reply(request_id, **{"served": served, **changes}))


async def _said(link: Link, request_id: str, reward: float = 1.0) -> bool:
    event = OutcomeEvent(id=f"e-{request_id}", request_id=request_id, tenant="acme", reward=reward)
    return await record_outcome(link.streams, event)


async def _history(link: Link, rewards: Mapping[str, Sequence[float]]) -> None:
    for variant, given in rewards.items():
        for number, reward in enumerate(given):
            await _served(link, f"{variant}-{number}", variant)
            await _said(link, f"{variant}-{number}", reward)


async def _tally(link: Link) -> Tally:
    entry = await link.bucket("experiments").get(TALLY_KEY)
    tally = parse_tally(entry.value if entry else None)
    assert tally is not None
    return tally


async def _published(link: Link) -> PublishedWeights | None:
    entry = await link.bucket("weights").get("chat")
    return parse_weights(entry.value) if entry else None


MIXED = {"small": [1.0, 0.0, 0.25], "tiny": [1.0] * 8}


async def test_outcomes_are_counted_for_who_served(link: Link) -> None:
    await _history(link, MIXED)
    tally = await _allocator(link).round()
    assert tally.arms == {"chat": [{"small": (1.25, 1.75), "tiny": (8.0, 0.0)}]}
    assert (tally.counted, tally.applied) == (11, 11)
    assert await _tally(link) == tally


async def test_a_batch_that_comes_again_changes_nothing() -> None:
    link = MemoryLink()
    await _history(link, MIXED)
    allocator, events = _allocator(link), await collect(link.streams.scan(OUTCOMES))
    once = await allocator.learn(events)
    assert await allocator.learn(events) == once
    assert await allocator.learn(events[3:5]) == once
    assert await allocator.round() == once


async def test_an_event_with_a_known_id_never_reaches_the_count() -> None:
    link = MemoryLink()
    await _history(link, MIXED)
    assert not await _said(link, "small-0", 0.0)
    assert (await _allocator(link).round()).counted == 11


async def test_a_restarted_allocator_goes_on_where_the_last_one_stopped() -> None:
    link = MemoryLink()
    await _history(link, {"small": [1.0] * 5})
    await _allocator(link).round()
    await _history(link, {"tiny": [0.0] * 4})
    tally = await _allocator(link).round()
    assert tally.arms == {"chat": [{"small": (5.0, 0.0), "tiny": (0.0, 4.0)}]}


async def test_allocators_at_the_same_time_count_every_outcome_once(link: Link) -> None:
    await _history(link, {"small": [1.0, 0.5] * 15, "tiny": [0.0] * 30})
    await asyncio.gather(*[_allocator(link).round() for _ in range(4)])
    tally = await _tally(link)
    assert tally.arms == {"chat": [{"small": (22.5, 7.5), "tiny": (0.0, 30.0)}]}
    assert tally.counted == 60


async def test_an_allocator_that_was_overtaken_while_it_counted_takes_nothing_back() -> None:
    """The rival reads, counts and writes more events between this one's reading and its writing."""
    link = MemoryLink()
    await _history(link, MIXED)
    rival, slow, events = _allocator(link), _allocator(link), await collect(link.streams.scan(OUTCOMES))

    class Overtaken:
        async def get(self, key: str) -> Entry | None:
            found = await link.bucket("experiments").get(key)
            await rival.learn(events)
            return found

        async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
            return await link.bucket("experiments").put(key, value, expected=expected)

    slow._experiments = Overtaken()  # type: ignore[assignment]  # as much of a bucket as is used
    assert (await slow.learn(events[:4])).counted == 11
    assert await _tally(link) == await rival.round()
    assert (await _tally(link)).counted == 11


async def test_an_outcome_that_comes_before_its_reply_waits_for_it() -> None:
    link, clock = MemoryLink(), FakeClock()
    await _said(link, "early")
    allocator = _allocator(link, clock)
    assert (await allocator.round()).counted == 0
    await _served(link, "early")
    assert (await _allocator(link, clock).round()).counted == 1, "also when another process goes on"
    tally = await _tally(link)
    assert (tally.pending, tally.unattributed) == ((), 0)


async def test_an_outcome_without_a_reply_is_reported_as_unattributed_after_its_window() -> None:
    link, clock = MemoryLink(), FakeClock()
    await _said(link, "nobody")
    allocator = _allocator(link, clock)
    await allocator.round()
    clock.time += 3599.0
    assert (await allocator.round()).unattributed == 0
    clock.time += 1.0
    tally = await allocator.round()
    assert (tally.unattributed, tally.pending, tally.counted) == (1, (), 0)


@pytest.mark.parametrize("changes", [{"cache": "hit"}, {"degraded": "low_confidence"}])
async def test_cache_hits_and_degraded_answers_teach_nothing(changes: dict[str, object]) -> None:
    link = MemoryLink()
    await _served(link, "r1", **changes)
    await _said(link, "r1")
    tally = await _allocator(link).round()
    assert (tally.arms, tally.uncounted) == ({}, 1)


async def test_an_event_that_cannot_be_read_is_passed_over() -> None:
    link = MemoryLink()
    await link.streams.append("outcome.acme.bad", b'{"reward": NaN}')
    await _history(link, {"small": [1.0]})
    tally = await _allocator(link).round()
    assert (tally.applied, tally.counted) == (2, 1)


# ---------------------------------------------------------------- weights


async def test_weights_are_published_and_reach_the_planner() -> None:
    link = MemoryLink()
    await _history(link, {"small": [0.0] * 30, "tiny": [1.0] * 30})
    await _allocator(link).round()
    store = BucketWeights(link.bucket("weights"))
    await store.start()
    current = store.current("chat")
    assert current is not None
    assert current.tiers[0]["tiny"] == pytest.approx(0.99)
    assert current.tiers[1] == {"large": 1.0}
    await store.stop()


async def test_too_little_evidence_publishes_nothing() -> None:
    link = MemoryLink()
    await _history(link, MIXED)
    await _allocator(link).round()
    assert await _published(link) is None


async def test_a_new_version_only_for_new_evidence() -> None:
    """A sticky user moves only when something was learned, not when an allocator starts."""
    link = MemoryLink()
    await _history(link, {"small": [0.0] * 30, "tiny": [1.0] * 30})
    allocator = _allocator(link)
    await allocator.round()
    first = await _published(link)
    await allocator.round()
    await _allocator(link).round()
    assert await _published(link) == first
    await _history(link, {"other": [1.0]})
    await allocator.round()
    second = await _published(link)
    assert first is not None
    assert second is not None
    assert second.version == first.version + 1


async def test_a_changed_policy_gets_new_weights() -> None:
    link = MemoryLink()
    await _history(link, {"small": [0.0] * 30, "tiny": [1.0] * 30})
    await _allocator(link).round()
    policies = FakePolicies({"small": 0.4, "tiny": 0.3, "newest": 0.3}, {"large": 1.0})
    await _allocator(link, policies=policies).round()
    published = await _published(link)
    assert published is not None
    assert set(published.tiers[0]) == {"small", "tiny", "newest"}


async def test_weights_that_were_lost_before_publishing_are_published_at_the_next_start() -> None:
    link = MemoryLink()
    await _history(link, {"small": [0.0] * 30, "tiny": [1.0] * 30})
    await _allocator(link).learn(await collect(link.streams.scan(OUTCOMES)))
    assert await _published(link) is None
    await _allocator(link).round()
    assert await _published(link) is not None


async def test_the_loop_outlives_a_store_that_is_away() -> None:
    link = MemoryLink()

    class Away(Unsteady):
        outages = 2

        def scan(self, stream: str, *, after: int = 0, subject: str | None = None):  # type: ignore[no-untyped-def]
            if self.outages:
                self.outages -= 1
                raise TransportUnavailable("away")
            return super().scan(stream, after=after, subject=subject)

    await _history(link, MIXED)
    allocator = _allocator(link)
    allocator._streams = Away(link.streams)
    running = asyncio.create_task(allocator.run())
    async with asyncio.timeout(5.0):
        while (await _tally(link)).counted < 11:
            await asyncio.sleep(0.002)
    running.cancel()
