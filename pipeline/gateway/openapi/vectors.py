"""Vectors of texts, and what is said later about answers."""

from typing import Any, Final

from pipeline.gateway.embeddings.reading import MOST_TEXTS
from pipeline.gateway.openapi.completions import FAILS
from pipeline.gateway.openapi.parts import (
    Schema,
    array,
    body,
    closed,
    either,
    errors,
    json_answer,
    nullable,
    one_of,
    opened,
    ref,
    text,
    whole,
)
from pipeline.gateway.outcomes import MOST_EVENTS

__all__ = ["COMPONENTS", "OPERATIONS"]

_NAME: Final[Schema] = text(pattern="^[A-Za-z0-9_-]{1,64}$")

COMPONENTS: Final[dict[str, Schema]] = {
    "EmbeddingQuestion": closed(
        {
            "model": text(),
            "input": either(text(minLength=1), array(text(minLength=1), minItems=1, maxItems=MOST_TEXTS)),
            "dimensions": nullable(whole(minimum=1)),
            "encoding_format": nullable(one_of("float", "base64")),
            "user": nullable(text(maxLength=256)),
            "provider": nullable({"type": "object"}),
            "stepwell": ref("Stepwell"),
        },
        ("input",),
    ),
    "EmbeddingAnswer": opened(
        {
            "object": {"const": "list"},
            "data": array(
                closed(
                    {
                        "object": {"const": "embedding"},
                        "index": whole(minimum=0),
                        "embedding": either(array({"type": "number"}), text(contentEncoding="base64")),
                    },
                    ("object", "index", "embedding"),
                )
            ),
            "model": text(),
            "usage": opened({name: whole(minimum=0) for name in ("prompt_tokens", "total_tokens")}),
        },
        ("object", "data", "model", "usage"),
    ),
    "Outcome": closed(
        {
            "id": nullable(_NAME),
            "request_id": _NAME,
            "reward": {"type": "number", "minimum": 0, "maximum": 1},
            "kind": nullable(_NAME),
            "at": nullable({"type": "number", "minimum": 0}),
            "tenant": nullable(_NAME),
        },
        ("request_id", "reward"),
    ),
    "Outcomes": closed({"events": array(ref("Outcome"), minItems=1, maxItems=MOST_EVENTS)}, ("events",)),
    "OutcomeTaken": opened(
        {
            "object": {"const": "outcome"},
            "id": nullable(text()),
            "request_id": text(),
            "status": one_of("recorded", "known", "failed"),
        },
        ("object", "id", "status"),
    ),
    "OutcomesTaken": closed({"object": {"const": "list"}, "data": array(ref("OutcomeTaken"))}, ("object", "data")),
}

OPERATIONS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("post", "/v1/embeddings"): {
        "operationId": "create_embeddings",
        "summary": "Vectors of texts.",
        "requestBody": body(ref("EmbeddingQuestion")),
        "responses": {"200": json_answer(ref("EmbeddingAnswer"), "In the order of the texts."), **errors(*FAILS)},
    },
    ("post", "/v1/outcomes"): {
        "operationId": "create_outcome",
        "summary": "How good an answer was: one event, or a list of them.",
        "requestBody": body(either(ref("Outcome"), ref("Outcomes"))),
        "responses": {
            "200": json_answer(either(ref("OutcomeTaken"), ref("OutcomesTaken")), "What became of each."),
            **errors(*FAILS),
        },
    },
}
