"""What may happen with data at each target: the residency rules and the visibility of a policy, asked together."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from pipeline.contracts import Action, DataClass, Residency
from pipeline.policy.compiled_parts import CompiledRule
from pipeline.policy.expression import tree
from pipeline.policy.facts import RequestFacts
from pipeline.policy.kinds import EVERY
from pipeline.policy.logic import formula, ruled_out
from pipeline.policy.models import REQUIRED, TRANSFORMS, Exposed, Target, Visibility
from pipeline.policy.questions import REMEMBERED, Answers, Asked, Questions, bits, mentioned

__all__ = ["SEVERITY", "ResidencyBook", "permits", "stricter"]

SEVERITY: Final[Mapping[Action, int]] = {"allow": 0, "pseudonymise": 1, "mask": 2, "local_only": 3, "deny": 4}
_ORDER: Final[tuple[DataClass, ...]] = ("public", "internal", "confidential", "restricted")
_SHOWS: Final[Mapping[Exposed, str]] = {
    "system": "req.has_system",
    "tools": "req.has_tools",
    "tool_results": "req.has_tool_results",
    "response_schema": "req.has_schema",
    "images": "req.has_images",
}
"""The fact that says whether a request has a field; every request has messages."""
_SHOWN: Final = tuple(sorted(_SHOWS.values()))


class ResidencyBook:
    """The residency rules of a policy over its targets.

    Attributes:
        names: the facts of a request on which decisions depend: those of the rules, and of visibility.
    """

    def __init__(
        self,
        targets: Mapping[str, Target],
        facts: Mapping[str, Mapping[str, object]],
        visibility: Visibility,
        rules: Sequence[CompiledRule],
    ) -> None:
        """Put the rules together. `facts`: what conditions see of each target."""
        self.names = tuple(sorted({*mentioned(rule.condition for rule in rules), *_SHOWN}))
        self._targets = targets
        self._rules = {name: _concerning(rules, facts[name]) for name in targets}
        # Targets that the same rules concern, as all of our own are, share the questions.
        questions = {held: _questions(held) for held in set(self._rules.values())}
        self._repeats = all(asked.repeats for asked in questions.values())
        self._asked = [
            Asked(questions[held], facts[name], remembers=not self._repeats) for name, held in self._rules.items()
        ]
        self._missing = {name: _unseen(visibility, target) for name, target in targets.items()}
        self._memory: dict[tuple[object, ...], tuple[Residency, ...]] = {}

    def actions(self, facts: RequestFacts) -> tuple[Residency, ...]:
        """The decision for each target, in their order."""
        if self._repeats:
            key = facts.key(self.names)
            return self._memory.get(key) or self._decided(key, facts, self._answers(facts))
        answers = self._answers(facts)
        key = (answers, facts.key(_SHOWN))
        return self._memory.get(key) or self._decided(key, facts, answers)

    def forget(self) -> None:
        """Empty the memory."""
        self._memory.clear()
        for asked in self._asked:
            asked.forget()

    def _answers(self, facts: RequestFacts) -> tuple[Answers, ...]:
        return tuple(asked.ask(facts) for asked in self._asked)

    def _decided(
        self, key: tuple[object, ...], facts: RequestFacts, answers: Sequence[Answers]
    ) -> tuple[Residency, ...]:
        decided = tuple(self._decision(name, facts, found) for name, found in zip(self._targets, answers, strict=True))
        if len(self._memory) >= REMEMBERED:
            self._memory.clear()
        self._memory[key] = decided
        return decided

    def _decision(self, target: str, facts: RequestFacts, answers: Answers) -> Residency:
        hidden = self._hidden(target, facts)
        decided = Residency(target=target, action="allow") if hidden is None else hidden
        shields: dict[str, dict[str, None]] = {action: {} for action in TRANSFORMS}
        for at in bits(answers.true | answers.silent):
            rule = self._rules[target][at].spec
            silent = answers.silent >> at & 1
            action: Action = "deny" if silent else rule.action
            if action in shields:
                shields[action].update(dict.fromkeys(rule.types or (EVERY,)))
            if decided.rule is None or SEVERITY[action] > SEVERITY[decided.action]:
                reason = f"rule {rule.id} has no answer" if silent else rule.reason
                decided = Residency(target=target, action=action, rule=rule.id, reason=reason)
        return _shielding(decided, shields["pseudonymise"], shields["mask"])

    def _hidden(self, target: str, facts: RequestFacts) -> Residency | None:
        """The denial of a target whose provider may not see a field that the request needs."""
        missing = [field for field in self._missing[target] if field not in _SHOWS or facts.values[_SHOWS[field]]]
        if not missing:
            return None
        provider = self._targets[target].provider
        reason = f"the provider {provider} may not see {', '.join(missing)} of a request"
        return Residency(target=target, action="deny", rule=f"visibility:{provider}", reason=reason)


def permits(action: Action, target: Target) -> bool:
    """Whether a residency decision lets the target serve: `local_only` lets those that are not external."""
    return action != "deny" and (action != "local_only" or not target.external)


def stricter(data_class: DataClass, other: DataClass) -> bool:
    """Whether `data_class` is above `other`."""
    return _ORDER.index(data_class) > _ORDER.index(other)


def _concerning(rules: Sequence[CompiledRule], target: Mapping[str, object]) -> tuple[CompiledRule, ...]:
    """The rules without those that are false at this target whatever is asked, such as `target.external && …`."""
    return tuple(rule for rule in rules if not ruled_out(formula(tree(rule.condition.source, targets=True)), target))


def _questions(rules: Sequence[CompiledRule]) -> Questions:
    return Questions([rule.condition for rule in rules], targets=True)


def _unseen(visibility: Visibility, target: Target) -> tuple[Exposed, ...]:
    shown = visibility.shown_to(target.provider)
    return tuple(field for field in REQUIRED if field not in shown)


def _shielding(decided: Residency, pseudonymise: Iterable[str], mask: Iterable[str]) -> Residency:
    """The decision with the types to hide; what is masked anyway is not given a pseudonym too."""
    masked = tuple(mask)
    if not masked and not pseudonymise:
        return decided
    replaced = () if EVERY in masked else tuple(kind for kind in pseudonymise if kind not in masked)
    return decided.model_copy(update={"pseudonymise": replaced, "mask": masked})
