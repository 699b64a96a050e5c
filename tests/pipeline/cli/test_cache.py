"""`stepwell cache` counts and deletes what the workers wrote, by the names that people know."""

import asyncio
import json
from collections.abc import Iterator

import pytest
from accepted import SECRET, envelope
from patience import have_patience
from typer.testing import CliRunner
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.cache_answers import ValkeyAnswers
from pipeline.adapters.clock import SystemClock
from pipeline.cli.hooks import Hooks
from pipeline.cli.main import make_app


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    have_patience(monkeypatch)


@pytest.fixture
def valkey(monkeypatch: pytest.MonkeyPatch) -> Iterator[ValkeyServer]:
    with valkey_server() as server:
        monkeypatch.setenv("STEPWELL_VALKEY", server.url)
        monkeypatch.setenv("STEPWELL_SECRET", SECRET.decode())
        yield server


def remembered(url: str) -> None:
    """Two users of two tenants ask on two routes."""

    async def work() -> None:
        store = ValkeyAnswers(url)
        cache = AnswerCache(store, SECRET, SystemClock())
        for number, (tenant, user, route) in enumerate(
            [("acme", "ada", "chat"), ("acme", "bob", "chat"), ("acme", "bob", "labels"), ("other", "ada", "chat")]
        ):
            asked = envelope(tenant=tenant, user=user, plan={"route": route}, input=f"Question {number}?")
            assert await cache.remember(asked.model_copy(update={"id": f"r{number}"}), 60)
        await store.close()

    asyncio.run(work())


def said(*words: str) -> dict[str, int]:
    result = CliRunner().invoke(make_app(Hooks(run_worker=lambda *_, **__: None)), ["cache", *words, "--json"])
    assert result.exit_code == 0, result.output
    figures: dict[str, int] = json.loads(result.stdout)
    return figures


@pytest.mark.parametrize(
    ("part", "count"),
    [
        (("--tenant", "acme"), 3),
        (("--tenant", "acme", "--route", "chat"), 2),
        (("--route", "chat"), 3),
        (("--tenant", "acme", "--user", "ada"), 1),
        (("--tenant", "other", "--request", "r3"), 1),
        (("--tenant", "acme", "--request", "r3"), 0),
        (("--user", "ada"), 0),
    ],
    ids=str,
)
def test_what_is_named_is_counted_and_deleted_and_the_rest_stays(
    valkey: ValkeyServer, part: tuple[str, ...], count: int
) -> None:
    remembered(valkey.url)
    assert said("show") == {"answers": 4, "questions": 0}
    assert said("show", *part) == {"values": count}

    assert said("purge", *part) == {"deleted": count}

    assert said("show", *part) == {"values": 0}
    assert said("show") == {"answers": 4 - count, "questions": 0}


@pytest.mark.parametrize(
    ("words", "sentence"), [((), "say what to delete"), (("--user", "a", "--route", "b"), "one of")]
)
def test_nothing_is_deleted_where_it_is_not_clear_what(
    valkey: ValkeyServer, words: tuple[str, ...], sentence: str
) -> None:
    remembered(valkey.url)
    result = CliRunner().invoke(make_app(Hooks(run_worker=lambda *_, **__: None)), ["cache", "purge", *words])

    assert result.exit_code != 0
    assert sentence in result.output
    assert said("show")["answers"] == 4


def test_without_the_secret_of_the_workers_one_is_told_what_to_set(
    valkey: ValkeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STEPWELL_SECRET", "")
    result = CliRunner().invoke(make_app(Hooks(run_worker=lambda *_, **__: None)), ["cache", "show"])

    assert result.exit_code == 1
    assert "STEPWELL_SECRET" in result.output
