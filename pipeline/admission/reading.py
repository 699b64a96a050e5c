"""What a caller sent, brought into the one form that stages see, or refused with the field that is wrong."""

import hashlib
from typing import Final

import orjson
from pydantic import ValidationError

from pipeline.contracts import JsonObject, OutcomeEvent, Request, is_name
from pipeline.errors import InvalidRequest, UnsupportedParameter

__all__ = ["fingerprint", "named_id", "parse_outcome", "parse_request"]

_OF_ANSWERS: Final = ("tools", "tool_choice", "response_schema", "parameters", "stream", "quality_floor", "logprobs")


def fingerprint(request: Request) -> str:
    """A digest of what is asked: equal for a true repetition only.

    Without the id, the form of delivery, what it may cost and which key pays. With whatever else may change the answer:
    the pin, the providers, and whether another target may answer.
    """
    body = request.model_dump_json(exclude={"id", "stream", "lane", "budget", "api_key"}, exclude_defaults=True)
    return hashlib.blake2b(body.encode(), digest_size=16).hexdigest()


def parse_request(body: bytes, tenant: str) -> Request:
    """Read a caller's request, and bring it into the one form that stages see: with messages and its tenant.

    Raises:
        InvalidRequest: it breaks its contract, and the message names the first field that does; or it wants a call of
            a tool that it does not offer.
    """
    try:
        request = Request.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error, "request") from None
    if "tenant" in request.model_fields_set and request.tenant != tenant:
        raise InvalidRequest(f"tenant: the request says {request.tenant}, its subject {tenant}", param="tenant")
    _check_choice(request)
    _check_embed(request)
    if request.input is None and request.tenant == tenant:
        return request
    update: dict[str, object] = {"tenant": tenant}
    if request.input is not None:
        update |= {"messages": request.conversation(), "input": None}
    return request.model_copy(update=update)


def _check_embed(request: Request) -> None:
    """Vectors have no form and no first piece: what asks for that beside texts to embed is not passed over."""
    if request.embed is None:
        return
    for name in _OF_ANSWERS:
        value = getattr(request, name)
        if value is not None and value != Request.model_fields[name].get_default():
            raise UnsupportedParameter(f"{name} is not supported with embed: leave it out", param=name)


def _check_choice(request: Request) -> None:
    """No model can call a tool that it is not offered."""
    choice = request.tool_choice
    if not (choice == "required" or isinstance(choice, dict)):
        return
    if not request.tools:
        raise InvalidRequest("tool_choice: it asks for a call and there are no tools: give tools", param="tool_choice")
    offered = {_named(tool) for tool in request.tools}
    if isinstance(choice, dict) and (asked := _named(choice)) is not None and asked not in offered:
        raise InvalidRequest("tool_choice: it names a tool that is not among tools: add it there", param="tool_choice")


def _named(tool: JsonObject) -> str | None:
    """The name of a tool, or of the one that is chosen."""
    inner = tool.get("function")
    name = (inner if isinstance(inner, dict) else tool).get("name")
    return name if isinstance(name, str) else None


def parse_outcome(body: bytes) -> OutcomeEvent:
    """Read an outcome event.

    Raises:
        InvalidRequest: it breaks its contract.
    """
    try:
        return OutcomeEvent.model_validate_json(body)
    except ValidationError as error:
        raise _invalid(error, "event") from None


def named_id(body: bytes) -> str:
    """The id in `{"id": …}`.

    Raises:
        InvalidRequest: there is none.
    """
    try:
        value = orjson.loads(body).get("id")
    except (orjson.JSONDecodeError, AttributeError):
        value = None
    if not isinstance(value, str) or not is_name(value):
        raise InvalidRequest("id: give {'id': …} with 1 to 64 letters, digits, - or _", param="id")
    return value


def _invalid(error: ValidationError, whole: str) -> InvalidRequest:
    """The first problem and its place, and how many more there are. What was given is not repeated."""
    problem = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(str(part) for part in problem["loc"]) or whole
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return InvalidRequest(f"{place}: {problem['msg']}{more}", param=place)
