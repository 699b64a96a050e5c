"""The chat completion of the OpenAI API to our request. Pure. The way back is `completion`, named here too."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

import orjson
from pydantic import ValidationError

from pipeline.contracts import Json, JsonObject, Request, is_name
from pipeline.contracts.trusted import changed
from pipeline.errors import InvalidRequest, UnknownModel
from pipeline.gateway.body import read_object
from pipeline.gateway.completion import completion_object, content_of, finish_reason, to_completion, usage_object
from pipeline.gateway.extension import TOP, add_extension
from pipeline.gateway.form import MOST_CHOICES, add_logprobs, choices_of, stream_options_of
from pipeline.gateway.messages import messages_of
from pipeline.gateway.parameters import given, refuse
from pipeline.gateway.tools import add_tools, schema_of, with_functions
from pipeline.gateway.wishes import add_wishes, text_of

__all__ = [
    "AUTO",
    "MOST_CHOICES",
    "Call",
    "completion_object",
    "content_of",
    "finish_reason",
    "request_id_of",
    "tenant_of",
    "to_call",
    "to_completion",
    "to_request",
    "usage_object",
]

_ALONE: Final = "it goes with a request to /v1/chat/completions alone"
_INSTEAD: Final = {True: "use `tools`", False: "send one request for each answer"}
AUTO: Final = "auto"
"""The model that lets the routes decide."""

_SAMPLING: Final = (
    "temperature", "top_p", "seed", "presence_penalty", "frequency_penalty", "parallel_tool_calls",
)  # fmt: skip
_PARAMS: Final[dict[str, str]] = {
    "parameters": "",
    "logprobs": "top_logprobs",
    "budget": "stepwell",
    "response_schema": "response_format.json_schema.schema",
} | {name: f"stepwell.{name}" for name in TOP}
_OTHERS: Final = {
    "max_tokens": "max_completion_tokens",
    "user": "safety_identifier",
    "stepwell.session": "prompt_cache_key",
}
_TRACEPARENT: Final = re.compile(r"[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Call:
    """A chat completion as asked: our request, and what concerns the shape of the answer alone.

    `model` is the name the caller used. `resumable`: the caller gave an idempotency key and may come back. `n`:
    so many answers are wanted. `obfuscate`: all pieces of a stream shall be of like size. `functions`: calls of tools
    shall have the deprecated form.
    """

    request: Request
    model: str
    include_usage: bool
    resumable: bool
    traceparent: str | None
    n: int = 1
    obfuscate: bool = False
    functions: bool = False

    def of(self, request_id: str, key_id: str | None) -> "Call":
        """The same, its request with this id and the public id of its caller's key."""
        return Call(
            changed(self.request, {"id": request_id, "api_key": key_id}),
            self.model,
            self.include_usage,
            self.resumable,
            self.traceparent,
            self.n,
            self.obfuscate,
            self.functions,
        )


def to_request(body: bytes, headers: Mapping[str, str]) -> Request:
    """Read a chat completion; see `to_call`."""
    return to_call(read_object(body), headers).request


def to_call(
    fields: JsonObject,
    headers: Mapping[str, str],
    tenant: str | None = None,
    passes: Collection[str] = (),
    *,
    alone: bool = True,
) -> Call:
    """Read a chat completion.

    Args:
        fields: the body.
        headers: the HTTP headers, names in lower case or a mapping that does not mind the case.
        tenant: whose request it is; None: the header says so.
        passes: names of fields that some target passes on to its model.
        alone: the call has to be told by its request alone, so several answers, and the deprecated form of calls, are
            not supported.

    Raises:
        InvalidRequest: the body or a header breaks the contract; names the field.
        UnsupportedParameter: the body asks for something that Stepwell does not do.
        UnknownModel: the model cannot be the name of a route or a variant.
    """
    said, extra = given(fields, passes)
    functions = "functions" in said or "function_call" in said
    if functions:
        said = with_functions(said)
    choices = choices_of(said) if "n" in said else 1
    if alone and (choices > 1 or functions):
        raise refuse("functions" if functions else "n", advice=f"{_ALONE}: {_INSTEAD[functions]}")
    key = headers.get("idempotency-key")
    model = _model(said)
    wanted = _wanted(said, headers)
    if extra:
        wanted["parameters"]["extra"] = extra
    if ":" in model:
        _add_variant(wanted, model)
    elif model != AUTO and wanted.setdefault("route", model) != model:
        raise InvalidRequest("model and stepwell.route differ: give one of them, or model auto", param="stepwell.route")
    wanted["tenant"] = tenant_of(headers) if tenant is None else tenant
    if key:
        wanted["id"] = request_id_of(key)
    trace = headers.get("traceparent", "")
    options = stream_options_of(said) if "stream_options" in said else {}
    return Call(
        request=_validated(wanted, said),
        model=model,
        include_usage=bool(options.get("include_usage")),
        resumable=bool(key),
        traceparent=trace if _TRACEPARENT.fullmatch(trace) else None,
        n=choices,
        obfuscate=bool(options.get("include_obfuscation")),
        functions=functions,
    )


