"""`stepwell pii reveal` against real servers: what stood there, and a record of who asked and why."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from click.testing import Result
from desk import Desk
from servers import NatsServer
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.vault import ValkeyVault
from pipeline.adapters.vault_keys import Keyring
from pipeline.cli import pii, pii_reveal
from pipeline.disclosure.pseudonyms import session_conversation
from pipeline.ports import Link

SECRET = "a secret of the tests alone"
ASKED = ("pii", "reveal", "<PERSON_1>", "--tenant", "acme", "--session", "s1")


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        yield server


@pytest.fixture
def desk(nats: NatsServer, valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setenv("STEPWELL_VALKEY", valkey.url)
    monkeypatch.setenv("STEPWELL_SECRET", SECRET)
    monkeypatch.delenv("STEPWELL_VAULT_KEYS", raising=False)
    desk = Desk(nats, monkeypatch, pii)
    desk.given()
    asyncio.run(kept(valkey))
    return desk


async def kept(valkey: ValkeyServer) -> None:
    keyring = Keyring.of(None, SECRET.encode())
    assert keyring is not None
    vault = ValkeyVault(valkey.url, keyring)
    await vault.keep("acme", session_conversation("s1"), {"<PERSON_1>": "Odalys Brandvold"}, 60.0)
    await vault.close()


def records(desk: Desk) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []

    async def read(link: Link) -> None:
        found.extend([json.loads(stored.body) async for stored in link.streams.scan("AUDIT")])

    desk.given(read)
    return found


def reveal(desk: Desk, *more: str) -> Result:
    return desk.types(*ASKED, *more)


def test_what_stood_there_is_shown_and_who_asked_is_on_record(desk: Desk) -> None:
    result = reveal(desk, "--why", "complaint 4711", "--who", "bram")
    assert result.exit_code == 0, result.output
    assert result.stdout == "Odalys Brandvold\n"
    (record,) = records(desk)
    assert (record["kind"], record["who"], record["why"]) == ("reveal", "bram", "complaint 4711")
    assert (record["token"], record["outcome"]) == ("<PERSON_1>", "revealed")
    assert "Odalys" not in json.dumps(record)


def test_the_account_stands_for_who_asks(desk: Desk) -> None:
    assert reveal(desk, "--why", "test", "--json").exit_code == 0
    assert records(desk)[0]["who"] == pii_reveal._account()


@pytest.mark.parametrize("other", [("--tenant", "other"), ("--session", "s2"), ("--user", "u1")])
def test_another_conversation_knows_nothing_and_the_question_is_on_record(desk: Desk, other: tuple[str, str]) -> None:
    result = reveal(desk, *other, "--why", "curious")
    assert result.exit_code == 1
    assert "Odalys" not in result.output
    assert records(desk)[0]["outcome"] == "not_found"


def test_without_a_reason_nothing_is_looked_up(desk: Desk) -> None:
    assert reveal(desk).exit_code == 2
    assert reveal(desk, "--why", " ").exit_code == 1
    assert records(desk) == []


def test_a_tenant_that_cannot_be_is_told_before_anybody_is_asked(desk: Desk, nats: NatsServer) -> None:
    nats.kill()
    result = reveal(desk, "--tenant", "ac me", "--why", "test")
    assert result.exit_code == 1
    assert result.stderr.startswith("invalid_request: tenant is ")


def test_without_a_record_nothing_is_revealed(desk: Desk, nats: NatsServer) -> None:
    nats.kill()
    result = reveal(desk, "--why", "test")
    assert result.exit_code == 1
    assert "Odalys" not in result.output


def test_a_vault_that_is_away_is_one_sentence(desk: Desk, valkey: ValkeyServer) -> None:
    valkey.kill()
    result = reveal(desk, "--why", "test")
    assert result.exit_code == 1
    assert result.stderr.count("\n") == 1


def test_without_keys_there_is_no_vault(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_SECRET", "")
    result = reveal(desk, "--why", "test")
    assert result.exit_code == 1
    assert "STEPWELL_VAULT_KEYS" in result.stderr
