"""Random policies and requests with planted data, and an evaluator of their rules that shares nothing with the product.

A rule is drawn twice over: as CEL text for the policy file, and as a plain Python function over plain facts. The second
is the oracle: three-valued, strongest action first, types of all rules joined.
"""

import contextlib
import json
import random
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pipeline.policy.expression import tree
from pipeline.policy.logic import formula, never

__all__ = ["KINDS", "Case", "Rules", "Verdict", "case", "rules", "texts_of"]

Facts = Mapping[str, Any]
Answer = bool | None
Test = Callable[[Facts, Facts], Answer]

KINDS: Final = ("CREDIT_CARD", "EMAIL", "HEALTH", "ORG", "PERSON", "PHONE", "SECRET")
CLASSES: Final = ("restricted", "confidential", "internal")
ORDER: Final = ("public", "internal", "confidential", "restricted")
STRENGTH: Final = ("allow", "pseudonymise", "mask", "local_only", "deny")
CONTACTS: Final = frozenset({"CREDIT_CARD", "EMAIL", "PHONE"})
NEEDED: Final = ("messages", "system", "tools", "tool_results", "response_schema", "images")
FIELDS: Final = (*NEEDED, "names", "user", "session", "metadata", "request_id", "traceparent")
PROVIDERS: Final = ("p1", "p2", "p3")


# ---------------------------------------------------------------- conditions


def _atoms() -> list[tuple[str, Test]]:
    """Each simple condition as CEL and as Python."""
    atoms: list[tuple[str, Test]] = [
        ("target.external", lambda _, t: t["external"]),
        ('target.jurisdiction != "EU"', lambda _, t: t["jurisdiction"] != "EU"),
        ('target.provider == "p1"', lambda _, t: t["provider"] == "p1"),
        ("target.training", lambda _, t: t["training"]),
        ('req.origin == "EU"', lambda r, _: r["origin"] == "EU"),
        ("req.origin == null", lambda r, _: r["origin"] is None),
        ('req.data_class == "restricted"', lambda r, _: r["data_class"] == "restricted"),
        ('req.data_class != "public"', lambda r, _: r["data_class"] != "public"),
        ('req.scan == "complete"', lambda r, _: r["scan"] == "complete"),
        ("req.names_covered", lambda r, _: r["names_covered"]),
        ("req.identifiable", lambda r, _: "PERSON" in r["types"] and bool(CONTACTS & set(r["types"]))),
        ("req.has_images", lambda r, _: r["images"]),
        ("req.has_tools", lambda r, _: r["tools"]),
        ('"health" in req.special', lambda r, _: "HEALTH" in r["types"]),
        ('req.tenant == "acme"', lambda r, _: r["tenant"] == "acme"),
        ('req.metadata.nothing == "x"', lambda _r, _t: None),
        ("true", lambda _r, _t: True),
    ]
    return atoms + [(f'"{kind}" in req.types', _holds(kind)) for kind in KINDS]


def _holds(kind: str) -> Test:
    return lambda r, _: kind in r["types"]


def _condition(draw: random.Random, depth: int = 2) -> tuple[str, Test]:
    shape = draw.random()
    if depth == 0 or shape < 0.45:
        return draw.choice(_ATOMS)
    left, test = _condition(draw, depth - 1)
    if shape < 0.6:
        return f"!({left})", lambda r, t: None if (known := test(r, t)) is None else not known
    right, other = _condition(draw, depth - 1)
    if shape < 0.85:
        return f"({left}) && ({right})", lambda r, t: _and(test(r, t), other(r, t))
    return f"({left}) || ({right})", lambda r, t: _or(test(r, t), other(r, t))


def _possible(draw: random.Random) -> tuple[str, Test]:
    """A condition that is no contradiction; a policy with one of those is refused."""
    while True:
        text, test = _condition(draw)
        if not never(formula(tree(text, targets=True))):
            return text, test


def _and(one: Answer, other: Answer) -> Answer:
    return False if one is False or other is False else None if one is None or other is None else True


def _or(one: Answer, other: Answer) -> Answer:
    return True if one is True or other is True else None if one is None or other is None else False


_ATOMS: Final = _atoms()


# ---------------------------------------------------------------- policies


