"""Forms from strangers: cut off, too large, in any order, with fields that nobody asked for."""

from collections.abc import AsyncIterator

import aiohttp
import pytest
from batch_door import House, batch_door

from pipeline.gateway import Limits

LINE = b'{"custom_id": "c1", "method": "POST", "url": "/v1/chat/completions", "body": {}}\n'


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with batch_door(Limits(file_bytes=100_000, body_s=1.0)) as made:
        yield made


@pytest.fixture
async def caller(house: House) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(house.base) as session:
        yield session


def form(*fields: tuple[str, bytes | str]) -> aiohttp.FormData:
    made = aiohttp.FormData()
    for name, value in fields:
        made.add_field(name, value, filename="in.jsonl" if name == "file" else None)
    return made


async def names(caller: aiohttp.ClientSession) -> list[str]:
    return [file["id"] for file in (await (await caller.get("/v1/files")).json())["data"]]


async def code_of(response: aiohttp.ClientResponse) -> tuple[int, str, str | None]:
    error = (await response.json())["error"]
    return response.status, error["code"], error["param"]


@pytest.mark.parametrize("order", [("file", "purpose"), ("purpose", "file")])
async def test_the_two_fields_may_come_in_either_order(caller: aiohttp.ClientSession, order: tuple[str, str]) -> None:
    values: dict[str, bytes | str] = {"file": LINE, "purpose": "batch"}
    response = await caller.post("/v1/files", data=form(*((name, values[name]) for name in order)))
    assert response.status == 200
    assert await names(caller) == [(await response.json())["id"]]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ([("file", LINE)], (400, "invalid_request", "purpose")),
        ([("purpose", "batch")], (400, "invalid_request", "file")),
        ([("file", LINE), ("purpose", "fine-tune")], (400, "unsupported_parameter", "purpose")),
        ([("file", LINE), ("purpose", "batch"), ("file", LINE)], (400, "unsupported_parameter", "file")),
        ([("file", LINE), ("purpose", "batch"), ("colour", "red")], (400, "unsupported_parameter", "colour")),
        ([("file", LINE), ("purpose", "x" * 300)], (400, "invalid_request", "purpose")),
        ([("file", b"x" * 100_001), ("purpose", "batch")], (413, "request_too_large", None)),
    ],
)
async def test_a_form_that_is_refused_leaves_nothing_behind(
    caller: aiohttp.ClientSession, fields: list[tuple[str, bytes | str]], said: tuple[int, str, str | None]
) -> None:
    status, code, param = await code_of(await caller.post("/v1/files", data=form(*fields)))
    assert (status, code) == said[:2]
    assert said[2] in (None, param)
    assert await names(caller) == []


async def test_what_is_no_form_is_refused(caller: aiohttp.ClientSession) -> None:
    assert (await code_of(await caller.post("/v1/files", json={})))[:2] == (400, "invalid_request")
    broken = {"content-type": "multipart/form-data; boundary=x"}
    response = await caller.post("/v1/files", data=b"--y\r\n\r\nnothing", headers=broken)
    assert (await code_of(response))[:2] == (400, "invalid_request")
    heads = {"content-type": "multipart/form-data; boundary=x"}
    response = await caller.post("/v1/files", data=b"--x\r\nNone--x--\r\n", headers=heads)
    assert (await code_of(response))[:2] == (400, "invalid_request")
    without = {"content-type": "multipart/form-data"}
    assert (await code_of(await caller.post("/v1/files", data=LINE, headers=without)))[:2] == (400, "invalid_request")


async def test_a_file_that_stops_coming_is_given_up(house: House, caller: aiohttp.ClientSession) -> None:
    async def slowly() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n{"cust'
        import asyncio

        await asyncio.sleep(5)
        yield b"never"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    response = await caller.post("/v1/files", data=slowly(), headers=headers)
    assert (await code_of(response))[:2] == (408, "request_timeout")
    assert await names(caller) == []
