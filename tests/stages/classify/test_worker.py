"""The stage asks the scanner no more than it must, and whatever goes wrong makes the request restricted."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from policies_pii import policy

from pipeline.adapters.pii import TieredScanner
from pipeline.contracts import Classification, Envelope, Finding, ImagePart, Message, Request
from pipeline.policy import Policy, decided_about
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Outcome, Run, ScanReport
from stages.classify import Classify

EU_STAYS = [
    {
        "when": 'req.origin == "EU" && target.jurisdiction != "EU" && req.data_class in ["confidential", "restricted"]',
        "action": "deny",
    },
    {"when": 'target.external && req.scan != "complete"', "action": "local_only"},
]


class Scanner:
    """A scanner that finds what it is told to, and remembers what it was asked."""

    def __init__(self, *types: str, names: Sequence[str] = (), scan: str = "complete") -> None:
        self.asked: list[tuple[tuple[str, ...], bool]] = []
        self._types = types
        self._names = tuple(names)
        self._scan = scan

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        self.asked.append((tuple(units), names))
        types = (*self._types, *(self._names if names else ()))
        return ScanReport(tuple(Finding(type=kind, count=1, score=0.9) for kind in types), "fake", self._scan)


@pytest.fixture
def rules(tmp_path: Path) -> Policy:
    return policy(tmp_path, EU_STAYS)


async def run(scanner: Scanner | TieredScanner, rules: Policy, revision: str = "", **fields: object) -> Outcome:
    request = Request.model_validate({"input": "hi", **fields})
    envelope = Envelope(
        id="r1", request=request, fingerprint="f", lane="interactive", received_at=1.0, deadline_at=9.0,
        policy_revision=revision or rules.revision,
    )  # fmt: skip
    return await Classify(scanner, FixedPolicy(rules)).handle(envelope, Run())


def classified(outcome: Outcome) -> Classification:
    found = outcome.changes["classification"]
    assert isinstance(found, Classification)
    return found


async def test_names_are_looked_for_where_they_can_change_something(rules: Policy) -> None:
    scanner = Scanner(names=["PERSON"])
    outcome = await run(scanner, rules, origin="EU")
    assert scanner.asked == [(("hi",), False), (("hi",), True)]
    assert classified(outcome).action_for("abroad") == "deny"
    assert outcome.facts["names"] == "scanned"


async def test_names_are_not_looked_for_where_they_cannot(rules: Policy) -> None:
    scanner = Scanner(names=["PERSON"])
    outcome = await run(scanner, rules, origin="US")
    assert scanner.asked == [(("hi",), False)]
    assert classified(outcome).action_for("abroad") == "allow"
    assert outcome.facts["names"] == "not needed"


async def test_a_policy_that_turns_names_off_is_obeyed(tmp_path: Path) -> None:
    scanner = Scanner(names=["PERSON"])
    outcome = await run(scanner, policy(tmp_path, EU_STAYS, names="false"), origin="EU")
    assert scanner.asked == [(("hi",), False)]
    assert outcome.facts["names"] == "off"


async def test_a_failed_scan_is_restricted_and_says_why(rules: Policy) -> None:
    outcome = await run(Scanner(scan="failed"), rules, origin="EU")
    found = classified(outcome)
    assert (found.data_class, found.scan, found.action_for("abroad")) == ("restricted", "failed", "deny")
    assert outcome.reasons[0].startswith("scan failed")


@pytest.mark.parametrize("text", ["a" * 1001, "é" * 501])
async def test_a_request_beyond_the_budget_of_bytes_is_not_scanned_and_restricted(rules: Policy, text: str) -> None:
    scanner = Scanner()
    found = classified(await run(scanner, rules, input=text))
    assert (scanner.asked, found.scan, found.data_class) == ([], "failed", "restricted")


@pytest.mark.parametrize("text", ["a" * 1000, "é" * 500])
async def test_a_request_at_the_budget_of_bytes_is_scanned(rules: Policy, text: str) -> None:
    assert classified(await run(Scanner(), rules, input=text)).scan == "complete"


async def test_too_many_json_values_are_restricted(rules: Policy) -> None:
    found = classified(await run(Scanner(), rules, response_schema={"enum": list(range(30_000))}))
    assert (found.scan, found.data_class) == ("failed", "restricted")


async def test_an_image_is_reported_and_the_policy_decides(rules: Policy) -> None:
    image = ImagePart(type="image_url", image_url={"url": "data:image/png;base64,AA"})
    message = Message(role="user", content=(image,))
    found = classified(await run(Scanner(), rules, input=None, messages=(message,), origin="EU"))
    assert [(finding.type, finding.count) for finding in found.findings] == [("OPAQUE", 1)]
    assert found.action_for("abroad") == "deny"


async def test_an_unknown_revision_is_replaced_by_the_one_in_force(rules: Policy) -> None:
    outcome = await run(Scanner(), rules, revision="gone")
    assert outcome.changes["policy_revision"] == rules.revision


async def test_a_card_in_a_tool_argument_is_found_by_the_real_patterns(rules: Policy) -> None:
    call = {"id": "1", "function": {"name": "pay", "arguments": '{"number": "4111 1111 1111 1111"}'}}
    messages = (Message.model_validate({"role": "assistant", "tool_calls": (call,)}),)
    outcome = await run(TieredScanner(), rules, input=None, messages=messages, origin="US")
    found = classified(outcome)
    assert (found.data_class, [finding.type for finding in found.findings]) == ("restricted", ["CREDIT_CARD"])
    assert "4111" not in repr(outcome)


@pytest.mark.parametrize("origin", ["EU", None])
@pytest.mark.parametrize("types", [(), ("CREDIT_CARD",), ("EMAIL_ADDRESS",)])
async def test_what_it_has_asked_the_policy_is_what_the_guard_would_ask_anew(
    rules: Policy, types: tuple[str, ...], origin: str | None
) -> None:
    request = Request(input="hi", origin=origin)
    envelope = Envelope(
        id="r1", request=request, fingerprint="f", lane="interactive", received_at=1.0, deadline_at=9.0,
        policy_revision=rules.revision,
    )  # fmt: skip
    found = classified(await Classify(Scanner(*types), FixedPolicy(rules)).handle(envelope, Run()))

    for target in rules.targets:
        asked, anew = (decided_about(target, of, found, rules) for of in (request, request.model_copy()))
        assert asked == anew
