"""The AsyncAPI 3 document: every subject, who sends and who receives on it, and which message goes there.

Addresses are made by the functions of `pipeline.topology`, called with placeholders, so that they cannot differ.
"""

from collections.abc import Sequence
from typing import Any, Final

from pipeline import topology
from pipeline.contracts import NAME_PATTERN
from pipeline.schemas.messages import DIALECT, MESSAGES, VERSION

__all__ = ["HEADERS", "asyncapi"]

Node = dict[str, Any]

_FORMAT: Final = "application/schema+json;version=draft-2020-12"
_ID: Final[Node] = {"type": "string", "pattern": NAME_PATTERN, "not": {"pattern": "\\n"}}

_SMALL: Final[dict[str, tuple[str, Node]]] = {
    "accepted": (
        "The request is durable; its result can be fetched under this id.",
        {"type": "object", "required": ["accepted"], "properties": {"accepted": _ID}},
    ),
    "result_query": (
        "Which result is wanted.",
        {"type": "object", "required": ["id"], "properties": {"id": _ID}},
    ),
    "outcome_receipt": (
        "Whether the outcome event was new, or known already.",
        {"type": "object", "required": ["id", "new"], "properties": {"id": _ID, "new": {"type": "boolean"}}},
    ),
    "error": (
        "What was wrong, as the error of a reply.",
        {
            "type": "object",
            "required": ["error"],
            "properties": {"error": {"$ref": "./reply.schema.json#/$defs/ErrorBody"}},
        },
    ),
    "claim": (
        "Where a body lies that is too large for one message: of a request, an object of the bucket `bodies`; of a "
        "reply, the id under which `result` gives it.",
        {
            "type": "object",
            "required": ["claim"],
            "additionalProperties": False,
            "properties": {
                "claim": {
                    "type": "object",
                    "required": ["name", "size", "sha256"],
                    "additionalProperties": False,
                    "properties": {
                        "name": {"type": "string", "maxLength": 256},
                        "size": {"type": "integer", "minimum": 0},
                        "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                    },
                }
            },
        },
    ),
    "part": ("A part of a large reply; all parts together are its JSON.", {"type": "string"}),
    "shelved": (
        "A call that goes by a batch of its provider, what came of it, or what is known of the files of a target; "
        "for those who gather calls alone.",
        {"type": "object"},
    ),
    "nothing": ("An empty body: the end of a conversation, or a signal that needs no words.", {"maxLength": 0}),
}
"""Messages too small for a contract of their own."""

HEADERS: Final[dict[str, tuple[tuple[str, ...], str]]] = {
    "Stepwell-Accepted": (("request", "claim"), 'Of `ask`: say `{"accepted": id}` once the request is durable.'),
    "Stepwell-Fresh": (("request", "claim"), "The id was made up just now: do not look for a reply under it."),
    "Stepwell-Parts": (("result_query",), "A large reply is wanted in parts, ended by an empty message."),
    "traceparent": (("request", "claim"), "The caller's W3C trace context."),
    "Nats-Service-Error": (("reply", "error"), "What was wrong, as in the body."),
    "Nats-Service-Error-Code": (("reply", "error"), "The status of HTTP that the error stands for."),
    "Retry-After": (("reply", "error"), "Whole seconds after which another try makes sense."),
    "Stepwell-Part": (("part",), "Which part of how many, for instance `2/5`."),
    "Stepwell-Sha256": (("part",), "The SHA-256 (hex) of all parts together."),
    "Nats-Msg-Id": (("envelope",), "Makes storing idempotent; set by the cascade on what it stores."),
}
"""Headers of messages: on which they may stand, and what they say."""

_PARAMETERS: Final[dict[str, Node]] = {
    "tenant": {"description": "Tenant: 1 to 64 letters, digits, - or _."},
    "request_id": {"description": "Request id: 1 to 64 letters, digits, - or _."},
    "event_id": {"description": "Id of the outcome event."},
    "lane": {"description": "Lane of the request.", "enum": list(topology.LANES)},
    "stage": {"description": "The stage that the work waits for.", "enum": list(topology.STAGES)},
    "kind": {"description": "Kind of record.", "enum": ["decision"]},
    "message_id": {"description": "Tenant, request id, length of the trail, and how often it waited: four tokens."},
    "group": {"description": "What lines of a page belong to: a batch, or `traffic`."},
    "first": {"description": "Where the first line of a page stood by itself."},
    "last": {"description": "Where the last line of a page stood by itself."},
    "line": {"description": "Kind of line of the ledger.", "enum": ["reserve", "settle", "release"]},
    "place": {"description": "A call, or what came of it.", "enum": ["line", "answer"]},
    "target": {"description": "Target of the policy."},
    "name": {"description": "What the provider knows the call by."},
    "step": {"description": "Stage and number of the attempt, for instance draft-1."},
}


def asyncapi() -> Node:
    """The whole document."""
    channels, operations = _callers()
    for name, address, message, description in _stored():
        channels[name] = _channel(address, [message], description)
        operations[f"store_{name}"] = _operation("send", name, [message])
    operations["work"] = _operation("receive", "step", ["envelope"])
    operations["learn"] = _operation("receive", "outcomes", ["outcome_event"])
    return {
        "asyncapi": "3.0.0",
        "info": {"title": "Stepwell", "version": VERSION, "description": "An inference cascade on NATS."},
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": _messages()},
    }


def _callers() -> tuple[dict[str, Node], dict[str, Node]]:
    """Where callers speak to the cascade, and where it answers: their inboxes."""
    channels: dict[str, Node] = {"inbox": {"address": None, "description": "The inbox of a caller.", "messages": {}}}
    operations: dict[str, Node] = {}
    for verb, questions, answers, description in (
        (
            "ask",
            ["request", "claim"],
            ["accepted", "chunk", "reply", "claim", "nothing"],
            "Ask and await the reply; `stream` adds chunks.",
        ),
        ("enqueue", ["request", "claim"], ["accepted", "error"], "Hand in a request and fetch the result later."),
        ("result", ["result_query"], ["reply", "claim", "part", "nothing", "error"], "Fetch a stored reply."),
        ("outcome", ["outcome_event"], ["outcome_receipt", "error"], "Say how good an answer was."),
    ):
        channels[verb] = _channel(topology.request_subject(verb, "{tenant}"), questions, description)
        operations[verb] = _operation("receive", verb, questions) | {"reply": _reply(answers)}
        channels["inbox"]["messages"] |= {answer: _reference(answer) for answer in answers}
    cancel = topology.cancel_subject("{tenant}.{request_id}")
    channels["cancel"] = _channel(cancel, ["nothing"], "Take a request back.")
    operations["cancel"] = _operation("receive", "cancel", ["nothing"])
    return channels, operations


def _stored() -> tuple[tuple[str, str, str, str], ...]:
    """Name, address, message and description of each durable subject."""
    step: Any = topology.step_subject
    later: Any = topology.later_subject
    dead: Any = topology.dead_subject
    return (
        ("step", step("{lane}", "{stage}"), "envelope", "Work that waits for a stage."),
        ("later", later("{lane}", "{stage}", "{message_id}"), "envelope", "Work that comes to its stage at its time."),
        ("results", topology.result_subject("{tenant}", "{request_id}"), "reply", "Replies, to be fetched by id."),
        ("journal", topology.journal_subject("{tenant}.{request_id}", "{step}"), "attempt", "Paid calls, once each."),
        (
            "ledger",
            topology.ledger_subject("{tenant}.{request_id}.{step}", "{line}"),
            "ledger_entry",
            "What attempts were charged.",
        ),
        (
            "ledger_pages",
            topology.ledger_page_subject("{group}", "{first}", "{last}"),
            "ledger_page",
            "Settled lines of the ledger together, compressed by zlib.",
        ),
        ("audit", topology.audit_subject("{tenant}", "{kind}"), "audit_record", "Decisions, chained."),
        (
            "reveals",
            topology.audit_subject("{tenant}", "reveal"),
            "reveal_record",
            "Reveals of pseudonyms, chained too.",
        ),
        ("outcomes", topology.outcome_subject("{tenant}", "{event_id}"), "outcome_event", "Outcome events, once each."),
        (
            "shelf",
            topology.shelf_subject("{place}", "{target}", "{name}"),
            "shelved",
            "Calls that wait for a batch of their provider, and their answers.",
        ),
        ("dead", dead("{stage}"), "dead_letter", "Messages that no worker could handle."),
    )


def _channel(address: str, messages: Sequence[str], description: str) -> Node:
    names = [part[1:-1] for part in address.split(".") if part.startswith("{")]
    channel: Node = {"address": address, "description": description}
    if names:
        channel["parameters"] = {name: dict(_PARAMETERS[name]) for name in names}
    return channel | {"messages": {name: _reference(name) for name in messages}}


def _operation(action: str, channel: str, messages: Sequence[str]) -> Node:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }


