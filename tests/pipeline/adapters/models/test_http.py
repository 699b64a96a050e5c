"""The client against endpoints that misbehave."""

import asyncio
from dataclasses import replace

import pytest
from aiohttp import web
from fakes_models import permitted, target

from pipeline.adapters.models import HttpModelClient
from pipeline.embedded.scripted import ScriptedServer
from pipeline.errors import Cancelled, TargetOverloaded, TargetRejected, TargetTimeout, TargetUnavailable
from pipeline.policy.models import Breaker, Retry
from pipeline.ports import ModelCall

ONE_TRY = Retry(tries=1)
LAST_WORD = b'data: {"choices":[{"delta":{"content":"hi"},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
GOOD = b'{"model":"m","choices":[{"message":{"content":"fine"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1}}'


def stats(server: ScriptedServer) -> dict:
    return dict(server.ledger.stats())


async def settled(server: ScriptedServer) -> dict:
    for _ in range(100):
        if stats(server)["running"] == 0:
            break
        await asyncio.sleep(0.01)
    return stats(server)


async def take_all(pieces: list[str], client: HttpModelClient, call: ModelCall):
    async def sink(text: str) -> bool:
        pieces.append(text)
        return True

    return await client.complete(call, sink)


# ---------------------------------------------------------------- retries


async def test_a_try_that_failed_is_made_again_under_the_same_key_and_billed_once(desks, server) -> None:
    desk = desks(url=server.url)
    done = [await desk.client.complete(desk.call("flaky", idempotency_key=f"k{i}")) for i in range(8)]
    assert {answer.calls for answer in done} == {1, 2}
    seen = stats(server)
    assert seen["billed_total"] == 8
    assert seen["double_billed"] == []
    assert len(desk.pauses) == sum(answer.calls - 1 for answer in done)
    assert all(0 < pause <= 0.2 for pause in desk.pauses)


async def test_tries_end_where_the_policy_says(desks, server) -> None:
    desk = desks(Retry(tries=3), url=server.url)
    with pytest.raises(TargetUnavailable) as caught:
        await desk.client.complete(desk.call("error"))
    assert caught.value.calls == 3
    assert not caught.value.charged
    assert stats(server)["calls"] == 3


async def test_what_was_refused_is_not_asked_again(desks, server) -> None:
    desk = desks(url=server.url)
    with pytest.raises(TargetRejected):
        await desk.client.complete(desk.call("reject"))
    assert stats(server)["calls"] == 1


async def test_a_named_pause_is_kept_and_other_calls_keep_it_too(desks, server) -> None:
    desk = desks(Retry(tries=2), url=server.url)
    with pytest.raises(TargetOverloaded) as caught:
        await desk.client.complete(desk.call("429"))
    assert caught.value.retry_after_s == 1.0
    assert len(desk.pauses) == 1
    assert desk.pauses[0] >= 1.0
    assert stats(server)["calls"] == 2
    with pytest.raises(TargetOverloaded):  # the second 429 is still fresh
        await desks_call_without_patience(desk)
    assert stats(server)["calls"] == 2


async def desks_call_without_patience(desk) -> None:
    await desk.client.complete(desk.call("429", deadline_s=0.5))


async def test_a_pause_longer_than_the_deadline_is_not_waited_for(desks, server) -> None:
    desk = desks(url=server.url)
    with pytest.raises(TargetOverloaded):
        await desk.client.complete(desk.call("429", deadline_s=0.9))
    assert desk.pauses == []


async def test_in_a_storm_of_failures_retries_stay_a_tenth_of_the_calls(desks, server) -> None:
    desk = desks(Retry(tries=3, share=0.1), url=server.url)
    results = await asyncio.gather(
        *(desk.client.complete(desk.call("error", idempotency_key=f"k{i}")) for i in range(200)),
        return_exceptions=True,
    )
    assert all(isinstance(result, TargetUnavailable) for result in results)
    assert 200 + 10 <= stats(server)["calls"] <= 200 * 1.1 + 10


# ---------------------------------------------------------------- limits of time


async def test_an_endpoint_that_says_nothing_runs_out_of_first_token_time(desks, server) -> None:
    desk = desks(url=server.url)
    with pytest.raises(TargetTimeout, match=r"0\.1 s for the first token"):
        await desk.client.complete(desk.call("hang", spec={"timeouts": {"first_token": 0.1, "total": 4.0}}))
    assert (await settled(server))["aborted"] == 1