@dataclass(frozen=True)
class Verdict:
    """What the oracle says of a target: whether it may be called, and which types it must not see (`*`: all)."""

    may: bool
    hidden: frozenset[str]
    shown: frozenset[str]

    def hides(self, kind: str) -> bool:
        """Whether data of this kind must not reach the target."""
        return "*" in self.hidden or kind in self.hidden


@dataclass
class Rules:
    """A random policy: what its files say, and what they mean."""

    files: dict[str, str]
    targets: dict[str, dict[str, Any]]
    classes: dict[str, str]
    rules: list[tuple[str, Test, tuple[str, ...]]]
    shown: dict[str, tuple[str, ...]]
    cache_up_to: str
    dead_up_to: str

    def class_of(self, types: frozenset[str]) -> str:
        """The strictest class of these types."""
        found = [self.classes.get(kind, "confidential") for kind in types]
        return max(found, key=ORDER.index, default="public")

    def verdict(self, name: str, facts: Facts) -> Verdict:
        """Ask every rule about one target."""
        target = self.targets[name]
        strongest, hidden = "allow", set[str]()
        for action, test, types in self.rules:
            answer = test(facts, target)
            if answer is None:
                strongest = "deny"
            elif answer:
                strongest = max(strongest, action, key=STRENGTH.index)
                hidden |= set(types)
        shown = frozenset(self.shown.get(target["provider"], self.shown["default"]))
        unseen = [name for name in NEEDED if facts["needs"][name] and name not in shown]
        may = strongest != "deny" and not unseen and not (strongest == "local_only" and target["external"])
        return Verdict(may, frozenset(hidden), shown)


def rules(draw: random.Random, address: str) -> Rules:
    """A policy with two to four targets at `address`."""
    targets = {f"t{number}": _target(draw) for number in range(draw.randint(2, 4))}
    classes = {kind: draw.choice(CLASSES) for kind in KINDS if draw.random() < 0.85}
    written, meant = [], []
    for number in range(draw.randint(0, 6)):
        text, test = _possible(draw)
        action = draw.choice(STRENGTH)
        hides = action in ("pseudonymise", "mask")
        types = tuple(draw.sample(KINDS, draw.randint(1, 4))) if hides and draw.random() < 0.6 else ("*",)
        written.append({"id": f"r{number}", "when": text, "action": action, "reason": "drawn"})
        if hides:
            written[-1]["types"] = types
        meant.append((action, test, types if hides else ()))
    providers = sorted({target["provider"] for target in targets.values()})
    shown = {name: _fields(draw) for name in ("default", *providers) if name == "default" or draw.random() < 0.4}
    cache_up_to, dead_up_to = draw.choice(ORDER), draw.choice(ORDER)
    residency = {
        "apiVersion": "stepwell/v1",
        "kind": "Residency",
        "classes": {name: [kind for kind, own in classes.items() if own == name] for name in CLASSES},
        "special": {"health": ["HEALTH"]},
        "pseudonyms": {"style": draw.choice(["typed", "format"])},
        "output": {"scan": draw.choice(["none", "all"]), "mask": ["SECRET"]},
        "visibility": {
            "providers": shown,
            "sinks": {"cache": {"up_to": cache_up_to}, "dead_letters": {"up_to": dead_up_to}},
        },
        "rules": written,
    }
    return Rules(_files(draw, targets, residency, address), targets, classes, meant, shown, cache_up_to, dead_up_to)


def _target(draw: random.Random) -> dict[str, Any]:
    return {
        "provider": draw.choice(PROVIDERS),
        "jurisdiction": draw.choice(["EU", "US"]),
        "external": draw.random() < 0.7,
        "training": draw.random() < 0.5,
    }


def _fields(draw: random.Random) -> tuple[str, ...]:
    """Mostly all that requests need, and some of the rest."""
    needed = [name for name in NEEDED if name == "messages" or draw.random() < 0.9]
    return (*needed, *(name for name in FIELDS if name not in NEEDED and draw.random() < 0.4))


