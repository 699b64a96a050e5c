"""What the door adds to the requests that it sends over NATS."""

from collections.abc import Mapping
from typing import Any

from fakes_door import answered

from pipeline.admission import FRESH_HEADER
from pipeline.client import Client
from pipeline.contracts import Request
from pipeline.ports import Incoming
from pipeline.transport.memory import MemoryLink

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Conversation:
    """One answer, or silence."""

    def __init__(self, body: bytes | None) -> None:
        self._body = body

    async def next(self, timeout_s: float) -> Incoming | None:
        return None if self._body is None else Incoming("inbox", self._body)

    def close(self) -> None: ...


class DeafAtFirst(MemoryLink):
    """A link whose first request gets no answer."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self._body = body
        self.sent: list[Mapping[str, str]] = []

    async def converse(self, subject: str, body: bytes, *, headers: Mapping[str, str] | None = None) -> Any:
        self.sent.append(dict(headers or {}))
        return Conversation(self._body if len(self.sent) > 1 else None)


async def test_a_request_that_is_sent_again_keeps_its_trace_and_is_no_longer_fresh() -> None:
    request = Request(id="r1", input="hi")
    link = DeafAtFirst(answered(request).model_dump_json().encode())
    reply = await Client(link, "acme").ask(request, traceparent=TRACE, fresh=True)
    assert reply.id == "r1"
    assert [sent.get("traceparent") for sent in link.sent] == [TRACE, TRACE]
    assert [FRESH_HEADER in sent for sent in link.sent] == [True, False]


async def test_a_request_whose_id_the_caller_gave_is_not_fresh() -> None:
    request = Request(id="r1", input="hi")
    link = DeafAtFirst(answered(request).model_dump_json().encode())
    await Client(link, "acme").ask(request)
    assert all(FRESH_HEADER not in sent for sent in link.sent)
