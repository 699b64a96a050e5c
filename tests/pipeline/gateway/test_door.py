"""The door as a caller sees it: over a real socket, with a client that answers as it is told."""

import asyncio
import gzip
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Any

import aiohttp
import orjson
import pytest
from fakes_door import FakeAsker, Names, answered, ended

from pipeline.contracts import Reply, Request
from pipeline.errors import NoWorker, TargetTimeout, TransportUnavailable
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening

ASK: dict[str, Any] = {"model": "auto", "messages": [{"role": "user", "content": "2 + 2?"}]}
PATH = "/v1/chat/completions"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

HANG_UP_S = 0.1
"""Time for the door to notice, where nothing shows that it did."""

Opener = Callable[..., Awaitable[aiohttp.ClientSession]]


@pytest.fixture
async def opened() -> AsyncIterator[Opener]:
    """Opens doors before a given client, and closes them."""
    closers: list[Callable[[], Awaitable[None]]] = []

    async def open_door(asker: FakeAsker, **options: Any) -> aiohttp.ClientSession:
        app = build_door(lambda _tenant: asker, options.pop("names", Names()), **options)
        runner = await listening(app, "127.0.0.1", 0, options.get("limits", Limits()), grace_s=0.5)
        session = aiohttp.ClientSession(f"http://127.0.0.1:{runner.addresses[0][1]}")
        closers.extend((runner.cleanup, session.close))
        return session

    yield open_door
    for close in reversed(closers):
        await close()


async def code_of(response: aiohttp.ClientResponse) -> str:
    return str((await response.json())["error"]["code"])


async def events_of(response: aiohttp.ClientResponse) -> list[Any]:
    parts = (await response.read()).split(b"\n\n")[:-1]
    return [part if part == b"data: [DONE]" else orjson.loads(part[6:]) for part in parts]


async def test_an_answer_has_the_shape_of_the_api_and_headers_that_say_who_gave_it(opened: Opener) -> None:
    response = await (await opened(FakeAsker())).post(PATH, json=ASK)
    assert response.status == 200
    assert (await response.json())["choices"][0]["message"]["content"] == "four"
    shown = {name: value for name, value in response.headers.items() if name.startswith("x-stepwell-")}
    own = shown.pop("x-stepwell-request-id")
    assert response.headers["x-request-id"] == own
    assert shown == {
        "x-stepwell-attempts": "1",
        "x-stepwell-escalated": "false",
        "x-stepwell-cache": "miss",
        "x-stepwell-cost": "0.000125",
        "x-stepwell-policy-revision": "0123456789abcdef",
        "x-stepwell-model": "qwen2.5",
        "x-stepwell-variant": "small",
        "x-stepwell-confidence": "0.9312",
        "x-stepwell-audit-id": "producer-7",
    }


async def test_an_unknown_cost_is_never_shown_as_nothing(opened: Opener) -> None:
    asker = FakeAsker(lambda request: answered(request, cost_usd=None, degraded="capped\nrate"))
    response = await (await opened(asker)).post(PATH, json=ASK)
    assert response.headers["x-stepwell-cost"] == "unknown"
    assert response.headers["x-stepwell-degraded"] == "capped%0Arate"


async def test_ids_tenant_session_and_trace_reach_the_cascade(opened: Opener) -> None:
    asker = FakeAsker()
    headers = {
        "Idempotency-Key": "k1",
        "X-Request-Id": "c1",
        "X-Session-Id": "s",
        "X-Stepwell-Tenant": "acme",
        "traceparent": TRACE,
    }
    response = await (await opened(asker)).post(PATH, json=ASK, headers=headers)
    request = asker.asked[0]
    assert (request.id, request.session, request.tenant, asker.traces) == ("k1", "s", "acme", [TRACE])
    assert (response.headers["x-request-id"], response.headers["x-stepwell-request-id"]) == ("c1", "k1")
    assert asker.fresh == [False]


async def test_an_id_made_up_here_is_fresh_and_never_the_same(opened: Opener) -> None:
    asker = FakeAsker()
    caller = await opened(asker)
    for _ in range(2):
        await caller.post(PATH, json=ASK)
    assert asker.fresh == [True, True]
    assert len({request.id for request in asker.asked}) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "code", "http"),
    [("refused", "residency_refused", 400), ("failed", "target_timeout", 504), ("failed", "schema_not_satisfied", 422)],
)
async def test_what_ends_before_the_first_piece_is_a_clean_status(
    opened: Opener, stream: bool, status: str, code: str, http: int
) -> None:
    caller = await opened(FakeAsker(lambda request: ended(request, status, code)))
    response = await caller.post(PATH, json={**ASK, "stream": stream})
    assert (response.status, await code_of(response)) == (http, code)
    assert response.headers["x-stepwell-audit-id"] == "producer-7"


