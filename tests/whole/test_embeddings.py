"""Vectors through the whole cascade; what holds for answers holds for them: who sees what, who pays, who takes over."""

import contextlib
import math
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import openai
import pytest
from servers import NatsServer
from stairs_house import House, Plans, house
from whole import whole

from pipeline.client import Client
from pipeline.contracts import Embed, LedgerEntry, Reply, Request
from pipeline.contracts.vectors import unpacked
from pipeline.gateway import Limits, build_door
from pipeline.gateway.catalogue import OfferSource
from pipeline.gateway.server import listening
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy

TEXTS = ("the cat sleeps", "a cat sleeps", "shares fell on Monday")
BUDGETS = """\
budgets:
  - {name: all, limit: {usd: 10}, when_away: allow}
"""
MASKS = """\
rules:
  - {id: hidden, when: 'true', action: mask, types: [EMAIL], reason: nobody needs it}
"""
DENIES = """\
rules:
  - {id: kept, when: 'target.name == "one" && "EMAIL" in req.types', action: deny, reason: it stays here}
"""


class Vectors(Plans):
    """A route `vectors` over scripted models that make vectors of one encoder, beside the route that answers."""

    rules = ""
    own = ""

    def files(self, url: str) -> dict[str, str]:
        files = super().files(url)
        answering, first, making = files["models"].partition("  one:\n")
        files["models"] = f"{answering}{first}" + making.replace(
            "capabilities: [chat, logprobs, json_schema, stream]",
            f"capabilities: [embedding]\n    vectors: {{encoder: scripted{self.own}}}",
        )
        tiers = files["routes"].partition("    tiers:\n")[2]
        chat = "  - name: chat\n    tiers:\n      - {variants: {answers: 1}}\n"
        vectors = f"  - name: vectors\n    kind: embedding\n    tiers:\n{tiers}"
        files["routes"] = f"apiVersion: stepwell/v1\nkind: Routes\nroutes:\n{chat}{vectors}"
        files["residency"] += self.rules
        return files


def plans(*models: str, tiers: Sequence[str] = ("{variants: {one: 1}}",), rules: str = "", own: str = "") -> Vectors:
    names = ("one", "two", "three")
    made = Vectors({"answers": "maxi", **dict(zip(names, models, strict=False))}, tiers, budgets=BUDGETS)
    made.rules, made.own = rules, own
    return made


async def embed(home: House, *texts: str, dimensions: int | None = None, **fields: object) -> Reply:
    given = {"route": "vectors", **fields, "embed": Embed(texts=texts or TEXTS, dimensions=dimensions)}
    return await home.client.ask(Request.model_validate(given))


async def settled(home: House) -> list[LedgerEntry]:
    lines = [LedgerEntry.model_validate_json(stored.body) async for stored in home.link.streams.scan("LEDGER")]
    return [line for line in lines if line.kind == "settle"]


