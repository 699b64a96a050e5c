"""The cascade from a caller's side, on real parts: what is promised to those who ask."""

import asyncio
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML
from servers import NatsServer, until
from valkey_server import ValkeyServer, valkey_server
from whole import whole

from pipeline.audit.check import check
from pipeline.contracts import Budget, Chunk, Reply, Request, StageName
from pipeline.embedded.scripted.server import ScriptedServer

SPLIT: tuple[tuple[StageName, ...], ...] = (
    ("classify",),
    ("plan",),
    ("recall",),
    ("draft",),
    ("check",),
    ("escalate",),
    ("audit",),
)
CARD = "My card 4111 1111 1111 1111 was charged twice."
SCHEMA = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "nights": {"type": "integer"}},
    "required": ["city", "nights"],
    "additionalProperties": False,
}


def stairs(reply: Reply) -> list[str]:
    return [step.partition(":")[2] for step in reply.path]


async def test_a_sure_draft_is_served_and_the_large_model_is_not_asked(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        reply = await house.client.ask(Request(input="Why is the sky blue?"))
        assert (reply.status, reply.attempts, reply.escalated) == ("answered", 1, False)
        assert stairs(reply)[:5] == ["classified", "planned", "miss", "drafted", "accepted"]
        assert reply.served is not None
        assert reply.served.variant == "small"
        assert reply.cost_usd is not None
        assert reply.cost_usd > 0
        assert house.calls()["billed"] == {"mini": 1}


async def test_an_unsure_draft_escalates_and_both_attempts_are_charged(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, small="unsure") as house:
        reply = await house.client.ask(Request(input="Why is the sea salty?"))
        assert (reply.status, reply.attempts, reply.escalated) == ("answered", 2, True)
        assert reply.served is not None
        assert reply.served.variant == "large"
        (record,) = await house.records()
        assert [attempt.variant for attempt in record.attempts] == ["small", "large"]
        assert reply.cost_usd == pytest.approx(sum(attempt.cost_usd or 0 for attempt in record.attempts))


async def test_the_same_question_is_answered_from_memory_the_second_time(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        first = await house.client.ask(Request(input="What is a stepwell?"))
        await asyncio.sleep(0.1)
        second = await house.client.ask(Request(input="What is a stepwell?"))
        assert (first.cache, second.cache) == ("miss", "hit")
        assert second.content == first.content
        assert second.cost_usd == 0
        assert house.calls()["calls"] == 1


@pytest.mark.parametrize(
    "other",
    [
        {"tenant": "other"},
        {"parameters": {"temperature": 0.9}},
        {"messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a stepwell?"}]},
        {"cache": "off"},
    ],
)
async def test_another_tenant_prompt_or_parameter_is_never_a_hit(
    other: dict[str, object], tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    from pipeline.client import Client

    async with whole(tmp_path, nats, valkey.url) as house:
        await house.client.ask(Request(input="What is a stepwell?"))
        await asyncio.sleep(0.1)
        body = {"messages": [{"role": "user", "content": "What is a stepwell?"}], **other}
        tenant = str(body.pop("tenant", "default"))
        request = Request.model_validate_json(json.dumps(body))
        reply = await Client(house.link, tenant).ask(request)
        assert reply.cache != "hit"


async def test_personal_data_from_the_eu_is_refused_abroad_and_no_byte_leaves(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        reply = await house.client.ask(Request(input=CARD, origin="EU", route="abroad"))
        assert (reply.status, reply.content) == ("refused", None)
        assert reply.error is not None
        assert (reply.error.code, reply.error.rule) == ("residency_refused", "eu-data-stays-in-eu")
        assert house.calls()["calls"] == 0
        (record,) = await house.records()
        assert {finding.type for finding in record.findings} == {"CREDIT_CARD"}
        assert "4111" not in record.model_dump_json()


def only_mails_are_hidden(policies: Path) -> None:
    """Without the names tier names cannot be hidden, so the policy is content with addresses."""
    yaml = YAML()
    residency = yaml.load(policies / "residency.yaml")
    rule = next(rule for rule in residency["rules"] if rule["id"] == "confidential-is-pseudonymised")
    rule["types"] = ["EMAIL"]
    residency["examples"] = []
    yaml.dump(residency, policies / "residency.yaml")


async def test_personal_data_from_elsewhere_goes_abroad_under_pseudonyms_or_not_at_all(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    mail = "odalys.brandvold@example.org"
    asked = Request(input=f"Write to {mail} today.", origin="US", route="abroad", cache="off")
    async with whole(tmp_path, nats, valkey.url) as house:
        refused = await house.client.ask(asked)
        assert refused.error is not None
        assert (refused.error.code, refused.error.rule) == ("residency_refused", "confidential-is-pseudonymised")
        assert "names were not looked for" in refused.error.message

        only_mails_are_hidden(house.policies)
        async with asyncio.timeout(20):
            while (reply := await house.client.ask(asked)).status != "answered":
                await asyncio.sleep(0.2)
        record = (await house.records())[-1]
        (attempt,) = record.attempts
        assert [(entry.action, entry.what, entry.count) for entry in attempt.shielded] == [("pseudonymise", "EMAIL", 1)]
        assert reply.served is not None
        assert reply.served.target == "us-large"
        assert mail not in record.model_dump_json()


async def test_the_same_data_is_answered_by_our_own_models(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        reply = await house.client.ask(Request(input=CARD, origin="EU"))
        assert reply.status == "answered"
        (record,) = await house.records()
        assert record.data_class == "restricted"


async def test_a_schema_is_satisfied_and_the_reply_carries_the_object(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        reply = await house.client.ask(Request(input="Three nights in Oslo, please.", response_schema=SCHEMA))
        assert reply.status == "answered"
        assert isinstance(reply.parsed, dict)
        assert set(reply.parsed) == {"city", "nights"}


async def test_an_answer_that_never_satisfies_its_schema_is_a_typed_failure(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, small="wrong-json", large="large-wrong-json") as house:
        reply = await house.client.ask(Request(input="Three nights in Oslo, please.", response_schema=SCHEMA))
        assert (reply.status, reply.content) == ("failed", None)
        assert reply.error is not None
        assert reply.error.code == "schema_not_satisfied"


async def test_a_dead_small_model_escalates(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    async with whole(tmp_path, nats, valkey.url, small="error") as house:
        reply = await house.client.ask(Request(input="Hello?"))
        assert reply.status == "answered"
        assert "draft:unavailable" in reply.path


async def test_a_dead_large_model_leaves_the_draft_marked_as_degraded(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, small="unsure", large="error-large") as house:
        reply = await house.client.ask(Request(input="Hello?"))
        assert reply.status == "answered"
        assert reply.degraded


async def test_a_stream_of_an_accepted_draft_says_what_the_reply_says(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url) as house:
        items = [item async for item in house.client.stream(Request(input="Tell me a story."))]
        text = "".join(item.text for item in items if isinstance(item, Chunk))
        assert isinstance(items[-1], Reply)
        assert text == items[-1].content


async def test_the_last_tier_streams_while_it_generates(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    async with whole(tmp_path, nats, valkey.url, large="drip-large") as house:
        loop = asyncio.get_running_loop()
        times = []
        async for item in house.client.stream(Request(input="Tell me a story.", pin="large")):
            if isinstance(item, Chunk):
                times.append(loop.time())
        assert len(times) > 3
        assert times[-1] - times[0] > 0.05


async def test_cancelling_reaches_the_model_server(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    async with whole(tmp_path, nats, valkey.url, small="hang") as house:
        asking = asyncio.create_task(house.client.ask(Request(input="Hello?")))
        await until(lambda: house.calls()["running"] == 1)
        asking.cancel()
        await until(lambda: house.calls()["running"] == 0)
        assert house.calls()["aborted"] == 1


async def test_a_deadline_ends_a_hanging_model_with_a_reply(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, small="hang", large="hang-large") as house:
        reply = await house.client.ask(Request(input="Hello?", budget=Budget(deadline_ms=400)))
        assert reply.status == "failed"
        assert reply.error is not None
        assert reply.error.code in ("deadline_exceeded", "target_timeout")
        await until(lambda: house.calls()["running"] == 0)


async def test_every_deployment_gives_the_same_stairs(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    """Seven workers with a durable queue between all of them decide as one worker does."""
    async with whole(tmp_path, nats, valkey.url, sets=SPLIT, small="unsure") as house:
        reply = await house.client.ask(Request(input="Why is the deep sea cold?"))
        expected = ["classified", "planned", "miss", "drafted", "rejected", "escalated", "accepted"]
        assert stairs(reply)[:7] == expected
        assert reply.attempts == 2


async def test_without_valkey_answers_continue(tmp_path: Path, nats: NatsServer) -> None:
    with valkey_server() as doomed:
        async with whole(tmp_path, nats, doomed.url) as house:
            assert (await house.client.ask(Request(input="Hello?"))).status == "answered"
            doomed.kill()
            replies = [await house.client.ask(Request(input="Hello?")) for _ in range(3)]
    assert [reply.status for reply in replies] == ["answered"] * 3
    assert {reply.cache for reply in replies} == {"miss"}


async def test_a_changed_policy_is_in_force_without_a_restart_and_a_broken_one_never(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer
) -> None:
    async with whole(tmp_path, nats, valkey.url, small="unsure") as house:
        before = await house.client.ask(Request(input="one"))
        routes = house.policies / "routes.yaml"
        text = routes.read_text()
        routes.write_text(text.replace("kind: Routes", "kind: Routes\nnonsense: 1"))
        await asyncio.sleep(0.6)
        assert (await house.client.ask(Request(input="two"))).policy_revision == before.policy_revision
        routes.write_text(text.replace("confidence: 0.75", "confidence: 0.0"))
        async with asyncio.timeout(5):
            while (after := await house.client.ask(Request(input="three"))).policy_revision == before.policy_revision:
                await asyncio.sleep(0.1)
        assert (before.escalated, after.escalated) == (True, False)
        assert next(record.policy_revision for record in await house.records()) == before.policy_revision


async def test_a_redelivery_never_pays_a_model_twice(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker fails after the draft was paid, as if it had died; the next delivery reads the journal."""
    from stages.check import Check

    original, failures = Check.handle, iter((True, False))

    async def once(self: Check, envelope: object, run: object) -> object:
        if next(failures, False):
            raise RuntimeError("as if the worker had died")
        return await original(self, envelope, run)  # type: ignore[arg-type]

    monkeypatch.setattr(Check, "handle", once)
    forgetful = ScriptedServer(remember_keys=False)
    async with whole(tmp_path, nats, valkey.url, models=forgetful) as house:
        reply = await house.client.ask(Request(input="Hello?"))
        assert reply.status == "answered"
        assert house.calls()["billed_total"] == 1
        (record,) = await house.records()
        assert [attempt.replayed for attempt in record.attempts] == [True]


async def test_the_log_of_all_of_it_verifies(tmp_path: Path, nats: NatsServer, valkey: ValkeyServer) -> None:
    async with whole(tmp_path, nats, valkey.url, small="small") as house:
        await asyncio.gather(*(house.client.ask(Request(input=f"question {number}")) for number in range(40)))
        report = await check(house.link.streams)
        assert (report.ok, report.records, report.receipts) == (True, 40, 40)


async def test_a_secret_in_a_prompt_is_found_in_no_record_and_no_log(
    tmp_path: Path, nats: NatsServer, valkey: ValkeyServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    canary = "canary-7f3a9-value"
    async with whole(tmp_path, nats, valkey.url, small="error", large="reject-large") as house:
        await house.client.ask(Request(input=f"Remember {canary}", metadata={"note": canary}))
        async for stored in house.link.streams.scan("AUDIT"):
            assert canary.encode() not in stored.body
    assert canary not in caplog.text
