"""What the descriptions of all families are made of. Pure: JSON Schema of 2020-12, as OpenAPI 3.1 has it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

__all__ = [
    "COMPONENTS",
    "JSON",
    "Schema",
    "array",
    "body",
    "closed",
    "either",
    "errors",
    "json_answer",
    "nullable",
    "one_of",
    "opened",
    "path_name",
    "query",
    "ref",
    "text",
    "whole",
]

Schema = dict[str, Any]
JSON: Final = "application/json"


def ref(name: str) -> Schema:
    """A schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def text(**more: Any) -> Schema:
    """A string."""
    return {"type": "string", **more}


def whole(**more: Any) -> Schema:
    """An integer."""
    return {"type": "integer", **more}


def array(items: Schema, **more: Any) -> Schema:
    """A list."""
    return {"type": "array", "items": items, **more}


def one_of(*words: Any) -> Schema:
    """One of some values."""
    return {"enum": list(words)}


def either(*schemas: Schema) -> Schema:
    """One of some schemas."""
    return {"anyOf": list(schemas)}


def nullable(schema: Schema) -> Schema:
    """The same, or null."""
    return either(schema, {"type": "null"})


def closed(properties: Mapping[str, Schema], required: Sequence[str] = (), **more: Any) -> Schema:
    """An object with these properties and no other."""
    return {**opened(properties, required), "additionalProperties": False, **more}


def opened(properties: Mapping[str, Schema], required: Sequence[str] = (), **more: Any) -> Schema:
    """An object with at least these properties."""
    return {"type": "object", "properties": dict(properties), "required": list(required), **more}


def body(schema: Schema, kind: str = JSON) -> Schema:
    """The body of a request."""
    return {"required": True, "content": {kind: {"schema": schema}}}


def json_answer(schema: Schema, what: str, stream: Schema | None = None) -> Schema:
    """An answer in JSON; `stream`: the schema of what comes where the caller asks for events."""
    content: Schema = {JSON: {"schema": schema}}
    if stream is not None:
        content["text/event-stream"] = {"schema": stream}
    return {"description": what, "content": content}


_SAID: Final[Mapping[int, str]] = {
    400: "The request breaks its contract, or policy said no; `code` says which.",
    401: "No key, or none that is known.",
    403: "The key may not do this.",
    404: "There is no such thing, or it is another tenant's.",
    405: "The path knows other methods.",
    408: "The body came too slowly.",
    409: "The idempotency key was used with another content.",
    413: "The body is too large.",
    422: "No answer satisfied the schema, or was as sure as the route asks.",
    429: "A limit of rate or money; `Retry-After` says when to come again.",
    500: "A defect of Stepwell.",
    502: "The model endpoint refused the call, or a streamed answer was lost.",
    503: "Nothing can serve it now.",
    504: "The deadline passed.",
}


def errors(*statuses: int, shape: str = "Error") -> Schema:
    """Answers by status that tell of an error."""
    return {
        str(status): {
            "description": _SAID[status],
            "headers": {"Retry-After": {"schema": text()}} if status in (429, 503) else {},
            "content": {JSON: {"schema": ref(shape)}},
        }
        for status in sorted({400, 401, 403, 405, *statuses})
    }


def path_name(name: str, what: str) -> Schema:
    """A part of the path."""
    return {"name": name, "in": "path", "required": True, "description": what, "schema": text(minLength=1)}


def query(name: str, schema: Schema, what: str) -> Schema:
    """A word of the query."""
    return {"name": name, "in": "query", "required": False, "description": what, "schema": schema}


COMPONENTS: Final[dict[str, Schema]] = {
    "Error": closed(
        {
            "error": closed(
                {
                    "message": text(),
                    "type": text(),
                    "code": text(pattern="^[a-z][a-z0-9_]*$"),
                    "param": nullable(text()),
                    "candidate": text(description="The last answer, where the policy lets the error carry it."),
                },
                ("message", "type", "code", "param"),
            )
        },
        ("error",),
    ),
}