def _reply(messages: Sequence[str]) -> Node:
    return {
        "address": {"location": "$message.header#/reply", "description": "The reply subject of the NATS message."},
        "channel": {"$ref": "#/channels/inbox"},
        "messages": [{"$ref": f"#/channels/inbox/messages/{name}"} for name in messages],
    }


def _reference(message: str) -> Node:
    return {"$ref": f"#/components/messages/{message}"}


def _messages() -> dict[str, Node]:
    contracts = {
        name: _message(name, _first_line(model.__doc__), {"$ref": f"./{name}.schema.json"})
        for name, model in MESSAGES.items()
    }
    small = {
        name: _message(name, text, {"$schema": DIALECT, **schema}) | _content_type(name)
        for name, (text, schema) in _SMALL.items()
    }
    return contracts | small


def _message(name: str, summary: str, schema: Node) -> Node:
    message: Node = {"name": name, "summary": summary, "payload": {"schemaFormat": _FORMAT, "schema": schema}}
    headers = {header: {"type": "string", "description": text} for header, (on, text) in HEADERS.items() if name in on}
    if headers:
        message["headers"] = {"type": "object", "properties": headers}
    return message


def _content_type(name: str) -> Node:
    return {"contentType": "application/octet-stream"} if name in ("nothing", "part") else {}


def _first_line(text: str | None) -> str:
    return (text or "").strip().partition("\n")[0]