@contextlib.asynccontextmanager
async def client_of(cascade: Client, policies: OfferSource) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client in front of a door to this cascade."""
    runner = await listening(build_door(lambda _: cascade, policies), "127.0.0.1", 0, Limits(), grace_s=0.5)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as official:
        yield official
    await runner.cleanup()


def cosine(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (math.hypot(*one) * math.hypot(*other))


# ---------------------------------------------------------------- what comes back


async def test_the_official_client_gets_vectors_of_the_encoder_that_comes_along(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    pytest.importorskip("onnxruntime")
    async with whole(tmp_path, nats, valkey_url) as cascade, client_of(cascade.client, cascade.sources[0]) as client:
        made = await client.embeddings.create(model="embeddings", input=["the cat sleeps", "a cat is asleep", "shares"])
        rows = [each.embedding for each in made.data]
        assert [len(row) for row in rows] == [384] * 3
        assert cosine(rows[0], rows[1]) > cosine(rows[0], rows[2])
        plain = await client.embeddings.create(model="embeddings", input="a cat is asleep", encoding_format="float")
        assert plain.data[0].embedding == pytest.approx(rows[1], abs=1e-6)
        assert made.model == "all-minilm-l6-v2-int8"
        assert made.usage.prompt_tokens == made.usage.total_tokens > 3


async def test_more_vectors_than_a_message_holds_come_back_whole(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    def hosted(folder: Path) -> None:
        models = (folder / "models.yaml").read_text().replace("builtin:", "${STEPWELL_SMALL_URL}")
        (folder / "models.yaml").write_text(models.replace("dimensions: 384", "dimensions: 2048, shortens: true"))

    async with whole(tmp_path, nats, valkey_url, change=hosted) as cascade:
        texts = tuple(f"word{n % 7}" for n in range(160))
        request = Request(route="embeddings", embed=Embed(texts=texts, dimensions=2048))
        reply = await cascade.client.ask(request)
        rows = reply.embeddings or ()
        assert (reply.status, len(rows), sum(map(len, rows)) > 1_700_000) == ("answered", 160, True)
        assert rows[:7] == rows[7:14]
        kept = await cascade.client.result(reply.id)
        assert kept is not None
        assert kept.embeddings == rows


async def test_the_vectors_stand_in_the_order_of_the_texts(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder")) as home:
        reply = await embed(home)
        rows = [unpacked(row) for row in reply.embeddings or ()]
        assert [len(row) for row in rows] == [64] * 3
        alone = [unpacked((await embed(home, text)).embeddings[0]) for text in TEXTS]  # type: ignore[index]
        assert rows == alone
        assert cosine(rows[0], rows[1]) > cosine(rows[0], rows[2])
        assert reply.served is not None
        assert (reply.served.route, reply.served.target, reply.content, reply.cache) == ("vectors", "one", None, "off")


async def test_a_request_without_a_name_finds_the_route_that_makes_vectors(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder")) as home:
        reply = await embed(home, route=None)
        assert reply.served is not None
        assert reply.served.route == "vectors"
        answer = await home.client.ask(Request(input="hello"))
        assert answer.served is not None
        assert answer.served.route == "chat"


async def test_fewer_numbers_are_made_where_the_model_can_do_that_and_refused_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "able").mkdir()
    async with house(tmp_path / "able", plans("embedder", own=", dimensions: 64, shortens: true")) as home:
        reply = await embed(home, dimensions=16)
        assert {len(unpacked(row)) for row in reply.embeddings or ()} == {16}
        more = await embed(home, dimensions=65)
        assert more.error is not None
        assert "at most 64 numbers" in more.error.message
    (tmp_path / "unable").mkdir()
    async with house(tmp_path / "unable", plans("embedder", own=", dimensions: 64")) as home:
        assert (await embed(home, dimensions=64)).status == "answered"
        refused = await embed(home, dimensions=16)
        assert refused.status == "refused"
        assert refused.error is not None
        assert "vectors of 64 numbers, and none of 16" in refused.error.message


# ---------------------------------------------------------------- answers and vectors are kept apart


async def test_vectors_are_not_asked_of_who_answers_nor_answers_of_who_makes_vectors(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder")) as home:
        for fields in ({"route": "chat"}, {"route": "answers"}, {"route": None, "pin": "answers"}):
            reply = await embed(home, **fields)
            assert reply.error is not None, fields
            assert (reply.error.code, "makes no vectors; name one of vectors" in reply.error.message) == (
                "invalid_request", True,
            )  # fmt: skip
        for fields in ({"route": "vectors"}, {"route": "one"}, {"pin": "one"}):
            reply = await home.client.ask(Request.model_validate({"input": "hello", **fields}))
            assert reply.error is not None, fields
            assert "makes vectors and does not answer; name one of chat" in reply.error.message
        assert home.called() == {}


# ---------------------------------------------------------------- who sees what


async def test_personal_data_in_a_text_is_hidden_as_in_a_question(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder", rules=MASKS)) as home:
        reply = await embed(home, "write to ada@example.org", "write to bob@example.org", "write to nobody")
        first, second, third = (unpacked(row) for row in reply.embeddings or ())
        assert first == second != third
        record = (await home.records())[-1]
        assert [(made.action, made.what, made.count) for made in record.attempts[0].shielded] == [("mask", "EMAIL", 2)]


async def test_a_target_that_may_not_see_one_of_the_texts_sees_none(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder", rules=DENIES)) as home:
        reply = await embed(home, "hello", "write to ada@example.org")
        assert (reply.status, reply.error and reply.error.code) == ("refused", "residency_refused")
        assert home.called() == {}
        assert (await embed(home, "hello")).status == "answered"


async def test_the_record_counts_the_texts_and_holds_none(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder")) as home:
        await embed(home, "a canary sings", "another one")
        record = (await home.records())[-1]
        assert record.inputs == 2
        written = record.model_dump_json()
        assert "canary" not in written
        assert "embeddings" not in written


# ---------------------------------------------------------------- who pays


async def test_vectors_are_paid_as_embeddings_by_their_input_alone(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder")) as home:
        reply = await embed(home)
        (line,) = await settled(home)
        assert (line.purpose, line.stage, line.target) == ("embedding", "draft", "one")
        assert (line.usage.input_tokens, line.usage.output_tokens) == (10, 0)
        assert line.usd == reply.cost_usd == pytest.approx(10e-6)


# ---------------------------------------------------------------- who takes over


async def test_a_fallback_takes_over_where_a_target_fails(tmp_path: Path) -> None:
    tiers = ("{variants: {one: 1}, fallbacks: [two]}",)
    async with house(tmp_path, plans("embedder-error", "embedder", tiers=tiers)) as home:
        reply = await embed(home)
        assert reply.served is not None
        assert (reply.status, reply.served.target, reply.attempts) == ("answered", "two", 2)


@pytest.mark.parametrize("broken", ["truncated", "contrary"])
async def test_what_is_no_vector_for_each_text_is_served_to_nobody(tmp_path: Path, broken: str) -> None:
    own = ", dimensions: 64"
    tiers = ("{variants: {one: 1}}", "{variants: {two: 1}}")
    (tmp_path / "two").mkdir()
    async with house(tmp_path / "two", plans(f"embedder-{broken}", "embedder", tiers=tiers, own=own)) as home:
        reply = await embed(home)
        assert reply.served is not None
        assert (reply.status, reply.served.target, len(reply.embeddings or ())) == ("answered", "two", 3)
        record = (await home.records())[-1]
        assert [made.error_code for made in record.attempts] == ["target_unavailable", None]
    (tmp_path / "one").mkdir()
    async with house(tmp_path / "one", plans(f"embedder-{broken}", own=own)) as home:
        failed = await embed(home)
        assert (failed.status, failed.embeddings) == ("failed", None)
        assert failed.error is not None
        assert failed.error.code == "target_unavailable"


async def test_what_is_about_answers_is_refused_beside_texts_to_embed(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder")) as home:
        for name, value in {"quality_floor": 0.5, "tools": ({"type": "function"},), "response_schema": {}}.items():
            reply = await embed(home, **{name: value})
            assert reply.error is not None, name
            assert (reply.error.code, reply.error.param) == ("unsupported_parameter", name)


# ---------------------------------------------------------------- through the door


async def test_errors_reach_the_official_client_as_its_own(tmp_path: Path) -> None:
    async with house(tmp_path, plans("embedder", rules=DENIES)) as home:
        policies = FixedPolicy(load_folder(tmp_path / "policies", {}))
        async with client_of(home.client, policies) as client:
            with pytest.raises(openai.NotFoundError):
                await client.embeddings.create(model="nobody", input="hi")
            with pytest.raises(openai.BadRequestError, match="makes no vectors"):
                await client.embeddings.create(model="chat", input="hi")
            with pytest.raises(openai.BadRequestError, match="may see this data"):
                await client.embeddings.create(model="vectors", input="write to ada@example.org")
            made = await client.embeddings.with_raw_response.create(model="vectors", input="hi")
            assert made.headers["x-stepwell-cost"] == "0.000001"
