"""Whoever leads may die at any moment; the next one goes on, and no call is ever in two batches."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from fakes_models import target
from servers import NatsServer, provisioned, until

from pipeline.adapters.provider_batches.collector import Collector
from pipeline.adapters.provider_batches.records import Answer, Line, digest_of
from pipeline.adapters.provider_batches.shelf import Shelf
from pipeline.contracts import Lane
from pipeline.embedded.scripted.server import ScriptedServer
from pipeline.ports import Charge, Streams
from pipeline.transport.memory import MemoryLink

RULES = {"gather": 0.01, "every": 0.01, "least": 60.0, "spare": 1.0}
LINES = 7


class Shifted:
    """The time, and more where a test says so."""

    shift = 0.0

    def now(self) -> float:
        return time.time() + self.shift

    def monotonic(self) -> float:
        return time.monotonic() + self.shift


class Wakes:
    """Notes who was woken."""

    def __init__(self) -> None:
        self.woken: list[str] = []

    async def wake(self, lane: Lane, key: str) -> bool:
        self.woken.append(key)
        return True


def line(name: str, model: str, endpoint: str, now: float, **changes: Any) -> Line:
    body = f'{{"model":"{model}","messages":[{{"role":"user","content":"{name}"}}]}}'
    charge = Charge(f"t.{name}.draft-1", "t", name, "batch", "draft", "draft", "r", "v", "small", 0.1, 100)
    fields: dict[str, Any] = {
        "name": name,
        "key": f"t.{name}",
        "until": now + 3000,
        "deadline_at": now + 3600,
        "at": now - 1,
        "endpoint": endpoint,
        "digest": digest_of(body.encode()),
        "body": body,
        "charge": charge,
    }
    return Line(**{**fields, **changes})


class House:
    """Collectors over one shelf and one provider."""

    def __init__(self, streams: Streams, server: ScriptedServer, model: str = "mini", **rules: object) -> None:
        self.streams = streams
        self.server = server
        self.clock = Shifted()
        self.wakes = Wakes()
        self.shelf = Shelf(streams)
        self.model = model
        self.targets = {"small": target(model, server.url, batches={**RULES, **rules})}
        self._made: list[Collector] = []

    def collector(self) -> Collector:
        policies: Any = SimpleNamespace(current=lambda: SimpleNamespace(targets=self.targets))
        transport: Any = self.wakes
        made = Collector(self.streams, transport, policies, self.clock, f"c{len(self._made)}")
        self._made.append(made)
        return made

    async def fill(self, count: int = LINES, address: str = "") -> None:
        for number in range(count):
            made = line(f"n{number}", self.model, address or self.server.url, self.clock.now())
            await self.shelf.put("small", made)

    async def answers(self) -> dict[str, Answer]:
        return {name: answer async for name, answer in self.shelf.answers("small")}

    async def done(self, count: int = LINES) -> dict[str, Answer]:
        async with asyncio.timeout(10):
            while len(await self.answers()) < count or (await self.shelf.known("small")).shelved.files:
                await asyncio.sleep(0.01)
        return await self.answers()

    async def stop(self) -> None:
        for made in self._made:
            await made.stop()


@contextlib.asynccontextmanager
async def house(nats: NatsServer | None, model: str = "mini", **rules: object) -> AsyncIterator[House]:
    link = MemoryLink() if nats is None else await provisioned(nats)
    async with ScriptedServer() as server:
        server.batches.takes_s = 0.03
        built = House(link.streams, server, model, **rules)
        yield built
        await built.stop()
        await link.close()


async def killed(collector: Collector) -> None:
    """It does nothing more: neither says that it goes, nor ends what it began."""
    task, collector._task = collector._task, None
    assert task is not None
    task.cancel()
    await asyncio.wait([task])


def hang_after(owner: Any, method: str, times: int) -> asyncio.Event:
    """The call is made, and whoever made it never hears of it."""
    real, reached, made = getattr(owner, method), asyncio.Event(), 0

    async def hanging(*given: Any) -> Any:
        nonlocal made
        made += 1
        result = await real(*given)
        if made >= times:
            reached.set()
            await asyncio.Event().wait()
        return result

    setattr(owner, method, hanging)
    return reached


MOMENTS = [
    ("_provider", "upload", 1),
    ("_provider", "create", 1),
    ("_provider", "look", 1),
    ("_provider", "delete", 1),
    ("_shelf", "know", 1),
    ("_shelf", "know", 2),
    ("_shelf", "know", 3),
    ("_shelf", "know", 4),
    ("_shelf", "know", 5),
    ("_shelf", "answered", 3),
    ("_shelf", "remove", 3),
]


@pytest.mark.parametrize(("part", "method", "times"), MOMENTS)
async def test_whoever_dies_in_whichever_step_leaves_one_batch_and_one_answer_for_each_line(
    part: str, method: str, times: int
) -> None:
    async with house(None) as here:
        await here.fill()
        first = here.collector()
        reached = hang_after(getattr(first, part), method, times)
        await first.start()
        await asyncio.wait_for(reached.wait(), 10)
        await killed(first)
        here.clock.shift += 20
        await here.collector().start()
        answers = await here.done()
        assert here.server.batches.count == 1
        assert here.server.ledger.stats()["billed_total"] == LINES
        assert {answer.status for answer in answers.values()} == {200}
        assert not here.server.batches.files
        assert [each async for each in here.shelf.lines("small", 0)] == []
        assert set(here.wakes.woken) == {f"t.n{number}" for number in range(LINES)}


async def test_a_batch_that_was_created_before_its_name_was_noted_is_found_and_not_created_again(
    nats: NatsServer,
) -> None:
    """Even among so many others that the list has pages."""
    async with house(nats) as here:
        await here.fill()
        first = here.collector()
        reached = hang_after(first._provider, "create", 1)
        await first.start()
        await asyncio.wait_for(reached.wait(), 10)
        await killed(first)
        other = here.collector()._provider
        spec = here.targets["small"]
        file = await other.upload(spec, "other", [b"{}\n"])
        for number in range(120):
            await other.create(spec, f"other{number}", file)
        here.clock.shift += 20
        await here.collector().start()
        async with asyncio.timeout(10):
            while len(await here.answers()) < LINES:
                await asyncio.sleep(0.01)
        assert here.server.batches.count == 121


async def test_while_one_leads_another_one_does_nothing() -> None:
    async with house(None) as here:
        first, second = here.collector(), here.collector()
        await first.start()
        await until(lambda: first._lease.held, 5)
        await second.start()
        await here.fill()
        await here.done()
        assert not second._lease.held
        assert here.server.batches.count == 1


async def test_full_files_go_at_once_and_hold_no_more_than_they_may() -> None:
    async with house(None, max_lines=3, gather=0.02) as here:
        await here.fill()
        here.clock.shift += 1
        await here.collector().start()
        await here.done()
        sizes = sorted(upload.count(b"\n") for upload in here.server.batches.uploads)
        assert sizes == [1, 3, 3]


@pytest.mark.parametrize(("model", "by_batch"), [("fails", 0), ("expires", 3), ("vanishes", 0)])
async def test_what_a_batch_did_not_answer_is_to_be_called_by_itself(model: str, by_batch: int) -> None:
    """Whether it failed, expired after a part of its lines, or is not known to its provider any more."""
    async with house(None, model) as here:
        await here.fill()
        await here.collector().start()
        answers = await here.done()
        assert sorted(answer.status for answer in answers.values()) == [0] * (LINES - by_batch) + [200] * by_batch
        assert here.server.batches.count == 1


async def test_a_provider_that_has_no_batches_gets_none_and_its_lines_go_on() -> None:
    async with house(None) as here:
        here.targets["small"] = target("mini", here.server.url.replace("/v1", "/v2"), batches=RULES)
        await here.fill(address=here.targets["small"].endpoint)
        await here.collector().start()
        assert {answer.status for answer in (await here.done()).values()} == {0}


async def test_a_line_for_an_address_that_the_policy_does_not_have_any_more_is_in_no_file() -> None:
    """The decision what the target may see was about that address."""
    async with house(None) as here:
        await here.fill(3)
        await here.shelf.put("small", line("moved", "mini", "http://127.0.0.1:1/v1", here.clock.now()))
        await here.collector().start()
        answers = await here.done(4)
        assert answers["moved"].status == 0
        assert b"moved" not in here.server.batches.uploads[0]


async def test_a_line_whose_request_waits_no_more_is_in_no_file() -> None:
    async with house(None) as here:
        await here.fill(2)
        await here.shelf.put("small", line("late", "mini", here.server.url, here.clock.now(), until=1.0))
        await here.collector().start()
        assert (await here.done(3))["late"].status == 0
        assert b"late" not in here.server.batches.uploads[0]


async def test_a_batch_for_which_nobody_waits_is_cancelled() -> None:
    async with house(None) as here:
        here.server.batches.takes_s = 1000
        await here.fill()
        await here.collector().start()
        await until(lambda: here.server.batches.count == 1, 5)
        here.clock.shift += 3001
        assert {answer.status for answer in (await here.done()).values()} == {0}


async def test_lines_that_may_be_in_a_batch_wait_for_their_deadline_where_their_target_is_gone() -> None:
    """Their file was stored and the batch perhaps asked for, so that calls by themselves might be paid twice."""
    async with house(None) as here:
        await here.fill()
        first = here.collector()
        reached = hang_after(first._provider, "create", 1)
        await first.start()
        await asyncio.wait_for(reached.wait(), 10)
        await killed(first)
        here.targets.clear()
        here.clock.shift += 20
        follower = here.collector()._follow
        (file,) = (await here.shelf.known("small")).shelved.files
        assert file.state == "uploaded"
        assert await follower.step("small", None, file) == file
        assert await here.answers() == {}
        here.clock.shift += 3600
        assert await follower.step("small", None, file) is None
        assert {answer.status for answer in (await here.answers()).values()} == {0}
