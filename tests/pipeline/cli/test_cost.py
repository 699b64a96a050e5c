"""`stepwell cost` against a real server."""

import time

import pytest
from desk import Desk
from recorded_costs import attempted, recorded, settled
from servers import NatsServer

from pipeline.cli import cost
from pipeline.ports import Link
from pipeline.topology import audit_subject, ledger_subject


@pytest.fixture
def desk(nats: NatsServer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    return Desk(nats, monkeypatch, cost)


async def _a_day(link: Link) -> None:
    now = time.time()
    draft, large = attempted(1, "small", 0.02), attempted(2, "large", 0.5)
    ended = (
        recorded("r1", draft, at=now - 10, counterfactual_usd=0.5),
        recorded("r2", draft, large, served="large", at=now - 9, counterfactual_usd=0.5, tenant="other"),
        recorded("r3", attempted(1, "small", None), at=now - 8, counterfactual_usd=0.5),
        recorded("r0", draft, at=now - 90_000, counterfactual_usd=0.5),
    )
    for record in ended:
        await link.streams.append(audit_subject(record.tenant, "decision"), record.model_dump_json().encode())
    for entry in (settled("r1", "draft-1", 0.02, at=now - 10), settled("r7", "draft-1", 0.03, at=now - 1)):
        await link.streams.append(ledger_subject(entry.attempt, "settle"), entry.model_dump_json().encode())


def test_costs_and_savings_of_a_day_by_tenant(desk: Desk) -> None:
    desk.given(_a_day)
    report = desk.reads("cost", "report")
    assert isinstance(report, dict)
    groups = {group["tenant"]: group for group in report["groups"]}
    assert (groups["acme"]["requests"], groups["acme"]["unknown"]) == (2, 1)
    assert (groups["acme"]["cost"], groups["acme"]["net_savings"]) == (0.05, 0.45)
    assert groups["other"]["net_savings"] == -0.02
    assert (report["total"]["cost"], report["total"]["unrecorded"]) == (0.57, 0.03)
    assert desk.reads("cost", "report", "--since", "2s")["total"]["requests"] == 0  # type: ignore[call-overload, index]


def test_a_person_sees_a_table_what_is_unknown_and_what_is_negative(desk: Desk) -> None:
    desk.given(_a_day)
    shown = desk.types("cost", "report", "--by", "variant", "--since", "2d").output
    for word in ("large", "-0.02", "1 requests have an unknown cost", "always large", "stands in the ledger alone"):
        assert word in shown, shown


def test_an_empty_stretch_is_well_and_a_tenant_whom_nobody_knows_is_not(desk: Desk) -> None:
    desk.given()
    empty = desk.types("cost", "report", "--tenant", "nobody")
    assert (empty.exit_code, "no request ended" in empty.output) == (0, True)
    desk.given(_a_day)
    nobody = desk.types("cost", "report", "--tenant", "nobody")
    assert nobody.exit_code == 2
    assert "tenant nobody had no request in that time and is not in the policy; there were acme, other" in nobody.output
    idle = desk.types("cost", "report", "--tenant", "default")
    assert idle.exit_code == 0, "the policy names it"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--by", "colour"), "group by tenant"),
        (("--since", "soon"), "24h"),
        (("--since", "0h"), "nothing ends in no time"),
        (("--tenant", "a b"), "no name of a tenant"),
    ],
)
def test_what_cannot_be_reported_is_one_sentence(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    refused = desk.types("cost", "report", *arguments)
    assert refused.exit_code == 2
    assert words in refused.output
