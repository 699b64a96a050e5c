"""What works for other requests lets the pieces of a streamed answer pass between two stages."""

import asyncio
from collections.abc import Callable

import pytest
from cascade import FakeClock, HeldMessage, Middle, Notes, envelope, stages

from pipeline.contracts import Envelope, Request, StageName
from pipeline.ports import Outcome, Run
from pipeline.runner import Runner, dump_envelope
from pipeline.transport.memory import MemoryLink


class _Worker:
    """A runner over all stages. The streamed request `s` stays in draft; `classify` of another one begins a piece."""

    def __init__(self) -> None:
        self.order: list[str] = []
        self.ends = asyncio.Event()
        made = stages()
        self._bodies = {stage.name: stage.handle for stage in made}
        for stage in made:
            stage.handle = self._watching(stage.name)  # type: ignore[method-assign]
        self.runner = Runner(
            made,
            self,  # type: ignore[arg-type]
            MemoryLink().streams,
            clock=FakeClock(),
            random=Middle(),
            observer=Notes(),
            worker="w1",
        )

    def caller(self, address: str, streaming: bool) -> None:
        return None

    def _watching(self, stage: StageName) -> Callable[[Envelope, Run], object]:
        async def handle(given: Envelope, run: Run) -> Outcome:
            if given.id == "s" and stage == "draft":
                await self.ends.wait()
            if given.id == "other":
                self.order.append(stage)
                if stage == "classify":
                    self._piece("read", "handed on", "written")
            return await self._bodies[stage](given, run)

        return handle

    def _piece(self, what: str, *then: str) -> None:
        """A piece of another answer, which takes one turn of the loop after the other."""

        def turn() -> None:
            if then:
                self._piece(*then)
            else:
                self.order.append(what)

        asyncio.get_running_loop().call_soon(turn)

    async def takes(self, request_id: str, *, stream: bool) -> None:
        request = Request(input="hello", id=request_id, stream=stream)
        await self.runner.step(HeldMessage(dump_envelope(envelope(id=request_id, request=request)), "classify"))


async def test_a_piece_of_another_stream_is_written_before_the_next_stage_begins() -> None:
    worker = _Worker()
    streamed = asyncio.create_task(worker.takes("s", stream=True))
    await asyncio.sleep(0.01)
    await worker.takes("other", stream=False)
    worker.ends.set()
    await streamed
    assert worker.order[:3] == ["classify", "written", "plan"]


@pytest.mark.parametrize("stream", [False, True])
async def test_where_nobody_else_streams_stages_follow_each_other_at_once(stream: bool) -> None:
    worker = _Worker()
    worker.ends.set()
    await worker.takes("s", stream=True)
    await worker.takes("other", stream=stream)
    assert worker.order[:2] == ["classify", "plan"]
    assert "written" not in worker.order


async def test_who_is_cancelled_while_others_pass_is_told_so() -> None:
    worker = _Worker()
    streamed = asyncio.create_task(worker.takes("s", stream=True))
    await asyncio.sleep(0.01)
    other = asyncio.create_task(worker.takes("other", stream=False))
    for _ in range(100):
        if worker.order:
            break
        await asyncio.sleep(0)
    worker.runner.cancel("default.other")
    await other
    worker.ends.set()
    await streamed
    assert worker.order[-1] == "audit"
    assert "plan" not in worker.order
