"""Every endpoint of the door, tried with nothing, with too little, and with another tenant's ids.

The table below names every route. Who adds one says here how another tenant could try to reach what it serves; a route
that is not named fails the first test.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final

import aiohttp
import orjson
import pytest
from batch_door import House, batch_door
from fakes_door import FakeAsker, Names
from keys_made import KeysInMemory, made

from pipeline.adapters.clock import SystemClock
from pipeline.gateway import build_door
from pipeline.gateway.access import KeyAccess, Quotas
from pipeline.keys import SCOPES

CHAT = {"model": "auto", "messages": [{"role": "user", "content": "2 + 2?"}]}
LINE = {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": {**CHAT, "model": "chat"}}


@dataclass
class Estate:
    """What one tenant has at the door, and another one who knows its ids."""

    house: House
    owner: aiohttp.ClientSession
    other: aiohttp.ClientSession
    ids: dict[str, str] = field(default_factory=dict)


Try = Callable[[Estate, str, str], Awaitable[None]]


# ---------------------------------------------------------------- ways to try


async def hidden(estate: Estate, method: str, path: str) -> None:
    """Its owner has it; for anybody else it is as if it had never been."""
    address = path.format(**estate.ids)
    unknown = path.format(**{name: value[:-4] + "0000" for name, value in estate.ids.items()})
    tried = await estate.other.request(method, address)
    absent = await estate.other.request(method, unknown)
    assert (tried.status, absent.status) == (404, 404)
    told, said = (await tried.json())["error"], (await absent.json())["error"]
    assert (told["code"], told["type"]) == (said["code"], said["type"])
    owned = await estate.owner.request(method, address)
    assert owned.status < 404, await owned.text()


async def unlisted(estate: Estate, method: str, path: str) -> None:
    """Its owner finds it in the list, nobody else does."""
    mine = await (await estate.owner.request(method, path)).text()
    theirs = await (await estate.other.request(method, path)).text()
    known = [value for value in estate.ids.values() if value in mine]
    assert known
    assert not [value for value in known if value in theirs]


async def never_there(estate: Estate, method: str, path: str) -> None:
    """Not even its owner may, so nobody else learns anything."""
    address = path.format(**estate.ids)
    mine, theirs = await estate.owner.request(method, address), await estate.other.request(method, address)
    assert mine.status == theirs.status >= 400
    assert (await mine.json())["error"]["code"] == (await theirs.json())["error"]["code"]


def asked_anew(body: dict[str, Any]) -> Try:
    """The same idempotency key is another request when another tenant says it."""

    async def tried(estate: Estate, method: str, path: str) -> None:
        headers = {"idempotency-key": "the-same-key"}
        for session in (estate.owner, estate.other, estate.owner):
            await (await session.request(method, path, json=body, headers=headers)).read()
        asked = [envelope.request for envelope in estate.house.asked if envelope.request.id == "the-same-key"]
        assert [request.tenant for request in asked] == ["acme", "globex"]
        assert len({request.api_key for request in asked}) == 2

    return tried


def names_no_model_of_another(body: dict[str, Any]) -> Try:
    """A model of one tenant alone cannot be named by another."""

    async def tried(estate: Estate, method: str, path: str) -> None:
        wanted = {**body, "model": "small-acme"}
        assert (await estate.owner.request(method, path, json=wanted)).status == 200
        response = await estate.other.request(method, path, json=wanted)
        assert response.status == 404

    return tried


async def own_file_alone(estate: Estate, method: str, path: str) -> None:
    """A batch of a file of another tenant is a batch of no file."""
    body = {"input_file_id": estate.ids["file"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
    assert (await estate.other.request(method, path, json=body)).status == 404
    assert (await estate.owner.request(method, path, json=body)).status == 200


async def under_its_own_id(estate: Estate, method: str, path: str) -> None:
    """The same content under the same idempotency key is a file of one's own."""

    async def sent(session: aiohttp.ClientSession) -> str:
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", orjson.dumps(LINE), filename="lines.jsonl")
        response = await session.request(method, path, data=form, headers={"idempotency-key": "k"})
        return str((await response.json())["id"])

    assert await sent(estate.owner) == await sent(estate.owner)
    assert await sent(estate.owner) != await sent(estate.other)


async def told_of_nothing(estate: Estate, method: str, path: str) -> None:
    """An outcome of a request of another tenant is taken as one of a request that nobody knows, and reaches nobody."""

    async def said(request_id: str) -> dict[str, Any]:
        body = {"request_id": request_id, "kind": "thumbs", "reward": 1.0}
        response = await estate.other.request(method, path, json=body)
        told: dict[str, Any] = await response.json()
        assert response.status == 200, told
        return {"http": response.status, **{name: value for name, value in told.items() if "id" not in name}}

    assert await said(estate.ids["asked"]) == await said("nobody-ever-asked-this")
    stored = [stored async for stored in estate.house.link.streams.scan("OUTCOMES")]
    assert not [found for found in stored if found.subject.startswith("outcome.acme.")]


async def listed_for_all(estate: Estate, method: str, path: str) -> None:
    """Names that one tenant alone has stand in nobody else's list."""
    assert "small-acme" in await (await estate.owner.request(method, path)).text()
    assert "small-acme" not in await (await estate.other.request(method, path)).text()


MESSAGES = {"model": "chat", "max_tokens": 9, "messages": CHAT["messages"]}
INPUT = {"model": "chat", "input": "2 + 2?"}

