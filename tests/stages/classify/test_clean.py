"""What is concluded of clean requests is remembered: whoever came before, each gets what it would get alone."""

import random
from collections.abc import Sequence
from pathlib import Path

import pytest
from policies_pii import policy

from pipeline.contracts import Envelope, Finding, Request
from pipeline.policy import Policy
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Outcome, PiiScanner, Run, ScanReport
from stages.classify import Classify

REQUESTS = 300
RULES = [
    {"when": 'req.origin == "EU" && target.jurisdiction != "EU" && req.data_class == "restricted"', "action": "deny"},
    {"when": 'target.external && req.tenant == "home"', "action": "local_only"},
    {"when": 'target.external && req.scan != "complete"', "action": "local_only"},
    {"when": "target.external && !req.names_covered", "action": "deny"},
    {"when": "req.has_tools && target.external", "action": "deny"},
    {"when": 'req.tenant == "acme" && req.data_class == "confidential" && target.external', "action": "deny"},
]
HIDING = [*RULES[1:], {"when": 'target.external && req.task == "hide"', "action": "mask, types: [EMAIL]"}]


class Reports:
    """A scanner that says what the text of a request says that it should."""

    def __init__(self) -> None:
        self.asked = 0

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        self.asked += 1
        text = units[0]
        state = next((word for word in ("failed", "partial") if word in text), "complete")
        types = [*(["CREDIT_CARD"] if "card" in text else []), *(["PERSON"] if names and "name" in text else [])]
        found = tuple(Finding(type=kind, count=1, score=0.9) for kind in types)
        engine = "other" if "other" in text else "fake"
        return ScanReport(found, engine, state, names_covered="strange" not in text or not names)


def policies(folder: Path) -> list[Policy]:
    made = []
    for at, (rules, names) in enumerate([(RULES, "true"), (RULES, "false"), (HIDING, "true"), (HIDING, "false")]):
        (folder / str(at)).mkdir()
        made.append(policy(folder / str(at), rules, names=names))
    return made


def asked(draw: random.Random, rules: Policy, number: int) -> Envelope:
    words = ["hello", "hello", "hello", "card", "name", "failed", "partial", "other", "strange"]
    messages: list[dict[str, object]] = [{"role": "user", "content": f"{draw.choice(words)} {number % 7}"}]
    if draw.random() < 0.1:
        image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
        messages.append({"role": "user", "content": (image,) * draw.randint(1, 3)})
    fields = {
        "messages": tuple(messages),
        "tenant": draw.choice(["home", "acme"]),
        "origin": draw.choice([None, "EU", "US"]),
        "metadata": draw.choice([{}, {}, {"task": "hide"}]),
        "tools": draw.choice([None, None, None, ({"type": "function"},)]),
    }
    return Envelope(
        id=f"r{number}", request=Request.model_validate(fields), fingerprint="f", lane="interactive",
        received_at=1.0, deadline_at=9.0, policy_revision=rules.revision if draw.random() < 0.9 else "gone",
    )  # fmt: skip


async def seen(scanner: PiiScanner, rules: Policy, envelope: Envelope) -> Outcome:
    return await Classify(scanner, FixedPolicy(rules)).handle(envelope, Run())


async def test_whoever_came_before_a_request_is_classified_as_it_is_alone(tmp_path: Path) -> None:
    draw, scanner = random.Random(7), Reports()
    for rules in policies(tmp_path):
        stage = Classify(scanner, FixedPolicy(rules))
        for number in range(REQUESTS):
            envelope = asked(draw, rules, number)

            together, alone = await stage.handle(envelope, Run()), await seen(scanner, rules, envelope)

            assert together == alone
            found, expected = together.changes["classification"], alone.changes["classification"]
            assert found.model_dump_json() == expected.model_dump_json()  # type: ignore[attr-defined]
            assert found.model_fields_set == expected.model_fields_set  # type: ignore[attr-defined]


@pytest.mark.parametrize("trouble", ["failed", "partial", "card"])
async def test_what_was_clean_before_excuses_nobody(tmp_path: Path, trouble: str) -> None:
    rules = policy(tmp_path, RULES, names="false")
    stage = Classify(Reports(), FixedPolicy(rules))
    clean, other = (
        Envelope(
            id=word, request=Request(input=word), fingerprint="f", lane="interactive", received_at=1.0,
            deadline_at=9.0, policy_revision=rules.revision,
        )
        for word in ("hello", trouble)
    )  # fmt: skip

    outcomes = [await stage.handle(envelope, Run()) for envelope in (clean, other, clean)]

    assert [outcome.facts["data_class"] for outcome in outcomes][::2] == ["public", "public"]
    assert outcomes[1] == await seen(Reports(), rules, other)
    assert outcomes[1] != outcomes[0]


async def test_every_text_is_scanned_whatever_is_remembered(tmp_path: Path) -> None:
    rules, scanner = policy(tmp_path, RULES, names="false"), Reports()
    stage = Classify(scanner, FixedPolicy(rules))
    draw = random.Random(1)
    for number in range(9):
        await stage.handle(asked(draw, rules, number), Run())

    assert scanner.asked == 9
