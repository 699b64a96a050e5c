"""Vectors through the whole cascade, and what holds for them as for answers: who sees what, who pays, who takes over."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import openai
import pytest
from ruamel.yaml import YAML
from servers import NatsServer
from whole import Whole, whole

from pipeline.contracts import Embed, LedgerEntry, Request
from pipeline.contracts.vectors import unpacked
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening

Change = Callable[[Path], None]
PRICE = {"input": 100, "output": 0, "source": "test", "as_of": "2026-11-01"}


def edited(folder: Path, name: str, edit: Callable[[Any], None]) -> None:
    yaml = YAML()
    document = yaml.load(folder / name)
    edit(document)
    yaml.dump(document, folder / name)


def hosted(*models: str, **of_target: Any) -> Change:
    """The route `embeddings` over scripted models, the first of them with the others as fallbacks or next tiers."""

    def change(folder: Path) -> None:
        def targets(document: Any) -> None:
            for place, model in enumerate(models):
                name = f"hosted-{place}"
                document["targets"][name] = {
                    **dict(document["targets"]["us-large"]),
                    "model": model,
                    "jurisdiction": "EU",
                    "external": False,
                    "capabilities": ["embedding"],
                    "vectors": {"encoder": "scripted", "dimensions": 64, "shortens": True},
                    "price": dict(PRICE),
                    "extra": {},
                    **of_target,
                }
                document["variants"][name] = {"target": name}

        def routes(document: Any) -> None:
            route = next(one for one in document["routes"] if one["name"] == "embeddings")
            route["tiers"] = [{"variants": {f"hosted-{place}": 1}} for place in range(len(models))]
            route["max_escalations"] = len(models) - 1

        edited(folder, "models.yaml", targets)
        edited(folder, "routes.yaml", routes)

    return change


@contextlib.asynccontextmanager
async def client_of(house: Whole) -> AsyncIterator[openai.AsyncOpenAI]:
    """The official client in front of a door to this house."""
    app = build_door(lambda _: house.client, house.sources[0])
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    base = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    async with openai.AsyncOpenAI(base_url=base, api_key="none", max_retries=0) as official:
        yield official
    await runner.cleanup()


async def ledger(house: Whole) -> list[LedgerEntry]:
    return [LedgerEntry.model_validate_json(stored.body) async for stored in house.link.streams.scan("LEDGER")]


async def test_the_official_client_gets_vectors_of_the_encoder_that_comes_along(
    tmp_path: Path, nats: NatsServer, valkey_url: str
) -> None:
    pytest.importorskip("onnxruntime")
    async with whole(tmp_path, nats, valkey_url) as house, client_of(house) as client:
        texts = ["the cat sleeps", "a cat is asleep", "shares fell on Monday"]
        made = await client.embeddings.create(model="embeddings", input=texts)
        rows = [each.embedding for each in made.data]
        assert [len(row) for row in rows] == [384] * 3
        likeness = [sum(a * b for a, b in zip(rows[0], row, strict=True)) for row in rows]
        assert likeness[0] == pytest.approx(1.0, abs=1e-5)
        assert likeness[1] > likeness[2]
        plain = await client.embeddings.create(model="embeddings", input=texts[1], encoding_format="float")
        assert plain.data[0].embedding == pytest.approx(rows[1], abs=1e-6)
        assert made.model == "all-minilm-l6-v2-int8"
        assert made.usage.prompt_tokens == made.usage.total_tokens > 3
