"""Whoever leads may die at any moment; the next one goes on, and no call is ever in two batches."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from fakes_models import target
from servers import NatsServer, until
from shelves import LINES, RULES, House, hang_after, house, killed, line

from pipeline.adapters.provider_batches import follow
from pipeline.adapters.provider_batches.provider import Unclear
from pipeline.policy.models import Target


async def nothing() -> AsyncIterator[bytes]:
    """A call that is none."""
    yield b"{}\n"


async def dies(here: House, part: str, method: str, times: int) -> None:
    """Whoever leads is killed right after `method` of its `part` was called so many times."""
    leader = here.collector()
    reached = hang_after(getattr(leader, part), method, times)
    await leader.start()
    await asyncio.wait_for(reached.wait(), 10)
    await killed(leader)


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
    ("_shelf", "placed", 4),
]


@pytest.mark.parametrize(("part", "method", "times"), MOMENTS)
async def test_whoever_dies_in_whichever_step_leaves_one_batch_and_one_answer_for_each_line(
    part: str, method: str, times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in the middle of its output, of which a few lines are read at a time."""
    monkeypatch.setattr(follow, "AT_ONCE", 2)
    monkeypatch.setattr(follow, "PIECE", 3)
    async with house(None) as here:
        await here.fill()
        await dies(here, part, method, times)
        here.clock.shift += 20
        await here.collector().start()
        answers = await here.done()
        assert here.server.batches.count == 1
        assert here.server.ledger.stats()["billed_total"] == LINES
        assert {answer.status for answer in answers.values()} == {200}
        assert not here.server.batches.files
        assert [each async for each in here.shelf.lines("small", 0)] == []
        await until(lambda: set(here.wakes.woken) == {f"t.n{number}" for number in range(LINES)}, 5)


async def test_a_batch_that_was_created_before_its_name_was_noted_is_found_and_not_created_again(
    nats: NatsServer,
) -> None:
    """Even among so many others that the list has pages."""
    async with house(nats) as here:
        await here.fill()
        await dies(here, "_provider", "create", 1)
        other = here.collector()._provider
        spec = here.targets["small"]
        file = await other.upload(spec, "other", nothing(), 3)
        for number in range(120):
            await other.create(spec, f"other{number}", file)
        here.clock.shift += 20
        await here.collector().start()
        async with asyncio.timeout(10):
            while len(await here.answers()) < LINES:
                await asyncio.sleep(0.01)
        assert here.server.batches.count == 121


async def test_output_that_breaks_off_is_read_again_and_answers_no_call_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a call taken for one without an answer whose answer has not been read yet."""
    monkeypatch.setattr(follow, "AT_ONCE", 2)
    async with house(None) as here:
        await here.fill()
        first = here.collector()
        real, times = first._provider.results, 0

        async def broken(spec: Target, file: str) -> AsyncIterator[bytes]:
            nonlocal times
            times += 1
            read = 0
            async for raw in real(spec, file):
                read += 1
                if times == 1 and read == 5:
                    raise Unclear("it breaks off")
                yield raw

        monkeypatch.setattr(first._provider, "results", broken)
        await first.start()
        answers = await here.done()
        assert times == 2
        assert {answer.status for answer in answers.values()} == {200}
        assert here.server.batches.count == 1
        assert here.server.ledger.stats()["billed_total"] == LINES


async def test_output_that_names_calls_of_another_file_twice_or_none_answers_its_own_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with house(None, max_lines=3) as here:
        await here.fill(6)
        here.server.batches.takes_s = 1000
        first = here.collector()
        await first.start()
        await until(lambda: here.server.batches.count == 2, 5)
        files = (await here.shelf.known("small")).shelved.files
        await first.stop()
        made = here.collector()._follow
        monkeypatch.setattr(made, "_leads", lambda: True)
        named = [("n0", 200, "{}"), ("n0", 200, '{"again":1}'), ("n5", 200, "{}"), ("nobody", 200, "{}")]
        await made._results("small", files[0], named, "batch_1")
        answers = await here.answers()
        assert {name: answer.body for name, answer in answers.items()} == {"n0": "{}"}


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
    """Whether it failed, expired after a part of its lines, or is not known to its provider any more.

    In each case nothing of it stays at the provider.
    """
    async with house(None, model) as here:
        await here.fill()
        await here.collector().start()
        answers = await here.done()
        assert sorted(answer.status for answer in answers.values()) == [0] * (LINES - by_batch) + [200] * by_batch
        assert here.server.batches.count == 1
        assert here.server.batches.files == {}


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
        await here.put(line("moved", "mini", "http://127.0.0.1:1/v1", here.clock.now()))
        await here.collector().start()
        answers = await here.done(4)
        assert answers["moved"].status == 0
        assert b"moved" not in here.server.batches.uploads[0]


async def test_a_line_whose_request_waits_no_more_is_in_no_file() -> None:
    async with house(None) as here:
        await here.fill(2)
        await here.put(line("late", "mini", here.server.url, here.clock.now(), until=1.0))
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
        await dies(here, "_provider", "create", 1)
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


async def test_a_batch_that_its_provider_lost_is_told_as_lost_and_not_as_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with house(None, "vanishes") as here:
        await here.fill(1)
        await here.collector().start()
        await here.done(1)
    assert "the provider of target small lost a batch (HTTP 404): its calls are made by themselves" in caplog.text
    assert "takes no batch" not in caplog.text
