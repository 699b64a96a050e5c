"""Microseconds of CPU that classify's residency decision and plan's decision cost for each request.

    python bench/micro_plan.py [REQUESTS]

Uses the default policies. "fresh" facts have never been seen before, so every condition is evaluated; "seen" facts
come from the memory of the compiled policy, as most do in service.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

from pipeline.contracts import Classification, Envelope, Finding, Request
from pipeline.experiments.assignment import choose
from pipeline.policy import Policy, request_facts
from pipeline.policy.load import load_folder
from stages.plan.decide import Facts, choose_route, decide

QUESTION = "A farmer has 17 sheep and buys 5 more each week. How many has she after 6 weeks? " * 4


def cost_us(work: Callable[[], object], rounds: int) -> float:
    """The best of five runs, in microseconds of CPU for one call."""
    best = float("inf")
    for _ in range(5):
        started = time.process_time()
        for _ in range(rounds):
            work()
        best = min(best, time.process_time() - started)
    return best / rounds * 1e6


def forget(policy: Policy) -> None:
    """Empty the memory of answers."""
    policy._route_memory.clear()
    policy._residency_memory.clear()


def main() -> None:
    """Print the table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    policy = load_folder(Path(__file__).parents[1] / "policies", {})
    request = Request(input=QUESTION, origin="EU", session="s1", metadata={"task": "arithmetic"})
    found = Classification(
        data_class="confidential", findings=(Finding(type="PERSON", count=2),), scan="complete", engine="e", origin="EU"
    )
    facts = request_facts(request, found)
    classified = found.model_copy(update={"residency": policy.residency_actions(facts)})
    envelope = Envelope(
        id="r1",
        request=request,
        fingerprint="f",
        lane="interactive",
        received_at=0,
        deadline_at=60,
        policy_revision=policy.revision,
        classification=classified,
    )

    def residency() -> object:
        return policy.residency_actions(request_facts(request, found))

    def plan() -> object:
        chosen = choose_route(request, request_facts(request, classified), policy)
        return decide(envelope, Facts(chosen), policy)

    def fresh(work: Callable[[], object]) -> Callable[[], object]:
        def run() -> object:
            forget(policy)
            return work()

        return run

    weights = {"a": 0.2, "b": 0.3, "c": 0.5}
    rules, targets = len(policy.residency_rules), len(policy.targets)
    rows = {
        f"residency of {targets} targets, {rules} rules, fresh": cost_us(fresh(residency), rounds),
        f"residency of {targets} targets, {rules} rules, seen": cost_us(residency, rounds),
        "plan, fresh": cost_us(fresh(plan), rounds),
        "plan, seen": cost_us(plan, rounds),
        "sticky choice among 3 variants": cost_us(lambda: choose("user-1", "chat/0", weights), rounds),
    }
    for name, micros in rows.items():
        print(f"{name:<45} {micros:8.1f} µs")
    residency_fresh, residency_seen, plan_fresh, plan_seen, _ = rows.values()
    print(f"{'both together, fresh':<45} {residency_fresh + plan_fresh:8.1f} µs")
    print(f"{'both together, seen':<45} {residency_seen + plan_seen:8.1f} µs")


if __name__ == "__main__":
    main()