async def test_an_endpoint_that_falls_silent_runs_out_of_idle_time(desks, server) -> None:
    desk = desks(url=server.url)
    with pytest.raises(TargetTimeout, match=r"0\.1 s for the next token") as caught:
        await desk.client.complete(desk.call("stall", spec={"timeouts": {"idle": 0.1, "total": 5.0}}))
    assert caught.value.charged
    assert caught.value.calls == 1, "what took its whole time is not tried again"


async def test_tokens_that_keep_coming_do_not_run_out_of_idle_time(desks, server) -> None:
    desk = desks(url=server.url)
    done = await desk.client.complete(desk.call("drip", spec={"timeouts": {"idle": 0.15, "total": 5.0}}))
    assert done.latency_ms >= 0
    assert done.finish_reason == "stop"


async def test_a_caller_who_takes_its_time_is_not_the_endpoints_fault(desks, server) -> None:
    desk = desks(ONE_TRY, url=server.url)

    async def slow(text: str) -> bool:
        await asyncio.sleep(0.2)
        return True

    call = desk.call("drip", spec={"timeouts": {"idle": 0.12, "total": 4.0}})
    assert (await desk.client.complete(call, slow)).finish_reason == "stop"


async def test_the_whole_answer_has_a_limit(desks, server) -> None:
    desk = desks(url=server.url)
    with pytest.raises(TargetTimeout, match=r"0\.1 s for the whole answer"):
        await desk.client.complete(desk.call("hang", spec={"timeouts": {"total": 0.1}}))


async def test_an_endpoint_that_is_not_there_cannot_be_reached(desks) -> None:
    desk = desks(ONE_TRY)
    with pytest.raises(TargetUnavailable, match="cannot be reached") as caught:
        await desk.client.complete(desk.call("large"))
    assert not caught.value.charged


async def test_without_time_nothing_is_sent(desks, server) -> None:
    desk = desks(url=server.url)
    with pytest.raises(TargetTimeout):
        await desk.client.complete(desk.call("large", deadline_s=0.0))
    assert stats(server)["calls"] == 0


# ---------------------------------------------------------------- broken answers


async def test_a_stream_that_breaks_off_unseen_is_tried_again(desks, server) -> None:
    desk = desks(Retry(tries=2), url=server.url)
    with pytest.raises(TargetUnavailable) as caught:
        await desk.client.complete(desk.call("truncated", spec={"timeouts": {"idle": 5.0}}))
    assert caught.value.calls == 2
    assert caught.value.charged


@pytest.mark.parametrize("model", ["truncated-drip", "midway-drip"])
async def test_once_text_was_handed_on_nothing_is_tried_again(desks, server, model: str) -> None:
    desk, pieces = desks(Retry(tries=3), url=server.url), []
    with pytest.raises(TargetUnavailable) as caught:
        await take_all(pieces, desk.client, desk.call(model))
    assert pieces
    assert caught.value.calls == 1
    assert stats(server)["calls"] == 1


async def test_a_plain_answer_that_was_cut_says_so(desks, server) -> None:
    desk = desks(url=server.url)
    assert (await desk.client.complete(desk.call("truncated"))).finish_reason == "length"


@pytest.mark.parametrize("payload", [b"<html>busy</html>", b"{}", b'{"error":{"message":"hello there"}}', b""])
async def test_what_is_no_completion_counts_as_unavailable_and_is_not_quoted(desks, serve, payload: bytes) -> None:
    async def odd(_request: web.Request) -> web.Response:
        return web.Response(body=payload, content_type="application/json")

    desk = desks(ONE_TRY, url=await serve(odd))
    with pytest.raises(TargetUnavailable) as caught:
        await desk.client.complete(desk.call("m"))
    assert "busy" not in caught.value.message
    assert "hello" not in caught.value.message


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
async def test_a_refusal_is_not_quoted_either(desks, serve, status: int) -> None:
    async def quoting(request: web.Request) -> web.Response:
        return web.Response(body=await request.read(), status=status)

    desk = desks(url=await serve(quoting))
    with pytest.raises(TargetRejected) as caught:
        await desk.client.complete(desk.call("m", "my secret"))
    assert str(status) in caught.value.message
    assert "secret" not in caught.value.message


