"""Whatever a stranger sends: a typed answer, or none where there is no inbox; and the worker goes on.

`make fuzz-nats` makes up ten thousand messages; here it is a few hundred (STEPWELL_FUZZ says how many).
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from nats.errors import BadHeaderError, BadSubjectError, MaxPayloadError
from servers import NatsServer, nats_server
from small_cascade import SmallCascade

from pipeline.contracts import Chunk, OutcomeEvent, Reply, Request
from pipeline.errors import StepwellError, kind_of
from pipeline.topology import VERBS

CASES = int(os.environ.get("STEPWELL_FUZZ", "200"))
WAIT_S = 20.0
NAMES = st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4)
)
FIELDS = st.sampled_from(
    [*Request.model_fields, *OutcomeEvent.model_fields, "claim", "name", "size", "sha256", "unknown", ""]
)
VALID: tuple[dict[str, object], ...] = (
    {"input": "hello"},
    {"id": "r1", "input": "hello", "stream": True},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}], "lane": "batch"},
    {"input": "hi", "tools": [{"type": "function", "function": {"name": "f"}}], "tool_choice": "required"},
    {"input": "hi", "budget": {"deadline_ms": 5000}, "metadata": {"a": "b"}, "response_schema": {"type": "object"}},
    {"claim": {"name": "request.acme.r1", "size": 5, "sha256": "0" * 64}},
    {"id": "e1", "request_id": "r1", "reward": 0.5},
    {"id": "r1"},
)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A valid body with one thing changed: a field, its value, or bytes of what is sent."""
    body = dict(draw(st.sampled_from(VALID)))
    change = draw(st.integers(0, 3))
    if change == 0:
        body[draw(FIELDS)] = draw(VALUES)
    elif change == 1:
        body.pop(draw(st.sampled_from(sorted(body))))
    sent = orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS) if _plain(body) else b'{"input": 1e999}'
    if change >= 2:
        place, length = draw(st.integers(0, len(sent))), draw(st.integers(0, 4))
        sent = sent[:place] + draw(st.binary(max_size=8)) + sent[place + length :]
    return sent


def _plain(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:  # half of a surrogate pair, or a number beyond 64 bits
        return False
    return True


BODIES = st.one_of(
    st.binary(max_size=300),
    mutated(),
    mutated(),
    VALUES.filter(_plain).map(orjson.dumps),
    st.integers(1, 20_000).map(lambda depth: b"[" * depth),
    st.integers(1, 20_000).map(lambda depth: b'{"a":' * depth),
    st.sampled_from([b"", b"{}", b"null", b'{"claim":', b'{"claim":{}}', b"\xff\xfe", b'{"input": "\\ud800"}']),
    st.sampled_from([900_000, 1_000_000]).map(lambda size: orjson.dumps({"input": "x" * size})),
)
HEADER = st.from_regex(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,30}", fullmatch=True)
TEXT = st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=40)
OURS = st.sampled_from(["Stepwell-Accepted", "Stepwell-Fresh", "Stepwell-Parts", "traceparent", "Nats-Msg-Id"])
HEADERS = st.dictionaries(OURS | HEADER, TEXT, max_size=5)
TOKENS = st.text(st.characters(codec="utf-8", exclude_characters=".*> \t\r\n", exclude_categories=["Cc", "Cs", "Z"]))
SUBJECTS = st.one_of(
    st.builds("request.{}.{}".format, st.sampled_from(VERBS), st.sampled_from(["acme", "default"])),
    st.builds("request.{}.{}".format, st.sampled_from(VERBS), NAMES | TOKENS.filter(bool)),
    st.builds("cancel.{}.{}".format, NAMES | TOKENS.filter(bool), NAMES | TOKENS.filter(bool)),
    st.builds("request.{}".format, TOKENS.filter(bool)),
)