@pytest.mark.parametrize("stream", [False, True])
async def test_nobody_to_take_the_request_is_said_at_once(opened: Opener, stream: bool) -> None:
    class Nobody(FakeAsker):
        async def _answer(self, *_: Any) -> Any:
            raise NoWorker("no worker is there")

    response = await (await opened(Nobody())).post(PATH, json={**ASK, "stream": stream})
    assert (response.status, await code_of(response), response.headers["retry-after"]) == (503, "no_worker", "1")


async def test_a_stream_ends_with_done_and_its_pieces_are_events(opened: Opener) -> None:
    caller = await opened(FakeAsker(lambda request: answered(request, "one two"), pieces=["one", " two"]))
    response = await caller.post(PATH, json={**ASK, "stream": True, "stream_options": {"include_usage": True}})
    assert response.content_type == "text/event-stream"
    *events, done = await events_of(response)
    assert done == b"data: [DONE]"
    assert [event["choices"][0]["delta"].get("content") for event in events[:-1]] == ["one", " two", None]
    assert events[-1]["usage"]["total_tokens"] == 15


async def test_an_answer_that_came_whole_has_its_headers_also_when_streamed(opened: Opener) -> None:
    response = await (await opened(FakeAsker())).post(PATH, json={**ASK, "stream": True})
    assert response.headers["x-stepwell-variant"] == "small"
    assert (await events_of(response))[0]["choices"][0]["delta"]["content"] == "four"


@pytest.mark.parametrize(
    ("trouble", "code"),
    [(TargetTimeout("too slow"), "target_timeout"), (ZeroDivisionError("secret text"), "internal")],
)
async def test_a_failure_after_the_first_piece_is_a_last_event(opened: Opener, trouble: Exception, code: str) -> None:
    caller = await opened(FakeAsker(pieces=["one", trouble]))
    response = await caller.post(PATH, json={**ASK, "stream": True})
    body = await response.read()
    assert response.status == 200
    last = orjson.loads(body.split(b"\n\n")[-2][6:])
    assert last["error"]["code"] == code
    assert last["stepwell"]["request_id"] == response.headers["x-stepwell-request-id"]
    assert b"secret text" not in body
    assert b"[DONE]" not in body


async def test_a_stream_without_a_reply_at_its_end_is_not_passed_off_as_whole(opened: Opener) -> None:
    class Torn(FakeAsker):
        async def stream(self, request: Any, **options: Any) -> AsyncIterator[Any]:
            async for item in super().stream(request, **options):
                yield item
                return

    response = await (await opened(Torn(pieces=["one", "two"]))).post(PATH, json={**ASK, "stream": True})
    last = (await events_of(response))[-1]
    assert last["error"]["code"] == TransportUnavailable.code


async def gone(
    caller: aiohttp.ClientSession, body: dict[str, Any], asker: FakeAsker, headers: dict[str, str] | None = None
) -> None:
    """Ask, and hang up when the request is on its way."""
    asking = asyncio.ensure_future(caller.post(PATH, json=body, headers=headers))
    await asyncio.wait_for(asker.started.wait(), 5)
    asking.cancel()
    with suppress(asyncio.CancelledError):
        response = await asking
        response.close()


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_who_hangs_up_takes_the_request_back(opened: Opener, stream: bool) -> None:
    asker = FakeAsker(hold=True)
    await gone(await opened(asker), {**ASK, "stream": stream}, asker)
    await asyncio.wait_for(asker.taken_back.wait(), 5)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_caller_with_an_idempotency_key_may_hang_up_and_the_request_goes_on(
    opened: Opener, stream: bool
) -> None:
    asker = FakeAsker(hold=True)
    await gone(await opened(asker), {**ASK, "stream": stream}, asker, {"Idempotency-Key": "k1"})
    await asyncio.sleep(HANG_UP_S)
    asker.released.set()
    await asyncio.wait_for(asker.finished.wait(), 5)
    assert not asker.taken_back.is_set()


async def test_a_caller_who_hangs_up_in_the_middle_of_a_stream_takes_the_request_back(opened: Opener) -> None:
    asker = FakeAsker(pieces=["one"], hold=True)
    caller = await opened(asker)
    response = await caller.post(PATH, json={**ASK, "stream": True})
    await response.content.readuntil(b"\n\n")
    await asyncio.wait_for(asker.started.wait(), 5)
    response.close()
    await asyncio.wait_for(asker.taken_back.wait(), 5)


