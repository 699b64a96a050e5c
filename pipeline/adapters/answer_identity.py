"""What two requests must have in common to share an answer, in one canonical form.

The same: how a text is composed in Unicode (NFC), how its lines end, white space at its ends; one piece of text as a
list of parts; the order of keys in tools and schemas; lists that are empty instead of absent. Of no account: id, user,
session, lane, metadata, the form of delivery, whether log-probabilities are wanted, and what the answer may cost.

Everything else keeps requests apart, also where it would rarely matter: every parameter of sampling, as it was given;
the wishes about who answers; names and ids inside messages. Who may see an answer does so always: tenant, class of
data, origin, route, the threshold it had to reach, and the revision of the policy, with it every prompt and model.
"""

from collections.abc import Sequence
from typing import Final
from unicodedata import is_normalized, normalize

import orjson

from pipeline.contracts import Envelope, Json, Message, Request

__all__ = ["canonical_text", "identity", "last_question", "surroundings"]

_ALONE: Final = ("pin", "tool_choice", "response_schema")


def identity(envelope: Envelope) -> bytes:
    """All of a request that its answer depends on."""
    return _bytes([*_partition(envelope), *_messages(envelope.request.conversation())])


def surroundings(envelope: Envelope) -> bytes:
    """The same without the last question: what requests of like meaning must have in common."""
    return _bytes([*_partition(envelope), *_messages(envelope.request.conversation()[:-1])])


def last_question(request: Request) -> str | None:
    """The question that the conversation ends with, where it is text alone; None: there is none to compare."""
    last = request.conversation()[-1]
    if last.role != "user" or last.name is not None:
        return None
    content = _content(last.content)
    return content if isinstance(content, str) and content else None


def canonical_text(text: str) -> str:
    """One form for texts that differ in composition, in line ends, or in white space at their ends."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii() and not is_normalized("NFC", text):
        text = normalize("NFC", text)
    return text.strip()


def _bytes(parts: list[Json]) -> bytes:
    return orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)


def _partition(envelope: Envelope) -> list[Json]:
    request, plan, found = envelope.request, envelope.plan, envelope.classification
    fields: dict[str, Json] = {name: value for name in _ALONE if (value := getattr(request, name)) is not None}
    if request.tools:
        fields["tools"] = list(request.tools)
    if request.parameters.model_fields_set and (parameters := _parameters(request)):
        fields["parameters"] = parameters
    if request.provider is not None:
        fields["provider"] = request.provider.model_dump(mode="json", exclude_defaults=True)
    if request.disable_fallbacks:
        fields["alone"] = True
    return [
        request.tenant,
        found.data_class if found else "restricted",
        (found.origin if found else None) or request.origin,
        plan.route if plan else None,
        plan.threshold if plan else None,
        envelope.policy_revision,
        fields,
    ]


def _parameters(request: Request) -> Json:
    given = request.parameters.model_dump(mode="json", exclude_none=True)
    return {name: value for name, value in given.items() if value not in ([], {})}


def _messages(messages: Sequence[Message]) -> list[Json]:
    return [_message(message) for message in messages]


def _message(message: Message) -> Json:
    calls: Json = [call.model_dump(mode="json") for call in message.tool_calls] if message.tool_calls else None
    return [message.role, _content(message.content), message.name, calls, message.tool_call_id]


def _content(content: object) -> Json:
    if content is None:
        return None
    if isinstance(content, str):
        return canonical_text(content)
    parts = [part.model_dump(mode="json") for part in content]  # type: ignore[attr-defined]  # parts of a message
    if len(parts) == 1 and parts[0]["type"] == "text":
        return canonical_text(parts[0]["text"])
    return [{**part, "text": canonical_text(part["text"])} if part["type"] == "text" else part for part in parts]
