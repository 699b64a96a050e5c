"""Microseconds of CPU that planning costs for each request, and the same as a ratio to one JSON parse of the envelope.

    python bench/micro_plan.py [REQUESTS] [--json]

`plan` is the whole stage: signals, facts, route, snapshot, decision. With the default policies for a short question, a
conversation, and with everything switched on (budgets, rates, fallbacks, affinity, a board that has measured all
targets); and with a policy of fifty rules. "cold" facts have never been seen before, so every condition is evaluated;
"warm" ones come from the memory of the compiled policy, as most do in service. Limits: plan 150 µs, fifty rules 80 µs.

The parse is `orjson.loads` of the bytes of the envelope that reaches the stage.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import orjson

from pipeline.contracts import (
    BudgetStanding,
    Classification,
    Cover,
    Envelope,
    Finding,
    Message,
    Request,
    TargetStanding,
)
from pipeline.experiments.affinity import Room, place
from pipeline.experiments.assignment import choose
from pipeline.policy import Policy, decided
from pipeline.policy.facts import facts_of_signals, request_facts
from pipeline.policy.load import load_folder
from pipeline.policy.observed import signals_of
from pipeline.policy.source import FixedPolicy
from pipeline.ports import RateCheck, RateVerdict, RouteStanding, Run
from pipeline.runner import dump_envelope
from stages.plan import Plan, Sources
from stages.plan.decide import decide, plan_in
from stages.plan.route import choose_route

ROOT = Path(__file__).parents[1]
PLAN_US = 150.0
RULES_US = 80.0
QUESTION = "A farmer has 17 sheep and buys 5 more each week. How many has she after 6 weeks? " * 4
RULES = 50


class Row(NamedTuple):
    """What one thing costs: microseconds, how many parses of its envelope that is, and its limit where it has one."""

    name: str
    us: float
    parses: float
    limit_us: float | None = None


class Clock:
    """Always the same time."""

    def now(self) -> float:
        """Seconds."""
        return 10.0

    def monotonic(self) -> float:
        """Seconds."""
        return 10.0


@cache
def measured_target(name: str) -> TargetStanding:
    """What the board holds ready about a target."""
    return TargetStanding(load=0.25, latency_ms=float(len(name) * 100), first_token_ms=50.0)


@cache
def half_of(budget: str) -> BudgetStanding:
    """A budget of which half is left."""
    return BudgetStanding(name=budget, left=0.5, resets_s=60.0)


class Board:
    """Everything is measured, nothing waits, and what is told stands ready, as in the board itself."""

    def target(self, name: str) -> TargetStanding:
        """A target that was measured."""
        return measured_target(name)

    def route(self, name: str) -> RouteStanding:
        """A route with a record."""
        return RouteStanding(100.0, 0.6, 0.001, 300.0, 0.004, 900.0 + len(name))


class Money:
    """A ledger and a meter that answer at once: only our own part is measured."""

    async def standing(self, covers: Sequence[Cover]) -> tuple[BudgetStanding, ...]:
        """Half of each is left."""
        return tuple([half_of(cover.budget) for cover in covers])

    async def hit(self, request: str, checks: Sequence[RateCheck]) -> RateVerdict:
        """Nothing is exceeded."""
        assert request
        assert checks
        return RateVerdict()


def cost_us(work: Callable[[], object], rounds: int) -> float:
    """The best of seven runs, in microseconds of CPU for one call."""
    work()
    best = float("inf")
    for _ in range(7):
        started = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, time.process_time() - started)
    return best / rounds * 1e6


# ---------------------------------------------------------------- policies


def fifty_rules(folder: Path) -> Policy:
    """The default models under fifty rules: thirty routes and twenty residency rules."""
    for name in ("models.yaml", "limits.yaml"):
        (folder / name).write_bytes((ROOT / "policies" / name).read_bytes())
    conditions = [
        'req.task == "kind-{n}"',
        'req.language == "l{n}" && req.tokens > {n}',
        "req.wants_code && req.complexity > 0.{m}",
        "req.has_tools && req.turns > {m}",
        '"{n}" in req.types || req.tenant == "tenant-{n}"',
    ]
    routes = ["apiVersion: stepwell/v1", "kind: Routes", "routes:"]
    for n in range(29):
        condition = conditions[n % len(conditions)].format(n=n + 1, m=99 - n)
        routes.append(f"  - {{name: r{n}, match: '{condition}', tiers: [{{variants: {{small: 1}}}}]}}")
    routes.append('  - {name: rest, match: "true", tiers: [{variants: {small: 1}}, {variants: {large: 1}}]}')
    (folder / "routes.yaml").write_text("\n".join(routes))
    rules = [
        "apiVersion: stepwell/v1",
        "kind: Residency",
        "classes: {restricted: [US_SSN], confidential: [PERSON]}",
        "rules:",
    ]
    for n in range(20):
        when = f'target.external && req.tenant == "t{n}" && req.data_class == "restricted" && "K{n}" in req.types'
        rules.append(f"  - {{id: rule-{n}, when: '{when}', action: deny, reason: because}}")
    (folder / "residency.yaml").write_text("\n".join(rules))
    return load_folder(folder, {})


def everything(folder: Path) -> Policy:
    """The default models with budgets, rates, fallbacks and affinity."""
    for name in ("models.yaml", "residency.yaml"):
        (folder / name).write_bytes((ROOT / "policies" / name).read_bytes())
    (folder / "routes.yaml").write_text(
        """\
