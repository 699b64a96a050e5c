"""`stepwell policy replay` and `policy explain ID` read a real log, and call nobody."""

import time
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
import typer
from desk import Desk
from planning import MODELS, policy_of
from policy_files import swap
from recorded import record_of
from servers import NatsServer

from pipeline.audit.read import first_since, last_sequence
from pipeline.cli import policy
from pipeline.cli.policy_replay import duration_s
from pipeline.contracts import AuditRecord
from pipeline.errors import InvalidRequest
from pipeline.policy import Policy
from pipeline.ports import Link
from stages.plan import again as planner

TWO = '  - {name: chat, match: "true", tiers: [{variants: {tiny: 1}}, {variants: {near: 1}}]}\n'
LARGE = '  - {name: talk, match: "true", tiers: [{variants: {near: 1}}]}\n'


class Town(Desk):
    """The desk with a policy in force, another one, and requests that were."""

    def __init__(self, nats: NatsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        def register(root: typer.Typer) -> None:
            policy.register(root, planner)

        super().__init__(nats, monkeypatch, SimpleNamespace(register=register))  # type: ignore[arg-type]
        self.folder, self.new = tmp_path / "now", tmp_path / "new"
        self.folder.mkdir()
        self.new.mkdir()
        self.policy = policy_of(self.folder, TWO)
        policy_of(self.new, LARGE)
        monkeypatch.setenv("STEPWELL_POLICIES", str(self.folder))
        monkeypatch.setenv("STEPWELL_HOME", str(tmp_path / "home"))

    def remembers(self, *records: AuditRecord) -> None:
        async def write(link: Link) -> None:
            for number, record in enumerate(records):
                body = record.model_dump_json(exclude_defaults=True).encode()
                await link.streams.append(f"audit.{record.tenant}.p.{number}", body)

        self.given(write)


@pytest.fixture
def town(nats: NatsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Town:
    return Town(nats, monkeypatch, tmp_path)


def of(policy: Policy, number: int, tenant: str = "acme", hours: float = 0.1, **more: object) -> AuditRecord:
    return record_of(policy, number=number, tenant=tenant, at=time.time() - hours * 3600, **more)  # type: ignore[arg-type]


def test_the_last_hours_are_planned_again_and_nobody_is_called(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_: object, **__: object) -> None:
        raise AssertionError("somebody opened a connection to a model")

    monkeypatch.setattr(aiohttp.ClientSession, "__init__", nobody)
    old = of(town.policy, 9, hours=30)
    town.remembers(old, *(of(town.policy, number) for number in range(4)), of(town.policy, 5, "globex", descends=1))
    report = town.reads("policy", "replay", "--since", "24h", "--against", str(town.new))
    assert isinstance(report, dict)
    assert (report["replayed"], report["moved"], report["since"]) == (5, 5, "24h")
    assert report["routes"] == [{"from": "chat", "to": "talk", "requests": 5}]
    assert [(row["tenant"], row["requests"]) for row in report["by_tenant"]] == [("acme", 4), ("globex", 1)]
    assert report["cost"]["difference_usd"] == pytest.approx(4 * 0.018 - 0.002)
    only = town.reads("policy", "replay", "--against", str(town.new), "--tenant", "globex")
    assert isinstance(only, dict)
    assert only["replayed"] == 1
    shown = town.types("policy", "replay", "--against", str(town.new))
    assert shown.exit_code == 0, shown.output
    assert "5 would move (100.0%)" in shown.output
    assert "tiny > near" in shown.output
    assert "globex" in shown.output


def test_a_request_is_found_by_the_beginning_of_its_id(town: Town) -> None:
    ids = ["0f3c2a-one", "0f3c2b-two", "0f3c2b"]
    town.remembers(*(of(town.policy, number, id=name) for number, name in enumerate(ids)))
    asked = ("--tenant", "acme")
    for word, found in (("0f3c2a", "0f3c2a-one"), ("0f3c2b", "0f3c2b"), ("0f3c2b-", "0f3c2b-two")):
        told = town.reads("policy", "explain", word, *asked)
        assert isinstance(told, dict)
        assert (told["request"], told["reproduced"]) == (found, True)
    assert "0f3c may be 0f3c2a-one, 0f3c2b-two, 0f3c2b: give more of it" in one_line(town, "0f3c", *asked)
    assert "whose id is ffff or begins so" in one_line(town, "ffff", *asked)
    assert "whose id is 0f3c2a or begins so" in one_line(town, "0f3c2a", "--tenant", "globex")
    assert "no record of request 0f3" in one_line(town, "0f3", *asked)


def one_line(town: Town, *words: str) -> str:
    return " ".join(town.types("policy", "explain", *words).stderr.split())


def test_against_the_policy_in_force_nothing_moves(town: Town) -> None:
    town.remembers(*(of(town.policy, number, descends=number % 2) for number in range(6)))
    for against in ("current", str(town.folder)):
        report = town.reads("policy", "replay", "--against", against)
        assert isinstance(report, dict)
        assert (report["replayed"], report["moved"], report["cost"]["difference_usd"]) == (6, 0, 0)
        assert report["residency"] == []
        assert report["against"] == town.policy.revision


def test_what_cannot_be_replayed_is_counted(town: Town) -> None:
    older = of(town.policy, 1).model_copy(update={"signals_seen": None, "snapshot": None})

    async def broken(link: Link) -> None:
        await link.streams.append("audit.acme.p.77", b"{}")

    town.remembers(older, of(town.policy, 2))
    town.given(broken)
    report = town.reads("policy", "replay", "--against", "current")
    assert isinstance(report, dict)
    assert (report["records"], report["replayed"]) == (3, 1)
    assert sum(report["not_replayable"].values()) == 2
    assert (
        "not replayable: 1, its record has no signals" in town.types("policy", "replay", "--against", "current").output
    )


def test_an_empty_log_is_no_error(town: Town) -> None:
    town.given()
    assert "0 requests planned again" in town.types("policy", "replay", "--against", "current").output


def test_what_is_no_policy_or_no_time_is_one_sentence(town: Town) -> None:
    town.given()
    assert "is neither a folder nor a revision" in town.types("policy", "replay", "--against", "abcdef").stderr
    assert "such as 24h" in town.types("policy", "replay", "--against", "current", "--since", "yesterday").stderr


def test_durations() -> None:
    assert (duration_s("30m"), duration_s("24h"), duration_s("7d"), duration_s("2w")) == (1800, 86400, 604800, 1209600)
    assert (duration_s("1.5h"), duration_s("0.5d"), duration_s("36525d")) == (5400, 43200, 36525 * 86400)


@pytest.mark.parametrize("text", ["24", "h", "1,5h", "-1h", "1.h", ".5h", "1e3s", "9" * 40 + "d"])
def test_what_is_no_duration_is_told_what_one_is(text: str) -> None:
    with pytest.raises(InvalidRequest, match=r"write a number and s, m, h, d or w, such as 24h or 1\.5h"):
        duration_s(text)


@pytest.mark.parametrize("text", ["36526d", "999999999d"])
def test_a_duration_is_a_hundred_years_at_most(text: str) -> None:
    with pytest.raises(InvalidRequest, match=f"{text} is longer than a hundred years"):
        duration_s(text)


def test_the_place_of_a_time_in_the_log_is_found_without_reading_it(town: Town) -> None:
    places: list[tuple[int, int, int]] = []

    async def look(link: Link) -> None:
        stored = [await link.streams.at("AUDIT", sequence) for sequence in range(1, 8)]
        times = [one.at for one in stored if one is not None]
        places.append(
            (
                await last_sequence(link.streams),
                await first_since(link.streams, times[0] - 3600),
                await first_since(link.streams, times[-1] + 3600),
            )
        )

    town.given()
    town.remembers(*(of(town.policy, number) for number in range(7)))
    town.given(look)
    assert places == [(7, 0, 7)]


def test_a_request_that_was_is_explained_and_its_plan_made_again(town: Town) -> None:
    town.remembers(of(town.policy, 3, origin="EU", data_class="restricted", types=("SECRET",), descends=1))
    told = town.reads("policy", "explain", "r3", "--tenant", "acme")
    assert isinstance(told, dict)
    assert (told["reproduced"], told["revision"]) == (True, town.policy.revision)
    assert [tier["variant"] for tier in told["plan"]["tiers"]] == ["tiny", "near"]
    assert {row["target"]: row["rules"] for row in told["targets"]} == {"tiny": [], "near": [], "far": ["here"]}
    assert [call["variant"] for call in told["calls"]] == ["tiny", "near"]
    shown = town.types("policy", "explain", "r3", "--tenant", "acme")
    assert shown.exit_code == 0, shown.output
    assert "the same plan" in shown.output
    assert "called near at near: 0.020000 USD" in shown.output


def test_a_request_of_a_revision_that_is_gone_is_explained_from_its_record(town: Town) -> None:
    town.remembers(of(town.policy, 3))
    (town.folder / "models.yaml").write_text(swap(MODELS, "region: r2", "region: r3"))
    told = town.reads("policy", "explain", "r3", "--tenant", "acme")
    assert isinstance(told, dict)
    assert (told["reproduced"], told["plan"], told["chose"]) == (None, None, ["weights", "weights"])
    assert "is kept nowhere here" in told["why_not"]
    assert "cannot be made again" in town.types("policy", "explain", "r3", "--tenant", "acme").output


def test_a_request_that_was_not_is_one_sentence(town: Town) -> None:
    town.given()
    result = town.types("policy", "explain", "nobody")
    assert result.exit_code == 1
    assert "no record of a request of tenant default whose id is nobody" in result.stderr
