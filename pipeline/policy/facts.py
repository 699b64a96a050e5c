"""What conditions can see: the facts of a request as `req.*`, and those of a target as `target.*`.

Every fact is declared here with its type and is always present, so a misspelt name is found when the file is loaded
and never goes unnoticed beside an `||` that decides without it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal

from pipeline.contracts import Classification, ImagePart, Message, Request
from pipeline.policy.kinds import CONTACTS
from pipeline.policy.models import Given, Target

__all__ = [
    "REQUEST_FACTS",
    "TARGET_FACTS",
    "FactType",
    "RequestFacts",
    "facts_of_example",
    "identifiable",
    "request_facts",
    "target_facts",
]

FactType = Literal["text", "text or null", "boolean", "integer", "list", "map"]

REQUEST_FACTS: Final[Mapping[str, FactType]] = MappingProxyType(
    {
        "req.tenant": "text",
        "req.task": "text or null",
        "req.language": "text or null",
        "req.has_schema": "boolean",
        "req.has_tools": "boolean",
        "req.has_images": "boolean",
        "req.has_system": "boolean",
        "req.has_tool_results": "boolean",
        "req.message_count": "integer",
        "req.characters": "integer",
        "req.lane": "text",
        "req.origin": "text or null",
        "req.data_class": "text",
        "req.types": "list",
        "req.special": "list",
        "req.scan": "text",
        "req.names_covered": "boolean",
        "req.identifiable": "boolean",
        "req.metadata": "map",
    }
)
TARGET_FACTS: Final[Mapping[str, FactType]] = MappingProxyType(
    {
        "target.name": "text",
        "target.provider": "text",
        "target.region": "text",
        "target.jurisdiction": "text",
        "target.external": "boolean",
        "target.zdr": "boolean",
        "target.baa": "boolean",
        "target.pci": "boolean",
        "target.training": "boolean",
    }
)


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """The facts of one request, under the names that conditions use."""

    values: Mapping[str, object]

    def key(self, names: Iterable[str]) -> tuple[object, ...]:
        """The named facts as something hashable: equal keys, equal answers."""
        values = self.values
        return tuple(_hashable(values[name]) for name in names)


def request_facts(request: Request, classification: Classification | None = None) -> RequestFacts:
    """Gather the facts of a request. `task` and `language` are what the caller said in its metadata.

    Without a classification nothing is known about the content, so it counts as restricted and unscanned.
    """
    messages = request.conversation()
    found = _UNKNOWN if classification is None else classification
    roles = {message.role for message in messages}
    types = [finding.type for finding in found.findings]
    return RequestFacts(
        {
            "req.tenant": request.tenant,
            "req.task": request.metadata.get("task"),
            "req.language": request.metadata.get("language"),
            "req.has_schema": request.response_schema is not None,
            "req.has_tools": bool(request.tools) or any(message.tool_calls for message in messages),
            "req.has_images": any(_has_image(message) for message in messages),
            "req.has_system": not roles.isdisjoint(_SYSTEM),
            "req.has_tool_results": "tool" in roles,
            "req.message_count": len(messages),
            "req.characters": sum(_characters(message) for message in messages),
            "req.lane": request.lane,
            "req.origin": request.origin,
            "req.data_class": found.data_class,
            "req.types": types,
            "req.special": list(found.special),
            "req.scan": found.scan,
            "req.names_covered": found.names_covered,
            "req.identifiable": identifiable(types),
            "req.metadata": request.metadata,
        }
    )


def facts_of_example(given: Given) -> RequestFacts:
    """The facts that an example in a policy file states; `findings.completed` adds what follows from its types."""
    values = {f"req.{name}": getattr(given, name) for name in Given.model_fields}
    values["req.data_class"] = given.data_class or "public"
    lists = {name: list(value) for name, value in values.items() if isinstance(value, tuple)}
    known = {} if given.identifiable is not None else {"req.identifiable": identifiable(given.types)}
    return RequestFacts(values | lists | known)


def identifiable(types: Iterable[str]) -> bool:
    """Whether findings of these types say who somebody is: a name together with a contact, an id or an address."""
    found = set(types)
    return "PERSON" in found and not found.isdisjoint(CONTACTS)


def target_facts(name: str, target: Target) -> dict[str, object]:
    """The facts of a target."""
    return {
        "target.name": name,
        "target.provider": target.provider,
        "target.region": target.region,
        "target.jurisdiction": target.jurisdiction,
        "target.external": target.external,
        **{f"target.{name}": promised for name, promised in target.properties},
    }


_SYSTEM: Final = frozenset({"system", "developer"})
_UNKNOWN: Final = Classification(data_class="restricted", scan="failed", engine="none", names_covered=False)


def _hashable(value: object) -> object:
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, dict):
        return tuple(sorted(value.items()))
    return value


def _has_image(message: Message) -> bool:
    content = message.content
    return isinstance(content, tuple) and any(isinstance(part, ImagePart) for part in content)


def _characters(message: Message) -> int:
    """Characters of the text of a message, arguments of its tool calls included."""
    content = message.content
    if isinstance(content, str):
        count = len(content)
    else:
        count = sum(len(part.text) for part in content or () if not isinstance(part, ImagePart))
    for call in message.tool_calls or ():
        count += len(str(call.function.get("arguments", "")))
    return count