apiVersion: stepwell/v1
kind: Routes
routes:
  - name: chat
    match: "true"
    regions: [on-site]
    latency_target_ms: 5000
    skip_draft: {when: both}
    tiers:
      - {variants: {small: 1}, fallbacks: [large]}
      - {variants: {large: 0.5, us-large: 0.5}, choose: affinity, fallbacks: [small]}
"""
    )
    (folder / "budgets.yaml").write_text(
        """\
apiVersion: stepwell/v1
kind: Budgets
budgets:
  - {name: all, limit: {usd: 100}, action: degrade, degrade_to: [small]}
  - {name: each, by: [tenant, user], per: hour, limit: {usd: 1, requests: 100}}
  - {name: batch, match: req.lane == "batch", limit: {usd: 5}}
"""
    )
    (folder / "limits.yaml").write_text(
        """\
apiVersion: stepwell/v1
kind: Limits
rates:
  - {name: fair, by: [tenant, user], requests: 100, tokens: 100000}
"""
    )
    return load_folder(folder, {})


# ---------------------------------------------------------------- requests


def question() -> Request:
    """A short one."""
    return Request(input=QUESTION, origin="EU", session="s1", user="u1", metadata={"task": "arithmetic"})


def conversation() -> Request:
    """Five turns and a last question."""
    turns = [
        Message(role=role, content=f"{QUESTION} And what about turn {n}?")
        for n in range(5)
        for role in ("user", "assistant")
    ]
    return Request(messages=(*turns, Message(role="user", content="Why?")), origin="EU", session="s1", user="u1")


def envelope(request: Request, policy: Policy) -> Envelope:
    """As it reaches the stage."""
    found = Classification(
        data_class="confidential",
        findings=(Finding(type="PERSON", count=2),),
        scan="complete",
        engine="e",
        origin="EU",
        names_scanned=True,
        units="0" * 32,
    )
    found = found.model_copy(update={"residency": decided(request, found, policy)})
    return Envelope(
        id="r1",
        request=request,
        fingerprint="f" * 64,
        lane="interactive",
        received_at=0,
        deadline_at=60,
        policy_revision=policy.revision,
        classification=found,
    )


def ran(stage: Plan, asked: Envelope) -> Callable[[], object]:
    """One run of the stage, without an event loop: nothing in it waits."""
    run = Run()

    def work() -> object:
        waiting = stage.handle(asked, run)
        try:
            waiting.send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("the stage waited for somebody")

    return work


def cold(policy: Policy, work: Callable[[], object]) -> Callable[[], object]:
    """The same, with an empty memory at every run."""

    def forgetful() -> object:
        policy.forget()
        return work()

    return forgetful


# ---------------------------------------------------------------- the table


def measured(rounds: int) -> list[Row]:
    """All rows."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        usual = load_folder(ROOT / "policies", {})
        rich, ruled = everything(Path(one)), fifty_rules(Path(other))
        return [
            *_stage_rows("default policies, a question", usual, question(), Sources(), rounds),
            *_stage_rows("default policies, 11 messages", usual, conversation(), Sources(), rounds),
            *_stage_rows("everything switched on", rich, question(), _all_asked(), rounds),
            *_rule_rows(ruled, rounds),
            *_part_rows(rich, rounds),
        ]


