"""No byte of planted data reaches a target that the policy keeps it from; and the fuzz sees it when one does."""

import asyncio
from collections.abc import Collection

import pytest

from bench.pii.residency import Tally, fuzz
from pipeline.adapters.models import permits
from pipeline.contracts import Classification, Request, Residency, Shielded
from pipeline.disclosure import guard
from pipeline.policy import Policy
from pipeline.policy.kinds import covers
from stages.audit import worker as audit


def tried(requests: int, seed: int = 11) -> Tally:
    return asyncio.run(fuzz(requests, seed))


def test_under_random_policies_no_target_sees_what_is_denied_or_hidden() -> None:
    tally = tried(500)
    assert tally.violations == []
    assert tally.policies == 25
    assert min(tally.calls, tally.refused, tally.denied_targets) > 200, "else nothing was tried"
    assert min(tally.hidden, tally.shown, tally.remembered) > 10
    assert 0 < tally.withheld <= tally.dead_letters


@pytest.mark.slow
def test_under_more_random_policies_neither() -> None:
    assert tried(4000, 12).violations == []


def test_a_guard_that_believes_what_travels_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def believing(request: Request, found: Classification, target: str, policy: Policy, *_: object) -> Residency:
        return next(entry for entry in found.residency if entry.target == target)

    monkeypatch.setattr(guard, "judged", believing)
    monkeypatch.setattr(permits, "judged", believing)
    assert any("was called and is denied" in line for line in tried(60).violations)


def test_a_type_that_is_forgotten_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "covers", lambda types, kind: kind != "EMAIL" and covers(types, kind))
    assert any("saw EMAIL" in line for line in tried(300).violations)


def test_a_field_that_is_not_left_out_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def everything(request: Request, seen: Collection[str]) -> tuple[Request, tuple[Shielded, ...]]:
        return request, ()

    monkeypatch.setattr(guard, "trimmed", everything)
    assert any("saw user" in line for line in tried(60).violations)


def test_a_cache_without_a_ceiling_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "may_keep", lambda *_: True)
    assert any("remembered above the ceiling" in line for line in tried(240).violations)
