"""A policy that is applied while requests run: those end under the revision they began with, the next take the new."""

import asyncio
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from servers import NatsServer, until
from valkey_server import ValkeyServer, valkey_server
from whole import Whole, whole

from pipeline.contracts import Reply, Request, StageName
from pipeline.revisions import Bundle, Desk, RevisionStore
from pipeline.revisions.changes import signed
from pipeline.topology import STAGES

FUSED: Sequence[Sequence[StageName]] = (STAGES,)
SPLIT: Sequence[Sequence[StageName]] = tuple((stage,) for stage in STAGES)


@pytest.fixture(scope="module")
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


class Draft:
    """A second policy: what was the route `chat` is now called otherwise."""

    def __init__(self, house: Whole, tmp_path: Path) -> None:
        self._house = house
        self._folder = tmp_path / "draft"
        self.desk = Desk(RevisionStore(house.link.bucket("policy")), house.policies)

    async def apply(self, route: str) -> str:
        """Apply the policy with the route `chat` under this name; return its revision."""
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.copytree(self._house.policies, self._folder)
        for file in self._folder.glob("*.yaml"):
            file.write_text(re.sub(r"(name|route|expect): chat\b", rf"\1: {route}", file.read_text()))
        bundle = Bundle.of_folder(self._folder)
        policy = bundle.policy(self._house.environment)
        await self.desk.apply(bundle, policy, signed("ann", f"call it {route}", time.time()))
        return policy.revision


def routes_of(replies: Sequence[Reply]) -> set[tuple[str, str | None]]:
    """Each revision with the routes that it took."""
    return {(reply.policy_revision, reply.served.route if reply.served else None) for reply in replies}


@pytest.mark.parametrize("sets", [FUSED, SPLIT], ids=["one worker", "a worker for each stage"])
async def test_requests_end_under_the_revision_they_began_with_and_the_next_take_the_new(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer, sets: Sequence[Sequence[StageName]]
) -> None:
    async with whole(tmp_path, nats, valkey.url, sets=sets, small="slow-mini") as house:
        draft, before = Draft(house, tmp_path), house.sources[0].current().revision
        running = [
            asyncio.create_task(house.client.ask(Request(input=f"Question {number}?", cache="off")))
            for number in range(20)
        ]
        await until(lambda: house.calls()["running"] == 20, 10)
        after = await draft.apply("talk")
        applied = time.monotonic()
        await until(lambda: all(source.current().revision == after for source in house.sources), 10)
        live = time.monotonic() - applied
        assert not any(task.done() for task in running), "they were to be answered after the change"
        later = await asyncio.gather(
            *(house.client.ask(Request(input=f"Later {number}?", cache="off")) for number in range(5))
        )
        assert routes_of(await asyncio.gather(*running)) == {(before, "chat")}
        assert routes_of(later) == {(after, "talk")}
        sys.stdout.write(f"applied and in force in every worker after {live * 1000:.0f} ms\n")
        assert live < 5


async def test_while_one_change_follows_another_no_request_sees_two_revisions(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    """Workers hear of a change one after the other, and requests pass from one to the other all the time."""
    async with whole(tmp_path, nats, valkey.url, sets=SPLIT) as house:
        draft, stop = Draft(house, tmp_path), asyncio.Event()
        expected = {(house.sources[0].current().revision, "chat")}
        asked: list[asyncio.Task[Reply]] = []

        async def ask() -> None:
            while not stop.is_set():
                request = Request(input=f"Question {len(asked)}?", cache="off")
                asked.append(asyncio.create_task(house.client.ask(request)))
                await asyncio.sleep(0.01)

        asking = asyncio.create_task(ask())
        for route in ("talk", "banter", "prattle"):
            await asyncio.sleep(0.3)
            expected.add((await draft.apply(route), route))
        await until(lambda: house.sources[0].current().route("prattle") is not None, 10)
        await asyncio.sleep(0.3)
        stop.set()
        await asking
        replies = await asyncio.gather(*asked)
        assert routes_of(replies) == expected
        records = await house.records()
        assert not [step for record in records for step in record.trail if "revision_before" in step.facts]


async def test_a_rollback_is_live_like_any_change(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        draft = Draft(house, tmp_path)
        first, second = await draft.apply("talk"), await draft.apply("banter")
        await until(lambda: house.sources[0].current().revision == second, 10)
        await draft.desk.rollback(None, signed("bob", "worse", time.time()))
        await until(lambda: house.sources[0].current().revision == first, 10)
        reply = await house.client.ask(Request(input="And now?"))
        assert routes_of([reply]) == {(first, "talk")}
