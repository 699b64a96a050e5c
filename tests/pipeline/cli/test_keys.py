"""`stepwell keys` against a real server."""

import json
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from servers import NatsServer

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.keys import KeyBook
from pipeline.cli import keys as verbs
from pipeline.gateway.access import KeyAccess, Quotas
from pipeline.keys import well_formed
from pipeline.ports import Link


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Desk:
    monkeypatch.setenv("STEPWELL_HOME", str(tmp_path / "home"))
    made = Desk(nats, monkeypatch, verbs)
    made.given()
    return made


def admitted(desk: Desk, token: str) -> Any:
    """What a door says of this key."""
    found: list[Any] = []

    async def ask(link: Link) -> None:
        book = KeyBook(link.bucket("keys"), SystemClock())
        await book.start()
        try:
            found.append(await KeyAccess(book, SystemClock(), Quotas()).admit({"x-api-key": token}, "chat"))
        except Exception as error:
            found.append(error)
        await book.stop()

    desk.given(ask)
    return found[0]


def test_a_key_is_made_listed_rotated_and_revoked_and_its_secret_shown_once(desk: Desk) -> None:
    made: Any = desk.reads("keys", "create", "billing", "--tenant", "acme", "--route", "support", "--expires", "90d")
    token = made["key"]
    assert well_formed(token)
    assert admitted(desk, token).routes == {"support"}

    listed = desk.types("keys", "list")
    assert made["id"] in listed.output
    assert "billing" in listed.output
    shown = desk.types("keys", "show", "billing")
    everything = (
        listed.output
        + shown.output
        + json.dumps(desk.reads("keys", "list"))
        + json.dumps(desk.reads("keys", "show", made["id"]))
    )
    assert token[19:] not in everything
    assert "digest" not in everything

    rotated: Any = desk.reads("keys", "rotate", "billing", "--overlap", "1h")
    assert rotated["id"] == made["id"]
    assert rotated["key"] != token
    assert len(rotated["secrets"]) == 2
    assert admitted(desk, token).key_id == admitted(desk, rotated["key"]).key_id == made["id"]
    again: Any = desk.reads("keys", "rotate", "billing", "--overlap", "0s")
    assert len(again["secrets"]) == 1
    assert admitted(desk, rotated["key"]).code == "invalid_api_key"
    assert admitted(desk, again["key"]).key_id == made["id"]

    assert desk.types("keys", "revoke", "billing").exit_code == 0
    assert admitted(desk, again["key"]).code == "invalid_api_key"
    assert desk.reads("keys", "list") == []
    assert [row["state"] for row in desk.reads("keys", "list", "--all")] == ["revoked"]  # type: ignore[attr-defined]
    assert desk.types("keys", "rotate", "billing").exit_code == 2


def test_for_people_the_key_stands_alone_on_standard_output(desk: Desk) -> None:
    result = desk.types("keys", "create", "a [bold]b[/]")
    assert well_formed(result.stdout.strip())
    assert "shown this once" in result.stderr
    assert "a [bold]b[/]" in desk.types("keys", "list").output


def test_a_route_that_the_policy_does_not_have_is_said_and_the_key_is_made(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_POLICIES", str(Path(__file__).parents[3] / "policies"))
    result = desk.types("keys", "create", "a", "--route", "chatt", "--route", "small")
    assert well_formed(result.stdout.strip())
    assert "no route or variant chatt; did you mean chat?" in result.stderr
    assert "small" not in result.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("create", ""),
        ("create", "a\nb"),
        ("create", "a", "--tenant", "a.b"),
        ("create", "a", "--scope", "everything"),
        ("create", "a", "--lane", "fast"),
        ("create", "a", "--route", "a b"),
        ("create", "a", "--expires", "soon"),
        ("create", "a", "--expires", "2001-01-01"),
        ("create", "a", "--requests", "0"),
        ("rotate", "a", "--overlap", "long"),
    ],
)
def test_what_cannot_be_meant_so_is_said_before_anything_is_made(
    monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    nowhere = NatsServer(Path("/nowhere"), port=1)
    desk = Desk(nowhere, monkeypatch, verbs)
    assert desk.types("keys", *words).exit_code == 2


def test_a_key_that_is_not_there_is_said(desk: Desk) -> None:
    for verb in ("show", "rotate", "revoke"):
        result = desk.types("keys", verb, "nobody", "--json")
        assert result.exit_code == 1
        assert json.loads(result.stderr)["error"]["code"] == "not_found"
    assert "make one with" in desk.types("keys", "list").output