async def test_a_caller_who_does_not_read_is_let_go(opened: Opener) -> None:
    asker = FakeAsker(pieces=["x" * 100_000] * 400)
    caller = await opened(asker, limits=Limits(write_s=0.2))
    response = await caller.post(PATH, json={**ASK, "stream": True})
    await asyncio.wait_for(asker.taken_back.wait(), 10)
    response.close()


@pytest.mark.parametrize(
    ("body", "headers", "http", "code"),
    [
        (b"{", {}, 400, "invalid_request"),
        (b"[" * 10_000 + b"]" * 10_000, {}, 400, "invalid_request"),
        (b'{"messages":[],"store":true}', {}, 400, "unsupported_parameter"),
        (orjson.dumps({**ASK, "model": "gpt-4.1"}), {}, 404, "model_not_found"),
        (orjson.dumps({**ASK, "model": "nobody"}), {}, 404, "model_not_found"),
        (orjson.dumps({**ASK, "stepwell": {"route": "nobody"}}), {}, 404, "model_not_found"),
        (orjson.dumps(ASK), {"x-stepwell-tenant": "a.b"}, 400, "invalid_request"),
        (orjson.dumps(ASK), {"content-type": "text/plain"}, 400, "invalid_request"),
        (b"no gzip", {"content-encoding": "gzip"}, 400, "invalid_request"),
        (b"x" * 70_000, {}, 413, "request_too_large"),
        (gzip.compress(b" " * 20_000_000), {"content-encoding": "gzip"}, 413, "request_too_large"),
    ],
)
async def test_what_a_stranger_sends_wrongly_is_refused_cleanly_and_never_asked(
    opened: Opener, body: bytes, headers: dict[str, str], http: int, code: str
) -> None:
    asker = FakeAsker()
    caller = await opened(asker, limits=Limits(body_bytes=65_536))
    response = await caller.post(PATH, data=body, headers={"content-type": "application/json", **headers})
    assert (response.status, await code_of(response)) == (http, code)
    assert not asker.asked


async def test_a_body_that_is_too_large_is_told_how_large_it_may_be(opened: Opener) -> None:
    caller = await opened(FakeAsker(), limits=Limits(body_bytes=65_536))
    response = await caller.post(PATH, data=b"x" * 70_000, headers={"content-type": "application/json"})
    assert (await response.json())["error"]["message"] == (
        "the body is larger than the 65536 bytes that this door takes"
    )


async def connected(caller: aiohttp.ClientSession) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    base = caller._base_url
    assert base is not None
    return await asyncio.open_connection(base.host, base.port)


async def test_headers_that_drip_are_cut_off(opened: Opener) -> None:
    reader, writer = await connected(await opened(FakeAsker(), limits=Limits(idle_s=0.1)))
    writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: ")
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()


@pytest.mark.parametrize("headers", [{"x-long": "x" * 9000}, {f"x-{number}": "y" for number in range(70)}])
async def test_too_many_or_too_long_headers_are_refused(opened: Opener, headers: dict[str, str]) -> None:
    asker = FakeAsker()
    response = await (await opened(asker)).post(PATH, json=ASK, headers=headers)
    assert (response.status, await code_of(response)) == (431, "headers_too_large")
    assert not asker.asked


async def test_a_body_that_drips_is_cut_off(opened: Opener) -> None:
    caller = await opened(FakeAsker(), limits=Limits(body_s=0.1))
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n"
    reader, writer = await connected(caller)
    writer.write(head.encode() + b"{")
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 5)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 408")
    assert b'"request_timeout"' in answer


@pytest.mark.parametrize(
    ("path", "method", "http", "code"), [("/v2", "GET", 404, "not_found"), (PATH, "GET", 405, "method_not_allowed")]
)
async def test_a_wrong_path_or_method_has_the_error_shape_too(
    opened: Opener, path: str, method: str, http: int, code: str
) -> None:
    response = await (await opened(FakeAsker())).request(method, path)
    assert (response.status, await code_of(response)) == (http, code)


async def test_a_wrong_method_is_told_the_right_one(opened: Opener) -> None:
    response = await (await opened(FakeAsker())).get(PATH)
    assert (await response.json())["error"]["message"] == "this path takes POST and nothing else"