def request_id_of(key: str) -> str:
    """The request id for an idempotency key: the key itself where it may be one, a digest of it otherwise."""
    if is_name(key):
        return key
    return f"k-{sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()[:40]}"


def tenant_of(headers: Mapping[str, str]) -> str:
    """Whose request it is.

    Raises:
        InvalidRequest: the header is no name.
    """
    tenant = headers.get("x-stepwell-tenant", "default")
    if not is_name(tenant):
        raise InvalidRequest(
            "the header x-stepwell-tenant must be 1 to 64 letters, digits, - or _", param="x-stepwell-tenant"
        )
    return tenant


def _model(said: JsonObject) -> str:
    model = said.get("model", AUTO)
    if not isinstance(model, str):
        raise InvalidRequest("model must be a string", param="model")
    if not is_name(model) and not all(map(is_name, model.split(":", 1))):
        raise UnknownModel("no route or variant has such a name: see GET /v1/models, or ask for auto", param="model")
    return model


def _add_variant(wanted: dict[str, Any], model: str) -> None:
    """`route:variant` is a route with a pin."""
    route, variant = model.split(":", 1)
    for name, value in (("route", route), ("pin", variant)):
        if wanted.setdefault(name, value) != value:
            raise InvalidRequest(f"model and stepwell.{name} differ: give one of them", param=f"stepwell.{name}")


def _wanted(said: JsonObject, headers: Mapping[str, str]) -> dict[str, Any]:
    """The fields of a request, not yet validated."""
    if "messages" not in said:
        raise InvalidRequest("messages is missing", param="messages")
    wanted: dict[str, Any] = {"messages": messages_of(said["messages"]), "parameters": _parameters(said)}
    for name in ("stream", "metadata"):
        if name in said:
            wanted[name] = said[name]
    _add_user(wanted, said)
    if "tools" in said or "tool_choice" in said:
        add_tools(wanted, said)
    if "logprobs" in said or "top_logprobs" in said:
        add_logprobs(wanted, said)
    if "response_format" in said:
        wanted["response_schema"] = schema_of(said["response_format"])
    session = text_of(headers, "x-session-id") or text_of(headers, "x-conversation-id") or said.get("prompt_cache_key")
    if session:
        wanted["session"] = session
    add_extension(wanted, said)
    add_wishes(wanted, said, headers)
    return wanted


def _add_user(wanted: dict[str, Any], said: JsonObject) -> None:
    user = _one_of(said, "safety_identifier", "user")
    if user is not None:
        wanted["user"] = user


def _parameters(said: JsonObject) -> JsonObject:
    sampling: JsonObject = {name: said[name] for name in _SAMPLING if name in said}
    limit = _one_of(said, "max_completion_tokens", "max_tokens")
    if limit is not None:
        sampling["max_tokens"] = limit
    if "stop" in said:
        stop = said["stop"]
        sampling["stop"] = [stop] if isinstance(stop, str) else stop
    return sampling


def _one_of(said: JsonObject, name: str, older: str) -> Json:
    """The value of a field or of its older name; two different values contradict each other."""
    if name in said and older in said and said[name] != said[older]:
        raise InvalidRequest(f"{name} and {older} mean the same and differ: give one of them", param=name)
    return said.get(name, said.get(older))


def _validated(wanted: Mapping[str, Any], said: JsonObject) -> Request:
    """The request. Some fields may stand in two places; `said` tells in which of them the caller wrote them."""
    _check_route(wanted.get("route"))
    try:
        return Request.model_validate_json(orjson.dumps(wanted))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        deepest = max(details, key=lambda detail: len(detail["loc"]))
        places = {**_PARAMS, **({"provider": "provider"} if "provider" in said else {})}
        param = _as_written(_param(deepest["loc"], places) or "messages", said, wanted)
        raise InvalidRequest(f"{param}: {deepest['msg'].removeprefix('Value error, ')}", param=param) from None


def _as_written(param: str, said: JsonObject, wanted: Mapping[str, Any]) -> str:
    """The other name of a field, where the caller used that one."""
    if param == "stepwell.session" and wanted["session"] != said.get("prompt_cache_key"):
        return param
    other = _OTHERS.get(param)
    return other if other is not None and other in said else param


def _check_route(route: object) -> None:
    if isinstance(route, str) and not is_name(route):
        raise UnknownModel("no route or variant has such a name: see GET /v1/models, or ask for auto", param="model")


def _param(location: tuple[int | str, ...], places: Mapping[str, str]) -> str:
    """Where the caller wrote it: our field names back to those of the API, without the names of union branches."""
    words: list[str] = []
    for word in location:
        if isinstance(word, int):
            words.append(f"[{word}]")
            continue
        if words and words[-1] == ".content":
            break
        name = places.get(word, word) if not words else word
        words.append(f".{name}" if words and words != [""] else name)
    return "".join(words)
