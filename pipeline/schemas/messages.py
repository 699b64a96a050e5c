"""JSON Schema 2020-12 of each contract, corrected where pydantic's rendering says less than pydantic checks."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema

from pipeline.contracts import (
    MAX_WHOLE,
    Attempt,
    AuditRecord,
    Chunk,
    DeadLetter,
    Envelope,
    LedgerEntry,
    LedgerPage,
    OutcomeEvent,
    Reply,
    Request,
    RevealRecord,
)

__all__ = ["DIALECT", "MESSAGES", "VERSION", "schema_of"]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
VERSION: Final = "1.0"

MESSAGES: Final[Mapping[str, type[BaseModel]]] = MappingProxyType(
    {
        "request": Request,
        "envelope": Envelope,
        "attempt": Attempt,
        "reply": Reply,
        "chunk": Chunk,
        "audit_record": AuditRecord,
        "reveal_record": RevealRecord,
        "ledger_entry": LedgerEntry,
        "ledger_page": LedgerPage,
        "outcome_event": OutcomeEvent,
        "dead_letter": DeadLetter,
    }
)
"""Every message that leaves a process, by the name of its schema file."""

Schema = dict[str, Any]


class _Untitled(GenerateJsonSchema):
    """A field's name needs no repetition as its title."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002  the base class gives the name
        return False


def schema_of(name: str) -> Schema:
    """The schema of the message `name`, a key of MESSAGES."""
    rendered = MESSAGES[name].model_json_schema(schema_generator=_Untitled)
    _require_discriminators(rendered)
    head = {"$schema": DIALECT, "$id": f"urn:stepwell:{name}:{VERSION}"}
    corrected: Schema = _exact(rendered)
    return head | corrected


def _exact(node: Any) -> Any:
    """Correct every schema inside `node`."""
    if isinstance(node, list):
        return [_exact(item) for item in node]
    if not isinstance(node, dict):
        return node
    return _whole_text(_bounds({key: _exact(value) for key, value in node.items()}))


def _bounds(schema: Schema) -> Schema:
    """Bounds behind a validator function come out of pydantic under its own names, and those of Whole not at all."""
    for ours, theirs, stricter in (("ge", "minimum", max), ("le", "maximum", min)):
        if isinstance(schema.get(ours), int | float):
            bound = schema.pop(ours)
            schema[theirs] = stricter(bound, schema.get(theirs, bound))
    if schema.get("type") == "integer":
        schema.setdefault("minimum", -MAX_WHOLE)
        schema.setdefault("maximum", MAX_WHOLE)
    return schema


def _whole_text(schema: Schema) -> Schema:
    """`$` means the end of the text to pydantic, and to some validators also the place before a last newline."""
    if isinstance(schema.get("pattern"), str) and schema["pattern"].endswith("$"):
        schema["not"] = {"pattern": "\\n"}
    return schema


def _require_discriminators(rendered: Schema) -> None:
    """A tagged union needs its tag, even where the tag has a default."""
    definitions: dict[str, Schema] = rendered.get("$defs", {})
    for node in _nodes(rendered):
        tag = node.get("discriminator")
        if isinstance(tag, dict):
            for reference in tag["mapping"].values():
                member = definitions[reference.rpartition("/")[2]]
                member["required"] = [tag["propertyName"], *(r for r in member["required"] if r != tag["propertyName"])]


def _nodes(node: Any) -> list[Schema]:
    if isinstance(node, list):
        return [found for item in node for found in _nodes(item)]
    if not isinstance(node, dict):
        return []
    return [node, *(found for value in node.values() for found in _nodes(value))]