def _files(
    draw: random.Random, targets: Mapping[str, Mapping[str, Any]], residency: object, address: str
) -> dict[str, str]:
    """The policy folder. JSON is YAML."""
    spec = {
        name: {
            "endpoint": f"{address}/{name}/v1",
            "model": "m",
            "provider": target["provider"],
            "region": "r",
            "jurisdiction": target["jurisdiction"],
            "external": target["external"],
            "properties": {"training": target["training"]},
            "context_window": 10_000_000,
            "capabilities": ["chat", "json_schema", "tools", "vision", "stream"],
        }
        for name, target in targets.items()
    }
    order = draw.sample(sorted(targets), len(targets))
    route = {"name": "chat", "tiers": [{"variants": {name: 1}} for name in order], "max_escalations": len(order)}
    head = {"apiVersion": "stepwell/v1"}
    models = {**head, "kind": "Models", "targets": spec, "variants": {name: {"target": name} for name in spec}}
    return {
        "models.yaml": json.dumps(models),
        "routes.yaml": json.dumps({**head, "kind": "Routes", "routes": [route]}),
        "residency.yaml": json.dumps(residency),
        "limits.yaml": json.dumps({**head, "kind": "Limits"}),
    }


# ---------------------------------------------------------------- requests


@dataclass
class Case:
    """A request with planted data, and how its scan goes.

    Attributes:
        request: as a caller writes it.
        plants: value -> its type, for all that a scan of the request sees.
        fields: field of the request -> the values in it that belong to nobody but who may see that field.
        ids: values in ids of tool calls, which no external target sees.
        scan: `complete`, `partial` or `failed`.
        covered: whether the language of the request is one whose names are known.
    """

    request: dict[str, Any]
    plants: dict[str, str] = field(default_factory=dict)
    fields: dict[str, set[str]] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    scan: str = "complete"
    covered: bool = True

    def facts(self, rules: Rules, *, names_scanned: bool) -> Facts:
        """What rules see of it, from what was planted where some provider can see it."""
        providers = {target["provider"] for target in rules.targets.values()}
        anyone = {name for each in providers for name in rules.shown.get(each, rules.shown["default"])}
        there = self._without({"user", "session"} - anyone)
        seen = {kind for value, kind in self.plants.items() if value in there}
        images = "image_url" in there
        types = frozenset(() if self.scan == "failed" else seen) | (frozenset({"OPAQUE"}) if images else frozenset())
        roles = {message["role"] for message in self.request.get("messages", ())}
        calls = any("tool_calls" in message for message in self.request.get("messages", ()))
        tools = bool(self.request.get("tools")) or calls
        return {
            "origin": self.request.get("origin"),
            "tenant": self.request["tenant"],
            "types": types,
            "data_class": "restricted" if self.scan == "failed" else rules.class_of(types),
            "scan": self.scan,
            "names_covered": self.covered or not names_scanned,
            "images": images,
            "tools": tools,
            "needs": {
                "messages": True,
                "system": "system" in roles,
                "tools": tools,
                "tool_results": "tool" in roles,
                "response_schema": "response_schema" in self.request,
                "images": images,
            },
        }

    def beside(self, value: str, name: str) -> bool:
        """Whether the value stands in another field than this one too."""
        return value in self._without({name})

    def _without(self, names: Collection[str]) -> str:
        return "\n".join(texts_of({name: part for name, part in self.request.items() if name not in names}))


def texts_of(document: Any) -> Iterator[str]:
    """Every key and value as text, those inside of texts that hold JSON too, with all escapes resolved."""
    waiting = [document]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            waiting += [*part, *part.values()]
        elif isinstance(part, list | tuple):
            waiting += part
        else:
            yield str(part)
            with contextlib.suppress(ValueError):
                if isinstance(part, str) and part[:1] in "{[":
                    waiting.append(json.loads(part))


