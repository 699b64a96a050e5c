"""Several people change policies at the same time: the bucket stays whole, whatever comes between whose steps."""

import asyncio
import random
import tempfile
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path

from hypothesis import given
from hypothesis import settings as effort
from hypothesis import strategies as st
from policy_files import write
from revisions import bundle

from pipeline.errors import ChangeRefused, NotFound
from pipeline.policy import Policy
from pipeline.ports import Bucket, Entry
from pipeline.revisions import Bundle, Desk, RevisionStore
from pipeline.revisions.changes import FOLDER, same_person, signed
from pipeline.revisions.named import known
from pipeline.transport.memory import MemoryLink

RULES = (
    "",
    "changes: {approvals: 1}\n",
    "changes: {approvals: 1, approvers: [bob, cid]}\n",
    "changes: {approvals: 2}\n",
)
PEOPLE = ("ann", "Ann", "bob", "cid")
ACTS = st.tuples(
    st.sampled_from(["apply", "apply", "approve", "rollback", "back", "release"]),
    st.sampled_from(PEOPLE),
    st.integers(0, 3),
)


class Crowded:
    """A bucket at which others take their turn before each answer."""

    def __init__(self, bucket: Bucket, chance: random.Random) -> None:
        self._bucket = bucket
        self._chance = chance

    async def _wait(self) -> None:
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)

    async def get(self, key: str) -> Entry | None:
        await self._wait()
        return await self._bucket.get(key)

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        await self._wait()
        return await self._bucket.put(key, value, expected=expected)

    async def keys(self) -> tuple[str, ...]:
        await self._wait()
        return await self._bucket.keys()

    def watch(self, key: str | None = None) -> AsyncIterator[Entry | None]:
        return self._bucket.watch(key)


@cache
def folder() -> Path:
    return write(Path(tempfile.mkdtemp(prefix="stepwell-policies-")))


@cache
def drafts() -> tuple[tuple[Bundle, Policy], ...]:
    """Four sets, each with other rules about who must consent."""
    place = Path(tempfile.mkdtemp(prefix="stepwell-drafts-"))
    made = [bundle(place, number + 1, rules) for number, rules in enumerate(RULES)]
    return tuple((one, one.policy({})) for one in made)


async def act(desk: Desk, what: str, who: str, number: int) -> None:
    made, policy = drafts()[number]
    by = signed(who, "at the same time", 1.0)
    try:
        match what:
            case "apply":
                await desk.apply(made, policy, by)
            case "approve":
                await desk.approve(policy.revision if number else FOLDER, by)
            case "rollback":
                await desk.rollback(policy.revision, by)
            case "back":
                await desk.rollback(None, by)
            case _:
                await desk.release(by)
    except (ChangeRefused, NotFound):
        pass


async def whole(store: RevisionStore) -> None:
    """The history has no gap, each event goes on from the one before, and what is in force is stored."""
    current, _ = await store.current()
    events = (await store.history(current))[::-1]
    assert [event.number for event in events] == list(range(1, current.number + 1))
    assert [event.before for event in events] == [None, *(event.in_force for event in events)][: len(events)]
    assert current.in_force == (events[-1].in_force if events else None)
    for named in await known(store, current):
        assert (await store.bundle(named.bundle)).digest == named.bundle
    proposers: dict[str, str] = {}
    for event in events:
        if event.kind == "propose":
            proposers[FOLDER if event.to is None else event.to.revision] = event.by.who
        if event.kind == "approve":
            proposer = proposers[FOLDER if event.to is None else event.to.revision]
            assert not any(same_person(proposer, who) for who in (event.by.who, *event.with_consent_of))


@effort(max_examples=60, deadline=None)
@given(st.lists(st.lists(ACTS, min_size=1, max_size=4), min_size=1, max_size=8), st.integers(0, 2**32))
def test_whatever_several_people_do_at_once_the_bucket_is_whole(
    rounds: list[list[tuple[str, str, int]]], seed: int
) -> None:
    async def play() -> None:
        bucket = Crowded(MemoryLink().bucket("policy"), random.Random(seed))
        desk = Desk(RevisionStore(bucket), folder())
        for acts in rounds:
            await asyncio.gather(*(act(desk, *one) for one in acts))
            await whole(RevisionStore(bucket))

    asyncio.run(play())
