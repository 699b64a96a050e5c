"""The questions, as requests. Written for this evaluation; the prompts are the same for every model."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal

import orjson

from pipeline.contracts import Message, Parameters, Request
from pipeline.embedded.demo.cases import Case
from pipeline.embedded.demo.grading import Expected

__all__ = ["KINDS", "Half", "cases"]

Half = Literal["fit", "score"]
QUESTIONS: Final = Path(__file__).with_name("questions.jsonl")
KINDS: Final = {"arithmetic": "arithmetic", "label": "labels", "extraction": "extraction", "faq": "chat"}
"""Kind of question -> route."""
LABELS: Final = ("billing", "delivery", "returns", "account", "technical", "other")
_PROMPTS: Final = {
    "arithmetic": "Solve the problem. Answer with the number alone, as JSON.",
    "label": "Which label fits the customer's message? billing: charges, invoices, refunds. delivery: parcels on the "
    "way. returns: sending goods back. account: login, profile. technical: something does not work. other: anything "
    "else.",
    "extraction": "Copy these fields from the text, word for word, as JSON: {names}. Numbers without units.",
    "faq": "Answer in one short sentence.",
}
_MOST: Final = {"arithmetic": 32, "label": 32, "extraction": 96, "faq": 60}


@cache
def cases(half: Half) -> tuple[Case, ...]:
    """The questions of one half, the kinds mixed in a fixed order."""
    rows = [orjson.loads(line) for line in QUESTIONS.read_bytes().splitlines()]
    chosen = [row for row in rows if row["half"] == half]
    kinds = [[row for row in chosen if row["kind"] == kind] for kind in KINDS]
    return tuple(_case(row) for four in zip(*kinds, strict=True) for row in four)


def _case(row: Mapping[str, Any]) -> Case:
    kind, expected = row["kind"], row["expected"]
    names = ", ".join(expected.get("fields", ()))
    request = Request(
        route=KINDS[kind],
        messages=(
            Message(role="system", content=_PROMPTS[kind].format(names=names)),
            Message(role="user", content=row["text"]),
        ),
        response_schema=_schema(kind, expected),
        parameters=Parameters(temperature=0, max_tokens=_MOST[kind]),
        metadata={"task": kind},
        cache="off",
    )
    return Case(kind=kind, request=request, expected=Expected.model_validate_json(orjson.dumps(expected)))


def _schema(kind: str, expected: Mapping[str, Any]) -> dict[str, Any] | None:
    if kind == "faq":
        return None
    if kind == "arithmetic":
        properties: dict[str, Any] = {"answer": {"type": "integer"}}
    elif kind == "label":
        properties = {"label": {"type": "string", "enum": list(LABELS)}}
    else:
        fields = expected["fields"]
        properties = {name: {"type": "string" if isinstance(fields[name], str) else "integer"} for name in fields}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