def _all_asked() -> Sources:
    money = Money()
    return Sources(board=Board(), ledger=money, meter=money)  # type: ignore[arg-type]  # the two calls that plan makes


def _stage_rows(name: str, policy: Policy, request: Request, sources: Sources, rounds: int) -> list[Row]:
    asked = envelope(request, policy)
    parse_us = _parse_us(asked, rounds)
    work = ran(Plan(FixedPolicy(policy), Clock(), b"secret", sources), asked)
    result = work()
    assert plan_in(result).tiers  # type: ignore[arg-type, union-attr]
    warm_us, cold_us = cost_us(work, rounds), cost_us(cold(policy, work), rounds)
    return [
        Row(f"plan, {name}, warm", warm_us, warm_us / parse_us, PLAN_US),
        Row(f"plan, {name}, cold", cold_us, cold_us / parse_us, PLAN_US),
    ]


def _rule_rows(policy: Policy, rounds: int) -> list[Row]:
    """Fifty rules: the route (30 conditions) and what each target may see (20 for each of them)."""
    asked = envelope(question(), policy)
    parse_us = _parse_us(asked, rounds)
    signals = signals_of(asked.request, asked.classification, policy, secret=b"s", request_id="r1")

    def rules() -> object:
        facts = request_facts(asked.request, asked.classification)
        policy.residency_actions(facts)
        return choose_route(signals, facts_of_signals(signals), policy)

    rows = []
    for how, work in (("warm", rules), ("cold", cold(policy, rules))):
        us = cost_us(work, rounds)
        rows.append(Row(f"{RULES} rules (30 routes, 20 residency), {how}", us, us / parse_us, RULES_US))
    return rows


def _part_rows(policy: Policy, rounds: int) -> list[Row]:
    asked = envelope(question(), policy)
    parse_us = _parse_us(asked, rounds)
    outcome = asyncio.run(Plan(FixedPolicy(policy), Clock(), b"secret", _all_asked()).handle(asked, Run()))
    plan = plan_in(outcome)
    assert plan is not None
    assert plan.signals is not None
    assert plan.snapshot is not None
    signals, snapshot = plan.signals, plan.snapshot
    residency = asked.classification.residency if asked.classification else ()
    weights, rooms = {"a": 0.2, "b": 0.3, "c": 0.5}, {name: Room(8, 0.5) for name in "abcd"}
    parts: dict[str, Callable[[], object]] = {
        "signals of the question": lambda: signals_of(
            asked.request, asked.classification, policy, secret=b"s", request_id="r1"
        ),
        "decision alone (everything switched on)": lambda: decide(signals, residency, snapshot, policy),
        "sticky choice among 3 variants": lambda: choose("user-1", "chat/0", weights),
        "affinity among 4 servers": lambda: place("prompt", "affinity", rooms),
        "one JSON parse of the envelope": lambda: orjson.loads(_bytes(asked)),
    }
    rows = []
    for name, work in parts.items():
        us = parse_us if name.startswith("one JSON") else cost_us(work, rounds)
        rows.append(Row(name, us, us / parse_us))
    return rows


def _bytes(asked: Envelope) -> bytes:
    return dump_envelope(asked)


def _parse_us(asked: Envelope, rounds: int) -> float:
    body = _bytes(asked)
    return cost_us(lambda: orjson.loads(body), rounds * 5)


def main() -> None:
    """Print the table, or with --json the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("requests", type=int, nargs="?", default=2000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    rows = measured(chosen.requests)
    if chosen.json:
        json.dump([row._asdict() for row in rows], sys.stdout, indent=1)
        return
    print(f"{'':<52}{'µs':>9}{'parses':>9}{'limit':>8}")
    for row in rows:
        limit = f"{row.limit_us:.0f}" if row.limit_us is not None else ""
        over = "  above" if row.limit_us is not None and row.us > row.limit_us else ""
        print(f"{row.name:<52}{row.us:>9.1f}{row.parses:>9.1f}{limit:>8}{over}")


if __name__ == "__main__":
    main()
