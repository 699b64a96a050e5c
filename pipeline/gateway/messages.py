"""Messages of the OpenAI shape, as our contracts hold them."""

from typing import Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.parameters import refuse

__all__ = ["check_types", "messages_of"]

_PLAIN: Final = frozenset({"role", "content"})
_ECHOED: Final = frozenset({"annotations", "audio", "function_call", "refusal"})
"""What an answer of ours or of OpenAI's has, and comes back empty when a program sends its history."""
_REASONING: Final = frozenset({"reasoning_content", "reasoning"})
"""What a model wrote beside its answer. Programs send it back; no model is shown what another one reasoned."""
_FOREIGN_PARTS: Final = frozenset({"input_audio", "file"})
_DETAILS: Final = frozenset({"auto", "low", "high"})
_ADDRESSES: Final = ("https://", "http://", "data:image/")


def messages_of(value: Json) -> list[Json]:
    """The conversation, without the empty fields and the reasoning that programs send back with an answer.

    A refusal that a model gave stands as its text, in a field or as a part.

    Raises:
        InvalidRequest: it is no list of objects, or empty; or an image has no address.
        UnsupportedParameter: a message holds audio, files or other things that the contract does not carry.
    """
    if not isinstance(value, list) or not value:
        raise InvalidRequest("messages must be a list with at least one message", param="messages")
    return [_message(index, item) for index, item in enumerate(value)]


def _message(index: int, item: Json) -> Json:
    if not isinstance(item, dict):
        raise InvalidRequest(f"messages[{index}] must be an object", param=f"messages[{index}]")
    if isinstance(item.get("content"), list):
        item = {**item, "content": _parts(index, item["content"])}
    if item.keys() <= _PLAIN:
        return item
    item = _with_refusal(item)
    for name in item.keys() & _ECHOED:
        if item[name]:
            raise refuse(f"messages[{index}].{name}")
    check_types(item.get("tool_calls"), f"messages[{index}].tool_calls")
    return {name: value for name, value in item.items() if value is not None and name not in _left_out(item)}


def _left_out(item: JsonObject) -> frozenset[str]:
    return _ECHOED | _REASONING if item.get("role") == "assistant" else _ECHOED


def _with_refusal(item: JsonObject) -> JsonObject:
    """The message with its refusal as its text, where it has no other one."""
    refusal = item.get("refusal")
    if item.get("role") == "assistant" and isinstance(refusal, str) and refusal and not item.get("content"):
        return {**item, "content": refusal, "refusal": None}
    return item


def _parts(index: int, parts: Json) -> Json:
    if not isinstance(parts, list):
        return parts
    return [_part(f"messages[{index}].content[{place}]", part) for place, part in enumerate(parts)]


def _part(place: str, part: Json) -> Json:
    if not isinstance(part, dict):
        return part
    kind = part.get("type")
    if kind == "image_url":
        _check_image(part.get("image_url"), f"{place}.image_url")
    elif kind == "refusal":
        return {"type": "text", "text": part.get("refusal")}
    elif isinstance(kind, str) and kind in _FOREIGN_PARTS:
        raise refuse(place, f"of type {kind}", "send text or image_url")
    return part


def _check_image(image: Json, place: str) -> None:
    """An image has an address, or is one, and its detail is one that the API knows."""
    if not isinstance(image, dict):
        raise InvalidRequest(f"{place} must be an object with a url", param=place)
    url, detail = image.get("url"), image.get("detail")
    if not isinstance(url, str) or not url.lower().startswith(_ADDRESSES):
        raise InvalidRequest(f"{place}.url must begin with https://, http:// or data:image/", param=f"{place}.url")
    if detail is not None and (not isinstance(detail, str) or detail not in _DETAILS):
        raise InvalidRequest(f"{place}.detail must be auto, low or high", param=f"{place}.detail")
    for name in image.keys() - {"url", "detail"}:
        raise refuse(f"{place}.{name}")


def check_types(items: Json, param: str) -> None:
    """Only functions are carried, neither as tools nor as calls anything else.

    Raises:
        UnsupportedParameter: one of the items is none.
    """
    if not isinstance(items, list):
        return
    for place, item in enumerate(items):
        if isinstance(item, dict) and item.get("type", "function") != "function":
            raise refuse(f"{param}[{place}].type", advice="only `function` is carried")