class _Planter:
    """Draws values, and remembers them."""

    def __init__(self, draw: random.Random, made: Case) -> None:
        self._draw = draw
        self._case = made

    def value(self) -> str:
        """A new value of some type, or one that was planted before."""
        draw, plants = self._draw, self._case.plants
        if plants and draw.random() < 0.2:
            return draw.choice(sorted(plants))
        kind = draw.choice(KINDS)
        value = _value(draw, kind)
        plants[value] = kind
        return value

    def text(self, chance: float = 0.5) -> str:
        """Some words, perhaps with a value between them."""
        words = self._draw.choice(["Please look at", "so then", "é ☃ about", 'he said "yes" to', "a \\ b"])
        return f"{words} {self.value()} today" if self._draw.random() < chance else words

    def json(self, depth: int = 2) -> Any:
        """A document, with values as texts, numbers and keys."""
        draw = self._draw
        shape = draw.random()
        if depth == 0 or shape < 0.5:
            return draw.choice([self.text, lambda: draw.randint(0, 9), lambda: None, lambda: True, self._number])()
        if shape < 0.7:
            return [self.json(depth - 1) for _ in range(draw.randint(0, 3))]
        keys = [draw.choice(["name", "to", "format", self.value()]) for _ in range(draw.randint(1, 3))]
        return {key: self.json(depth - 1) for key in keys}

    def _number(self) -> int:
        number = f"4{self._draw.randrange(10**14, 10**15)}"
        self._case.plants[number] = "CREDIT_CARD"
        return int(number)

    def arguments(self) -> str:
        """Arguments of a tool call, sometimes with escapes, sometimes no JSON at all."""
        if self._draw.random() < 0.15:
            return "{" + self.text()
        text = json.dumps({"x": self.json(), "y": self.text()}, ensure_ascii=self._draw.random() < 0.5)
        return text.replace("@", "\\u0040") if self._draw.random() < 0.3 else text


def _value(draw: random.Random, kind: str) -> str:
    number = draw.randrange(10**8, 10**9)
    return {
        "CREDIT_CARD": f"4{draw.randrange(10**14, 10**15)}",
        "EMAIL": f"odalys.{number}@mail{number % 97}.example",
        "HEALTH": f"morbus brandvold {number}",
        "ORG": f"Quillbane{number} Ltd",
        "PERSON": f"Odalys{number} Brandvold",
        "PHONE": f"030 {number}",
        "SECRET": f"sk-live-{number}x{number % 89}",
    }[kind]


def case(draw: random.Random, number: int) -> Case:
    """A request with values in some of its fields."""
    made = Case(
        {"id": f"req{number}x{draw.randrange(10**9)}", "tenant": draw.choice(["acme", "other"]), "cache": "refresh"}
    )
    plant = _Planter(draw, made)
    made.scan = draw.choices(["complete", "partial", "failed"], [0.8, 0.1, 0.1])[0]
    made.covered = draw.random() < 0.8
    request = made.request
    if draw.random() < 0.7:
        request["origin"] = draw.choice(["EU", "US"])
    if draw.random() < 0.4:
        request["input"] = plant.text(0.8)
    else:
        request["messages"] = list(_messages(draw, plant, made))
    _extras(draw, plant, made)
    return made


def _extras(draw: random.Random, plant: _Planter, made: Case) -> None:
    request = made.request
    if draw.random() < 0.25:
        request["tools"] = [
            {"type": "function", "function": {"name": "f", "description": plant.text(), "parameters": plant.json()}}
        ]
        if draw.random() < 0.3:
            request["tool_choice"] = {"type": "function", "function": {"name": plant.text()}}
    if draw.random() < 0.2:
        request["response_schema"] = {"description": plant.text(), "properties": {"a": {"enum": [plant.json(1)]}}}
    if draw.random() < 0.15:
        request["parameters"] = {"stop": [plant.text()]}
    if draw.random() < 0.4:
        request["metadata"] = {"note": _owned(plant, made, "metadata")}
    for name in ("user", "session"):
        if draw.random() < 0.4:
            request[name] = _owned(plant, made, name)


def _owned(plant: _Planter, made: Case, name: str) -> str:
    """A new value that stands in one field alone."""
    value = plant.value()
    made.fields.setdefault(name, set()).add(value)
    return value


def _messages(draw: random.Random, plant: _Planter, made: Case) -> Iterator[dict[str, Any]]:
    for _ in range(draw.randint(1, 4)):
        role = draw.choice(["user", "user", "system", "assistant", "tool"])
        message: dict[str, Any] = {"role": role, "content": plant.text()}
        if role == "user" and draw.random() < 0.2:
            message["content"] = [{"type": "text", "text": plant.text()}]
            if draw.random() < 0.3:
                message["content"].append({"type": "image_url", "image_url": {"url": "https://image.example/a.png"}})
        if draw.random() < 0.2:
            message["name"] = plant.text()
        if role == "assistant" and draw.random() < 0.7:
            own = f"call{draw.randrange(10**9)}"
            made.ids.add(own)
            function = {"name": plant.text(0.1), "arguments": plant.arguments()}
            message["tool_calls"] = [{"id": own, "type": "function", "function": function}]
        yield message
