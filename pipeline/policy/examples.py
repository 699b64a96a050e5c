"""Runs the examples that stand in policy files. A policy whose own examples fail is refused."""

from collections.abc import Iterator, Mapping

from pipeline.contracts import Residency
from pipeline.policy.compiled import Policy
from pipeline.policy.conditions import Condition, known
from pipeline.policy.facts import RequestFacts, facts_of_example
from pipeline.policy.findings import completed, milder
from pipeline.policy.models import BudgetsFile, Given, ResidencyFile, RoutesFile
from pipeline.policy.problems import Problem
from pipeline.policy.resolve import Located, PolicySet

__all__ = ["failing_examples"]


def failing_examples(policy: Policy, joined: PolicySet) -> Iterator[Problem]:
    """A problem for every example whose expectation does not hold, with what holds instead and why."""
    for routes in joined.route_files:
        yield from _routes(policy, routes)
    for residency in joined.residency:
        yield from _residency(policy, residency)
    for budgets in joined.budget_files:
        yield from _budgets(policy, budgets)


def _routes(policy: Policy, file: Located[RoutesFile]) -> Iterator[Problem]:
    for index, example in enumerate(file.spec.examples):
        if wrong := milder(example.given, policy):
            yield file.problem(wrong, "examples", index, "given", "data_class")
            continue
        choice = policy.route_for(facts_of_example(completed(example.given, policy)))
        found = choice.route.spec.name if choice.route else "no route"
        if found != example.expect:
            because = _unanswered(policy, choice.silent, example.given)
            text = f"the example expects {example.expect}, and the routes say {found}{because}"
            yield file.problem(text, "examples", index, "expect")


def _unanswered(policy: Policy, silent: tuple[str, ...], given: Given) -> str:
    """Why routes that were asked had no answer."""
    facts = facts_of_example(completed(given, policy))
    told = []
    for name in silent:
        route = policy.route(name)
        why = None if route is None else _why(route.condition, facts, {})
        told.append(f"; {name} has no answer: {why or 'its score is none'}")
    return "".join(told)


def _without_answer(policy: Policy, found: Residency, given: Given) -> str:
    """Why the rule that decided had no answer, where it had none."""
    facts = facts_of_example(completed(given, policy))
    for rule in policy.residency_rules:
        if rule.spec.id == found.rule and (why := _why(rule.condition, facts, policy.target_facts[found.target])):
            return f", which has no answer: {why}"
    return ""


def _why(condition: Condition, facts: RequestFacts, target: Mapping[str, object]) -> str | None:
    """What the engine says, without its own code before it."""
    own = tuple(name for name in condition.names if name.startswith("req."))
    said = condition.why(known({**target, **facts.some(own)}, targets=bool(target)))
    return None if said is None else said.partition(": ")[2] or said


def _residency(policy: Policy, file: Located[ResidencyFile]) -> Iterator[Problem]:
    for index, example in enumerate(file.spec.examples):
        if wrong := milder(example.given, policy):
            yield file.problem(wrong, "examples", index, "given", "data_class")
            continue
        actions = policy.residency_actions(facts_of_example(completed(example.given, policy)))
        found = next(action for action in actions if action.target == example.target)
        if found.action != example.expect:
            by = f"by rule {found.rule}" if found.rule else "since no rule speaks about it"
            by += _without_answer(policy, found, example.given)
            text = f"the example expects {example.expect}, and the rules say {found.action} ({by})"
            yield file.problem(text, "examples", index, "expect")
        for name, hidden in (("pseudonymise", found.pseudonymise), ("mask", found.mask)):
            expected = getattr(example, name)
            if expected is not None and set(expected) != set(hidden):
                text = f"the example expects to {name} {_list(expected)}, and the rules say {_list(hidden)}"
                yield file.problem(text, "examples", index, name)


def _budgets(policy: Policy, file: Located[BudgetsFile]) -> Iterator[Problem]:
    """Caps on escalations pay for nothing, so they are not expected."""
    for index, example in enumerate(file.spec.examples):
        if wrong := milder(example.given, policy):
            yield file.problem(wrong, "examples", index, "given", "data_class")
            continue
        covers = policy.covers(facts_of_example(completed(example.given, policy)), {})
        found = tuple(cover.budget for cover in covers if policy.budget(cover.budget) is not None)
        if set(found) != set(example.expect):
            text = f"the example expects {_list(example.expect)} to pay, and the budgets say {_list(found)}"
            yield file.problem(text, "examples", index, "expect")


def _list(types: tuple[str, ...]) -> str:
    return ", ".join(types) or "nothing"
