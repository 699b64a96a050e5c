"""The scripted provider's files and batches behave as OpenAI's do."""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import orjson
import pytest

from pipeline.embedded.scripted.server import ScriptedServer

NAMES = [f"n{number}" for number in range(6)]


def lines(models: Sequence[str]) -> bytes:
    """One line for each model."""
    made = [
        {
            "custom_id": name,
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": model, "messages": [{"role": "user", "content": name}]},
        }
        for name, model in zip(NAMES, models, strict=True)
    ]
    return b"\n".join(orjson.dumps(line) for line in made)


class Caller:
    def __init__(self, server: ScriptedServer, session: aiohttp.ClientSession) -> None:
        self.url, self.session = server.url, session

    async def said(self, method: str, path: str, **more: Any) -> tuple[int, Any]:
        async with self.session.request(method, f"{self.url}/{path}", **more) as response:
            body = await response.read()
            return response.status, orjson.loads(body) if response.content_type == "application/json" else body

    async def begun(self, body: bytes) -> str:
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", body, filename="calls.jsonl")
        _, file = await self.said("POST", "files", data=form)
        asked = {"input_file_id": file["id"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        status, batch = await self.said("POST", "batches", json={**asked, "metadata": {"mark": "m"}})
        assert (status, batch["status"], batch["metadata"]) == (200, "validating", {"mark": "m"})
        return str(batch["id"])

    async def ended(self, name: str) -> tuple[list[str], dict[str, Any]]:
        """Every status that was seen, and the batch at its end."""
        seen: list[str] = []
        async with asyncio.timeout(10):
            while True:
                _, batch = await self.said("GET", f"batches/{name}")
                if batch["status"] not in seen:
                    seen.append(batch["status"])
                if batch["status"] in ("completed", "failed", "expired", "cancelled"):
                    return seen, batch
                await asyncio.sleep(0.005)

    async def output(self, file: str | None) -> list[dict[str, Any]]:
        if file is None:
            return []
        _, body = await self.said("GET", f"files/{file}/content")
        return [orjson.loads(line) for line in body.splitlines()]


@pytest.mark.parametrize(
    ("models", "status", "good", "bad"),
    [
        (["mini"] * 6, "completed", 6, {}),
        (["mini"] * 4 + ["reject", "429"], "completed", 4, {"n4": 400, "n5": 429}),
        (["mini-expires"] * 6, "expired", 3, {"n3": None, "n4": None, "n5": None}),
        (["mini-fails"] * 6, "failed", 0, {}),
    ],
)
async def test_a_batch_ends_as_its_script_says(
    models: list[str], status: str, good: int, bad: dict[str, int | None]
) -> None:
    async with ScriptedServer() as server, aiohttp.ClientSession() as session:
        server.batches.takes_s = 0.3
        caller = Caller(server, session)
        seen, batch = await caller.ended(await caller.begun(lines(models)))
        assert seen[-1] == status
        assert seen[:-1] == [word for word in ("validating", "in_progress", "finalizing") if word in seen]
        answers, refused = await caller.output(batch["output_file_id"]), await caller.output(batch["error_file_id"])
        assert len(answers) == good
        assert all(line["response"]["body"]["choices"] for line in answers)
        codes = {line["custom_id"]: (line["response"] or {}).get("status_code") for line in refused}
        assert codes == bad
        assert good < 6 or [line["custom_id"] for line in answers] != NAMES, "in another order"
        assert server.ledger.stats()["billed_total"] == good


async def test_what_is_cancelled_or_deleted_or_unknown_is_so() -> None:
    async with ScriptedServer() as server, aiohttp.ClientSession() as session:
        server.batches.takes_s = 1000.0
        caller = Caller(server, session)
        name = await caller.begun(lines(["mini"] * 6))
        assert (await caller.said("POST", f"batches/{name}/cancel"))[1]["status"] == "cancelled"
        assert (await caller.said("GET", "batches?limit=1"))[1]["data"][0]["id"] == name
        (file,) = (await caller.said("GET", "files"))[1]["data"]
        assert (await caller.said("DELETE", f"files/{file['id']}"))[1]["deleted"]
        for method, path in [("DELETE", f"files/{file['id']}"), ("GET", "batches/none"), ("GET", "files/x/content")]:
            assert (await caller.said(method, path))[0] == 404
        assert (await caller.said("POST", "batches", json={"input_file_id": "none"}))[0] == 400
        assert (await caller.said("POST", "files", data={"purpose": "batch"}))[0] == 400