async def test_redirects_are_not_followed(desks, serve) -> None:
    """They could lead where the residency policy never looked."""
    visited = []

    async def elsewhere(request: web.Request) -> web.Response:
        visited.append(request.path)
        return web.Response(status=307, headers={"Location": "/elsewhere"})

    desk = desks(url=await serve(elsewhere))
    with pytest.raises(TargetRejected, match="307"):
        await desk.client.complete(desk.call("m"))
    assert visited == ["/v1/chat/completions"]


async def test_an_endless_answer_is_broken_off(desks, serve, monkeypatch) -> None:
    monkeypatch.setattr("pipeline.adapters.models.exchange.LARGEST_ANSWER", 100_000)

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        while True:
            await response.write(b'data: {"choices":[{"delta":{"content":"and on "}}]}\n\n' * 200)

    desk = desks(ONE_TRY, url=await serve(endless))
    with pytest.raises(TargetUnavailable, match="100000 bytes"):
        await desk.client.complete(desk.call("m", spec={"timeouts": {"idle": 1.0}}))


async def test_a_stream_that_ends_in_good_order_but_gives_no_reason_is_no_answer(desks, serve) -> None:
    async def quiet(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices":[{"delta":{"content":"half of"}}]}\n\n')
        return response

    desk = desks(ONE_TRY, url=await serve(quiet))
    with pytest.raises(TargetUnavailable, match="broke off"):
        await desk.client.complete(desk.call("m", spec={"timeouts": {"idle": 1.0}}))


async def test_an_endpoint_that_ignores_the_wish_for_a_stream_is_understood(desks, serve) -> None:
    async def plain(_request: web.Request) -> web.Response:
        return web.Response(body=GOOD, content_type="application/json")

    desk, pieces = desks(url=await serve(plain)), []
    done = await take_all(pieces, desk.client, desk.call("m"))
    assert pieces == ["fine"] == [done.text]


async def test_a_stream_that_never_closes_after_its_end_is_let_go(desks, serve) -> None:
    async def clinging(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(LAST_WORD)
        await asyncio.sleep(30)
        return response

    desk = desks(url=await serve(clinging))
    async with asyncio.timeout(2):
        done = await desk.client.complete(desk.call("m", spec={"timeouts": {"idle": 1.0}}))
    assert done.text == "hi"
    assert not done.usage_reported


# ---------------------------------------------------------------- what is sent


async def test_the_key_the_idempotency_key_and_the_trace_travel_as_headers(desks, serve) -> None:
    seen = []

    async def note(request: web.Request) -> web.Response:
        seen.append(request.headers.copy())
        return web.Response(body=GOOD, content_type="application/json")

    desk = desks(url=await serve(note))
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    call = desk.call("m", spec={"api_key": "s3cret"}, idempotency_key="t.r.draft-1", traceparent=trace)
    assert (await desk.client.complete(call)).text == "fine"
    assert seen[0]["Authorization"] == "Bearer s3cret"
    assert seen[0]["Idempotency-Key"] == "t.r.draft-1"
    assert seen[0]["traceparent"] == trace


@pytest.mark.parametrize("timeouts", [{}, {"idle": 5.0}])
async def test_connections_are_kept_and_used_again(
    desks, serve, timeouts: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.adapters.models.exchange._FAREWELL_S", 5.0)  # a busy machine is no part of this
    peers = set()

    async def note(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        peers.add(request.transport.get_extra_info("peername"))
        if not timeouts:
            return web.Response(body=GOOD, content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(LAST_WORD)
        await asyncio.sleep(0.02)  # the end of the stream comes later than its last event
        return response

    desk = desks(url=await serve(note))
    for _ in range(5):
        await desk.client.complete(desk.call("m", spec={"timeouts": timeouts}))
    assert len(peers) == 1


async def test_the_client_follows_a_changed_definition_of_a_target(desks, serve) -> None:
    async def named(request: web.Request) -> web.Response:
        return web.json_response({"choices": [{"message": {"content": (await request.json())["model"]}}]})

    desk = desks(url=await serve(named))
    first = desk.call("one")
    second = desk.call("one", permit=permitted("one", target("two", desk.url)))
    assert [(await desk.client.complete(call)).text for call in (first, second, first)] == ["one", "two", "one"]


# ---------------------------------------------------------------- breaker and slots


async def test_a_target_that_keeps_failing_is_left_alone_and_tried_again_later(desks, server) -> None:
    desk = desks(ONE_TRY, Breaker(streak=3, open=10.0, probes=1), url=server.url)
    for i in range(5):
        with pytest.raises(TargetUnavailable) as caught:
            await desk.client.complete(desk.call("error", idempotency_key=f"k{i}"))
    assert stats(server)["calls"] == 3
    assert "left alone" in caught.value.message
    assert not desk.client.healthy("error")
    desk.clock.time += 13.0
    assert desk.client.healthy("error")
    recovered = desk.call("error", permit=permitted("error", target("large-fast", desk.url)))
    assert (await desk.client.complete(recovered)).text
    assert desk.client.healthy("error")


async def test_an_open_breaker_ends_the_retries(desks, server) -> None:
    desk = desks(Retry(tries=9), Breaker(streak=2), url=server.url)
    with pytest.raises(TargetUnavailable):
        await desk.client.complete(desk.call("error"))
    assert stats(server)["calls"] == 2


@pytest.mark.parametrize(("model", "error"), [("429", TargetOverloaded), ("reject", TargetRejected)])
async def test_a_busy_or_refusing_endpoint_is_not_a_broken_one(desks, server, model: str, error: type) -> None:
    desk = desks(ONE_TRY, Breaker(streak=2), url=server.url)
    for i in range(4):
        with pytest.raises(error):
            await desk.client.complete(desk.call(model, idempotency_key=f"k{i}"))
        desk.clock.time += 2.0
    assert stats(server)["calls"] == 4
    assert desk.client.healthy(model)


async def test_a_callers_short_deadline_is_not_held_against_the_target(desks, server) -> None:
    desk = desks(ONE_TRY, Breaker(streak=2), url=server.url)
    for i in range(3):
        with pytest.raises(TargetTimeout, match="the deadline"):
            await desk.client.complete(desk.call("hang", deadline_s=0.05, idempotency_key=f"k{i}"))
    assert desk.client.healthy("hang")


async def test_no_more_calls_run_than_the_target_has_slots(desks, server) -> None:
    desk = desks(url=server.url)
    await asyncio.gather(
        *(desk.client.complete(desk.call("drip", spec={"slots": 3}, idempotency_key=f"k{i}")) for i in range(9))
    )
    assert stats(server)["max_concurrency"] == 3


async def test_who_gets_no_slot_before_the_deadline_hears_so(desks, server) -> None:
    desk = desks(ONE_TRY, url=server.url)
    holding = asyncio.create_task(desk.client.complete(desk.call("hang", spec={"slots": 1})))
    while stats(server)["calls"] == 0:
        await asyncio.sleep(0.01)
    with pytest.raises(TargetOverloaded, match="no free slot"):
        await desk.client.complete(desk.call("hang", spec={"slots": 1}, deadline_s=0.05, idempotency_key="k2"))
    holding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await holding
    assert (await settled(server))["aborted"] == 1


async def test_a_cancelled_call_gives_its_slot_back(desks, server) -> None:
    desk = desks(url=server.url)
    for i in range(3):
        task = asyncio.create_task(desk.client.complete(desk.call("hang", spec={"slots": 1}, idempotency_key=f"k{i}")))
        while stats(server)["running"] == 0:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await settled(server)
    assert stats(server)["aborted"] == 3


async def test_a_call_that_waits_for_a_slot_is_not_opened_before_it_has_one(desks, server) -> None:
    desk, opened = desks(url=server.url), []

    def call(name: str, **others: object) -> ModelCall:
        made = desk.call("hang", spec={"slots": 1}, idempotency_key=name, **others)

        async def opens() -> None:
            opened.append(name)

        return replace(made, opens=opens)

    holding = asyncio.create_task(desk.client.complete(call("first")))
    while stats(server)["calls"] == 0:
        await asyncio.sleep(0.01)
    assert not desk.client.free("hang", "interactive")
    stopped = asyncio.create_task(desk.client.complete(call("stopped")))
    with pytest.raises(TargetOverloaded, match="no free slot"):
        await desk.client.complete(call("late", deadline_s=0.05))
    stopped.cancel()
    await asyncio.gather(stopped, return_exceptions=True)
    assert opened == ["first"]
    following = asyncio.create_task(desk.client.complete(call("following")))
    await asyncio.sleep(0.05)
    assert opened == ["first"]
    holding.cancel()
    while stats(server)["calls"] == 1:
        await asyncio.sleep(0.01)
    assert opened == ["first", "following"]
    following.cancel()
    await asyncio.gather(holding, following, return_exceptions=True)


async def test_a_call_whose_time_went_by_while_it_was_opened_is_not_sent(desks, server) -> None:
    async def slowly() -> None:
        await asyncio.sleep(0.06)

    desk = desks(ONE_TRY, url=server.url)
    with pytest.raises(TargetTimeout, match="no time was left"):
        await desk.client.complete(replace(desk.call("large", deadline_s=0.05), opens=slowly))
    assert stats(server)["calls"] == 0


async def test_a_call_that_is_tried_again_is_opened_once(desks, server) -> None:
    opened = []

    async def opens() -> None:
        opened.append(stats(server)["calls"])

    desk = desks(url=server.url)
    for number in range(6):
        await desk.client.complete(replace(desk.call("flaky", idempotency_key=f"k{number}"), opens=opens))
    assert len(opened) == 6
    assert stats(server)["calls"] > 6


# ---------------------------------------------------------------- how far a call came, for whoever pays


async def test_an_answered_call_owes_nothing_but_what_it_reported(desks, server) -> None:
    call = (desk := desks(url=server.url)).call("large")
    await desk.client.complete(call)
    assert (call.progress.running, call.progress.lost) == (None, [])


@pytest.mark.parametrize("model", ["error", "429", "reject"])
async def test_what_an_endpoint_refused_or_never_saw_is_not_charged(desks, server, model: str) -> None:
    for url in (server.url, "http://127.0.0.1:1/v1"):
        desk = desks(ONE_TRY, url=url)
        call = desk.call(model)
        with pytest.raises((TargetUnavailable, TargetOverloaded, TargetRejected)):
            await desk.client.complete(call)
        assert (call.progress.running, call.progress.lost) == (None, [])


async def test_a_stream_that_is_left_says_what_had_come(desks, server) -> None:
    desk, pieces = desks(url=server.url), []

    async def leaving(text: str) -> bool:
        pieces.append(text)
        return len(pieces) < 3

    call = desk.call("drip-large")
    with pytest.raises(Cancelled):
        await desk.client.complete(call, leaving)
    running = call.progress.running
    assert running is not None
    assert running.characters == len("".join(pieces))
    assert running.pieces >= 3
    assert not running.unseen


async def test_a_plain_call_that_is_stopped_says_that_nobody_saw_how_far_it_was(desks, server) -> None:
    desk = desks(ONE_TRY, url=server.url)
    call = desk.call("hang", deadline_s=0.2)
    with pytest.raises(TargetTimeout):
        await desk.client.complete(call)
    assert call.progress.running is not None
    assert call.progress.running.unseen


async def test_tries_that_broke_off_and_were_made_again_are_owed_too(desks, server) -> None:
    desk = desks(Retry(tries=2), url=server.url)
    call = desk.call("truncated", spec={"timeouts": {"idle": 5.0}})
    with pytest.raises(TargetUnavailable) as caught:
        await desk.client.complete(call)
    assert caught.value.charged
    assert len(call.progress.lost) == 1
    assert call.progress.lost[0].characters > 0
    assert call.progress.running is not None


async def test_a_target_that_says_it_is_busy_gets_fewer_calls_at_a_time(desks, serve) -> None:
    at_once, most = 0, 0

    async def counting(_request: web.Request) -> web.Response:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await asyncio.sleep(0.02)
        at_once -= 1
        return web.Response(status=429)

    desk = desks(ONE_TRY, url=await serve(counting))
    for round_ in range(3):
        most = 0
        calls = (desk.call("m", idempotency_key=f"{round_}.{i}") for i in range(16))
        await asyncio.gather(*(desk.client.complete(call) for call in calls), return_exceptions=True)
    assert most < 8, "of eight slots"