ROUTES: Final[dict[tuple[str, str], tuple[str, Try]]] = {
    ("POST", "/v1/chat/completions"): ("chat", asked_anew(CHAT)),
    ("POST", "/v1/responses"): ("chat", asked_anew({**INPUT, "store": False})),
    ("POST", "/v1/responses/input_tokens"): ("chat", names_no_model_of_another(INPUT)),
    ("GET", "/v1/responses/{response_id}"): ("chat", hidden),
    ("DELETE", "/v1/responses/{response_id}"): ("chat", never_there),
    ("POST", "/v1/messages"): ("chat", asked_anew(MESSAGES)),
    ("POST", "/v1/messages/count_tokens"): (
        "chat",
        names_no_model_of_another({name: value for name, value in MESSAGES.items() if name != "max_tokens"}),
    ),
    ("POST", "/v1/embeddings"): ("embeddings", asked_anew(INPUT)),
    ("GET", "/v1/models"): ("models", listed_for_all),
    ("GET", "/v1/models/{model}"): ("models", hidden),
    ("POST", "/v1/outcomes"): ("outcomes", told_of_nothing),
    ("POST", "/v1/files"): ("files", under_its_own_id),
    ("GET", "/v1/files"): ("files", unlisted),
    ("GET", "/v1/files/{file}"): ("files", hidden),
    ("DELETE", "/v1/files/{file}"): ("files", hidden),
    ("GET", "/v1/files/{file}/content"): ("files", hidden),
    ("POST", "/v1/batches"): ("batches", own_file_alone),
    ("GET", "/v1/batches"): ("batches", unlisted),
    ("GET", "/v1/batches/{batch}"): ("batches", hidden),
    ("POST", "/v1/batches/{batch}/cancel"): ("batches", hidden),
    ("POST", "/v1/batches/{batch}/retry"): ("batches", hidden),
}
"""Every route, the scope that opens it, and how another tenant tries it."""
PROBES: Final = {("GET", "/livez"), ("GET", "/readyz"), ("GET", "/metrics")}
"""Routes that are open to everybody, and tell nothing of any tenant."""


def served() -> set[tuple[str, str]]:
    app = build_door(lambda _tenant: FakeAsker(), Names())
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.method != "HEAD" and route.resource is not None
    }


def test_every_route_of_the_door_is_tried_below() -> None:
    assert served() == set(ROUTES) | PROBES


# ---------------------------------------------------------------- the walk

OWNER, OTHER = made(tenants=("acme",)), made(tenants=("globex",))
BARE = {scope: made(tenants=("acme",), scopes=tuple(other for other in SCOPES if other != scope)) for scope in SCOPES}


def bearing(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
async def house() -> AsyncIterator[House]:
    records = [record for _, record in (OWNER, OTHER, *BARE.values())]
    access = KeyAccess(KeysInMemory(*records), SystemClock(), Quotas())
    async with batch_door(access=access, names=Names(own={"acme": "small-acme"})) as found:
        yield found


@pytest.fixture
async def estate(house: House) -> AsyncIterator[Estate]:
    async with (
        aiohttp.ClientSession(house.base, headers=bearing(OWNER[0])) as owner,
        aiohttp.ClientSession(house.base, headers=bearing(OTHER[0])) as other,
    ):
        found = Estate(house, owner, other)
        answered = await owner.post("/v1/responses", json=INPUT)
        found.ids["response_id"] = (await answered.json())["id"]
        found.ids["asked"] = answered.headers["x-stepwell-request-id"]
        found.ids["model"] = "small-acme"
        form = aiohttp.FormData()
        form.add_field("purpose", "batch")
        form.add_field("file", orjson.dumps(LINE) + b"\n", filename="lines.jsonl")
        found.ids["file"] = (await (await owner.post("/v1/files", data=form)).json())["id"]
        body = {"input_file_id": found.ids["file"], "endpoint": "/v1/chat/completions", "completion_window": "24h"}
        found.ids["batch"] = (await (await owner.post("/v1/batches", json=body)).json())["id"]
        yield found


def shown(route: tuple[str, str]) -> str:
    return " ".join(route)


@pytest.mark.parametrize("route", ROUTES, ids=shown)
async def test_another_tenant_reaches_nothing(estate: Estate, route: tuple[str, str]) -> None:
    await ROUTES[route][1](estate, *route)


async def test_nobody_without_a_key_or_with_too_little_comes_in_anywhere(house: House) -> None:
    async with aiohttp.ClientSession(house.base) as session:
        for (method, path), (scope, _) in ROUTES.items():
            address = path.format(response_id="resp_x", file="file-x", batch="batch_x", model="chat")
            response = await session.request(method, address)
            assert (response.status, response.headers["www-authenticate"].split()[0]) == (401, "Bearer"), path
            response = await session.request(method, address, headers=bearing(OWNER[0][:-1]))
            assert response.status == 401, path
            assert 'error="invalid_token"' in response.headers["www-authenticate"]
            response = await session.request(method, address, headers=bearing(BARE[scope][0]))  # type: ignore[index]
            assert response.status == 403, path
            foreign = {**bearing(OWNER[0]), "x-stepwell-tenant": "globex"}
            response = await session.request(method, address, headers=foreign)
            assert response.status == 403, path
            response = await session.request(method, address, params={"api_key": OWNER[0]})
            assert response.status == 400, path
            assert OWNER[0] not in await response.text()


async def test_probes_are_open_and_tell_of_no_tenant_and_no_key(estate: Estate) -> None:
    async with aiohttp.ClientSession(estate.house.base) as session:
        for method, path in PROBES:
            text = await (await session.request(method, path)).text()
            assert "acme" not in text
            assert OWNER[1].id not in text