@dataclass
class Running:
    """A cascade on a real server, in an event loop that lives as long as the module."""

    loop: asyncio.AbstractEventLoop
    cascade: SmallCascade
    defects: list[object] = field(default_factory=list)


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """Started once: what one message breaks, the next ones notice."""
    loop = asyncio.new_event_loop()
    with tempfile.TemporaryDirectory() as folder, nats_server(Path(folder)) as server:
        cascade = loop.run_until_complete(_started(server))
        made = Running(loop, cascade)
        loop.set_exception_handler(lambda _, context: made.defects.append(context))
        yield made
        loop.run_until_complete(cascade.__aexit__(None, None, None))
    loop.close()


async def _started(server: NatsServer) -> SmallCascade:
    return await SmallCascade(server).__aenter__()


@settings(
    max_examples=CASES,
    deadline=None,
    phases=(
        Phase.explicit,
        Phase.reuse,
        Phase.generate,
    ),  # a case that gets no answer would be waited for again and again
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(subject=SUBJECTS, body=BODIES, headers=HEADERS, awaits=st.integers(0, 9))
def test_any_message_is_answered_with_what_its_contract_says(
    running: Running, caplog: pytest.LogCaptureFixture, subject: str, body: bytes, headers: dict[str, str], awaits: int
) -> None:
    """Nothing is dropped in silence, nothing is answered with a defect, and nothing ends the worker."""
    running.loop.run_until_complete(_try(running.cascade, subject, body, headers, expects=awaits > 0))
    assert not running.defects
    assert not [record for record in caplog.records if record.levelname == "ERROR"]


async def _try(cascade: SmallCascade, subject: str, body: bytes, headers: dict[str, str], *, expects: bool) -> None:
    client = cascade.link.client
    heard: asyncio.Queue[object] = asyncio.Queue()
    inbox = client.new_inbox()
    subscription = await client.subscribe(inbox, cb=heard.put)
    try:
        await client.publish(subject, body, reply=inbox if expects else "", headers=headers or None)
    except (BadHeaderError, BadSubjectError, MaxPayloadError):  # the client itself does not send it
        return
    finally:
        if not expects:
            await subscription.unsubscribe()
    known = subject.startswith("request.") and subject.split(".")[1] in VERBS and subject.count(".") == 2
    if not expects:
        return
    if not known:
        await subscription.unsubscribe()
        return
    async with asyncio.timeout(WAIT_S):
        while not _last(await heard.get(), subject.split(".")[1], headers):
            continue
    await subscription.unsubscribe()


def _last(message: object, verb: str, asked: dict[str, str]) -> bool:
    """Check one answer; whether it is the one that the caller waits for."""
    data, headers = message.data, dict(message.headers or {})  # type: ignore[attr-defined]
    assert headers.get("Status") != "503"
    if not data:
        return False
    if "Stepwell-Part" in headers:
        return True
    told = orjson.loads(data)
    if verb == "ask":
        return _last_of_ask(told, data, headers, asked)
    if "error" in told and "status" not in told:
        _check_error(told["error"], headers)
    elif verb == "enqueue":
        assert isinstance(told["accepted"], str)
    elif verb == "outcome":
        assert isinstance(told["new"], bool)
    else:
        Reply.model_validate_json(data)
    return True


def _last_of_ask(told: dict[str, object], data: bytes, headers: dict[str, str], asked: dict[str, str]) -> bool:
    if "accepted" in told:
        assert "Stepwell-Accepted" in asked
        return False
    if "seq" in told:
        Chunk.model_validate_json(data)
        return False
    if "claim" in told:
        return True
    reply = Reply.model_validate_json(data)
    if reply.error is not None:
        _check_error(reply.error.model_dump(), headers)
    return True


def _check_error(error: dict[str, object], headers: dict[str, str]) -> None:
    code = str(error["code"])
    assert code != "internal"
    assert kind_of(code) is not StepwellError
    assert int(headers["Nats-Service-Error-Code"]) < 500 or code in ("deadline_exceeded", "overloaded")
    assert headers["Nats-Service-Error"]


def test_after_all_that_an_honest_question_is_answered(running: Running) -> None:
    async def ask() -> Reply:
        message = await running.cascade.link.client.request("request.ask.honest", b'{"input": "hello"}', timeout=WAIT_S)
        return Reply.model_validate_json(message.data)

    reply = running.loop.run_until_complete(ask())
    assert (reply.status, reply.content) == ("answered", "hello")