@pytest.mark.parametrize(
    ("method", "path", "anthropic"),
    [
        ("GET", "/v1/messages/nope", True),
        ("POST", "/v1/messages/count_tokens/nope/a/b", True),
        ("GET", "/v1/messages", True),
        ("POST", "/v1/messages/" + "x/" * 500, True),
        ("GET", "/v1/messagesnope", False),
        ("GET", "/v1/chat/completions/nope", False),
        ("GET", "/nope", False),
    ],
)
async def test_a_path_that_is_not_there_fails_in_the_shape_of_the_api_above_it(
    opened: Opener, method: str, path: str, anthropic: bool
) -> None:
    caller = await opened(FakeAsker())
    answer = await caller.request(method, path)
    assert answer.status in (404, 405)
    body = await answer.json()
    assert (body.get("type") == "error") is anthropic
    assert "error" in body


async def test_models_are_auto_the_routes_and_the_variants_of_the_policy_in_force(opened: Opener) -> None:
    names = Names(routes=("chat", "small"), variants=("small", "large"))
    caller = await opened(FakeAsker(), names=names)
    listed = (await (await caller.get("/v1/models")).json())["data"]
    assert [(model["id"], model["stepwell"]["kind"]) for model in listed] == [
        ("auto", "auto"),
        ("chat", "route"),
        ("small", "route"),
        ("large", "variant"),
    ]
    assert (await caller.get("/v1/models/large")).status == 200
    assert (await caller.get("/v1/models/huge")).status == 404
    pasted = await caller.get("/v1/models/sk-sw-abc-secret")
    assert pasted.status == 404
    assert "secret" not in await pasted.text(), "it may be a key"
    names.variants, names.revision = ("huge",), "another"
    assert (await caller.get("/v1/models/huge")).status == 200
    assert (await caller.get("/v1/models/large")).status == 404


async def test_a_variant_of_one_tenant_is_there_for_nobody_else(opened: Opener) -> None:
    caller = await opened(FakeAsker(), names=Names(own={"acme": "small-acme"}))

    async def ids(headers: dict[str, str]) -> list[str]:
        return [model["id"] for model in (await (await caller.get("/v1/models", headers=headers)).json())["data"]]

    acme, other = {"x-stepwell-tenant": "acme"}, {"x-stepwell-tenant": "other"}
    usual = ["auto", "chat", "labels", "small", "large"]
    assert (await ids(acme), await ids(other), await ids({})) == ([*usual, "small-acme"], usual, usual)
    assert (await caller.get("/v1/models/small-acme", headers=acme)).status == 200
    assert (await caller.get("/v1/models/small-acme", headers=other)).status == 404
    body = {"model": "small-acme", "messages": [{"role": "user", "content": "hi"}]}
    assert (await caller.post(PATH, json=body, headers=acme)).status == 200
    refused = await caller.post(PATH, json=body, headers=other)
    assert (refused.status, await code_of(refused)) == (404, "model_not_found")
    assert (await caller.get("/v1/models", headers={"x-stepwell-tenant": "a b"})).status == 400


async def test_ready_says_why_not_and_alive_says_nothing_of_it(opened: Opener) -> None:
    async def nobody() -> None:
        raise NoWorker("no worker is there")

    caller = await opened(FakeAsker(), ready=nobody)
    assert (await caller.get("/livez")).status == 200
    response = await caller.get("/readyz")
    assert (response.status, (await response.json())["code"]) == (503, "no_worker")
    assert (await (await opened(FakeAsker())).get("/readyz")).status == 200


async def test_a_probe_of_readiness_asks_nats_once_a_second_at_most(opened: Opener) -> None:
    asked: list[int] = []

    async def ping() -> None:
        asked.append(1)

    caller = await opened(FakeAsker(), ready=ping)
    for _ in range(5):
        assert (await caller.get("/readyz")).status == 200
    assert len(asked) == 1


async def test_metrics_count_requests_without_a_label_from_a_stranger(opened: Opener) -> None:
    caller = await opened(FakeAsker())
    await caller.post(PATH, json=ASK, headers={"x-stepwell-tenant": "acme"})
    await caller.get("/somewhere/secret")
    text = await (await caller.get("/metrics")).text()
    assert f'stepwell_http_request_seconds_count{{path="{PATH}",status="200"}} 1.0' in text
    assert 'path="other",status="404"' in text
    assert "acme" not in text
    assert "secret" not in text


async def test_a_defect_is_a_clean_500_and_its_text_is_in_no_log(
    opened: Opener, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(request: Request) -> Reply:
        raise ZeroDivisionError(request.messages[0].content)

    question = {**ASK, "messages": [{"role": "user", "content": "canary-" + str(4711)}]}
    with caplog.at_level(logging.DEBUG):
        response = await (await opened(FakeAsker(broken))).post(PATH, json=question)
    assert (response.status, await code_of(response)) == (500, "internal")
    assert "ZeroDivisionError" in caplog.text
    assert "canary-4711" not in caplog.text + await response.text()
