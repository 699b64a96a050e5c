"""What the server sends is read the short way as the client itself reads it, however it is cut."""

import asyncio
import itertools
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.protocol.parser import Parser

from pipeline.transport.nats.straight import Reading, Straight

names = st.text("abcXYZ019.-_$", min_size=1, max_size=12)
bodies = st.binary(max_size=40) | st.sampled_from([b"\r\nMSG a 1 0\r\n\r\n", b"MSG ", b"\r\n"])
values = st.text("abc :;=,/019", max_size=8) | st.just("with: sign")
sids = st.sampled_from([1, 2, 3])
"""Of 1 every message is handed on as it is read, of 2 the client's way; 3 is nobody."""


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A message as the server writes it: with or without headers, a status, an address for answers."""
    subject, sid, reply, body = draw(names), draw(sids), draw(st.none() | names), draw(bodies)
    place = " ".join([subject, str(sid), *([reply] if reply else [])])
    if draw(st.booleans()):
        return f"MSG {place} {len(body)}\r\n".encode() + body + b"\r\n"
    headers = draw(st.lists(st.tuples(names, values), max_size=3))
    status = draw(st.sampled_from(["", "", "", " 503", " 404 No Messages"]))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    head = f"NATS/1.0{status}\r\n{lines}\r\n".encode()
    return f"HMSG {place} {len(head)} {len(head) + len(body)}\r\n".encode() + head + body + b"\r\n"


others = st.sampled_from([b"+OK\r\n", b"+OK \r\n"])
lines = st.lists(messages() | others, max_size=5)


class _Heard(Client):
    """A client that notes what reaches its subscriptions."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[tuple[int, str, str, bytes, dict[str, str] | None]] = []
        self._error_cb = self._trouble
        for sid in (1, 2):
            subscription = Subscription(self, sid, "x", pending_bytes_limit=0)
            subscription._pending_queue = Straight(self._taker(sid)) if sid == 1 else _Queue(self._taker(sid))  # type: ignore[assignment]
            self._subs[sid] = subscription

    async def _trouble(self, error: Exception) -> None:
        raise error

    def _taker(self, sid: int) -> Any:
        def take(message: Msg) -> None:
            self.told.append((sid, message.subject, message.reply, message.data, message.headers or None))

        return take


class _Queue(Straight):
    """A queue that is read later, as those of the client are."""


def _read(kind: type[Parser], pieces: list[bytes]) -> tuple[list[Any], dict[str, int], bytes]:
    async def read() -> tuple[list[Any], dict[str, int], bytes]:
        client = _Heard()
        parser = kind(client)
        for piece in pieces:
            await parser.parse(piece)
        return client.told, dict(client.stats), bytes(parser.buf)

    return asyncio.run(read())


@settings(max_examples=300, deadline=None)
@given(lines, st.lists(st.integers(0, 400), max_size=4))
def test_the_short_way_reads_what_the_client_reads(sent: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(sent)
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    pieces = [whole[start:end] for start, end in itertools.pairwise(places)]
    told, stats, left = _read(Reading, pieces)
    expected, expected_stats, expected_left = _read(Parser, pieces)
    assert told == expected
    assert (stats["in_msgs"], left) == (expected_stats["in_msgs"], expected_left)
    assert stats["in_bytes"] == expected_stats["in_bytes"]


def test_what_claims_to_be_a_message_and_is_none_is_read_as_the_client_reads_it() -> None:
    for odd in (b"MSG a 1 x\r\n", b"MSG a\r\n", b"HMSG a 1 5\r\n", b"MSG  a  1  2\r\nhi\r\n"):
        outcomes = []
        for kind in (Reading, Parser):
            try:
                outcomes.append(_read(kind, [odd])[0])
            except Exception as error:
                outcomes.append([type(error)])
        assert outcomes[0] == outcomes[1], odd


def test_a_message_may_be_cut_anywhere() -> None:
    """Also within the line end that follows its body, and where a header comes twice."""
    head = b"NATS/1.0\r\na: 1\r\na: 2\r\n\r\n"
    sent = (
        b"MSG s 1 2\r\nhi\r\n"
        + b"HMSG s 1 r %d %d\r\n%bhi\r\n" % (len(head), len(head) + 2, head)
        + b"MSG s 1 0\r\n\r\n"
    )
    expected = _read(Parser, [sent])[0]
    assert len(expected) == 3
    for cut in range(len(sent)):
        assert _read(Reading, [sent[:cut], sent[cut:]])[0] == expected
