"""The messages of Anthropic's API, block by block, as those of a chat completion. Pure."""

from typing import Final

import orjson

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.messages_api.fields import BLOCKS, IMAGE_TYPES, MESSAGE, REFUSED_BLOCKS, SOURCES
from pipeline.gateway.parameters import refuse
from pipeline.gateway.translation import Lossy, Transcript, flat, list_at, object_at, text_at

__all__ = ["Conversation"]

Block = dict[str, Json]
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})
_MAY_HOLD: Final = {
    "system": frozenset({"text"}),
    "user": frozenset({"text", "image", "tool_result"}),
    "assistant": frozenset({"text", "tool_use"}),
}
_IN_RESULTS: Final = frozenset({"text", "image"})


class Conversation(Transcript):
    """The system prompt and the messages."""

    def instruct(self, value: Json) -> None:
        """Begin with the system prompt: a text, or blocks of text.

        Raises:
            InvalidRequest: it is neither.
        """
        self._add({"role": "system", "content": self._content(value, "system", _MAY_HOLD["system"])}, "system")

    def read(self, value: Json) -> None:
        """Add the messages.

        Raises:
            InvalidRequest: they are not as the API has them.
            UnsupportedParameter: a block is none that is carried, or the last message is the assistant's.
        """
        messages = list_at(value, "messages")
        if not messages:
            raise InvalidRequest("messages must hold at least one message", param="messages")
        for index, item in enumerate(messages):
            place = f"messages[{index}]"
            self._message(MESSAGE.given(object_at(item, place), self._lossy, place), place)
        last = self.messages[-1]
        if isinstance(last, dict) and last["role"] == "assistant":
            raise refuse(self.places[-1], "as the beginning of the answer", "end with a message of the user")

    def _message(self, item: JsonObject, place: str) -> None:
        role, content = text_at(item, "role", place), item.get("content")
        if role not in _MAY_HOLD:
            raise InvalidRequest(f"{place}.role must be user, assistant or system", param=f"{place}.role")
        if isinstance(content, str):
            self._add({"role": role, "content": content}, place)
            return
        blocks = self._blocks(content, f"{place}.content", _MAY_HOLD[role])
        if role == "assistant":
            self._turn(blocks, place)
        else:
            self._said(role, blocks, place)

    def _turn(self, blocks: list[Block], place: str) -> None:
        """What the assistant said and called. What it thought went no further, and may leave nothing."""
        calls: list[Json] = [_call(block, place) for block in blocks if block["type"] == "tool_use"]
        said = _flat([_text(block, place) for block in blocks if block["type"] == "text"])
        turn: JsonObject = {"role": "assistant"}
        if said or not calls:
            turn["content"] = said or ""
        if calls:
            turn["tool_calls"] = calls
        self._add(turn, place)

    def _said(self, role: str, blocks: list[Block], place: str) -> None:
        """What a tool answered, then what the user says: the chat completion has a message for each."""
        rest = list(blocks)
        while rest and rest[0]["type"] == "tool_result":
            self._result(rest.pop(0), place)
        if any(block["type"] == "tool_result" for block in rest):
            message = f"{place}.content: results of tools come before everything else"
            raise InvalidRequest(message, param=f"{place}.content")
        if rest or not blocks:
            self._add({"role": role, "content": _flat([_part(block, place) for block in rest])}, place)

    def _result(self, block: Block, place: str) -> None:
        content = self._content(block.get("content", ""), f"{place}.content", _IN_RESULTS)
        call = text_at(block, "tool_use_id", f"{place}.content")
        self._add({"role": "tool", "tool_call_id": call, "content": content}, place)

    def _content(self, value: Json, place: str, may_hold: frozenset[str]) -> Json:
        """A text, or blocks of text and images."""
        if isinstance(value, str):
            return value
        return _flat([_part(block, place) for block in self._blocks(value, place, may_hold)])

    def _blocks(self, value: Json, place: str, may_hold: frozenset[str]) -> list[Block]:
        found = [self._block(item, f"{place}[{index}]", may_hold) for index, item in enumerate(list_at(value, place))]
        return [block for block in found if block]

    def _block(self, value: Json, place: str, may_hold: frozenset[str]) -> Block:
        """The block, without what goes no further; an empty one for a thought."""
        block = object_at(value, place)
        kind = block.get("type")
        if isinstance(kind, str) and kind in _THOUGHTS and "tool_use" in may_hold:
            self._lossy.leave_out(f"messages.content.{kind}")
            return {}
        if not isinstance(kind, str) or kind not in may_hold:
            known = isinstance(kind, str) and (kind in BLOCKS or kind in REFUSED_BLOCKS or kind in _THOUGHTS)
            raise refuse(place, f"of type {kind}" if known else "", f"send {', '.join(sorted(may_hold))}")
        return dict(BLOCKS[kind].given(block, self._lossy, place))


def _flat(parts: list[Block]) -> Json:
    """The content of a message; of no parts an empty text, since thoughts alone leave none."""
    return flat(parts) if parts else ""


def _part(block: Block, place: str) -> Block:
    return _image(block, place) if block["type"] == "image" else _text(block, place)


def _text(block: Block, place: str) -> Block:
    return {"type": "text", "text": text_at(block, "text", f"{place}.content")}


def _call(block: Block, place: str) -> Block:
    here = f"{place}.content"
    given = object_at(block.get("input"), f"{here}.input")
    function: JsonObject = {"name": text_at(block, "name", here), "arguments": orjson.dumps(given).decode()}
    return {"id": text_at(block, "id", here), "type": "function", "function": function}


def _image(block: Block, place: str) -> Block:
    here = f"{place}.content.source"
    source = object_at(block.get("source"), here)
    kind = source.get("type")
    table = SOURCES.get(kind) if isinstance(kind, str) else None
    if table is None:
        raise refuse(f"{here}.type", advice="send base64 or url")
    said = table.given(source, Lossy(), here)
    if kind == "url":
        url = text_at(said, "url", here)
    else:
        media = text_at(said, "media_type", here)
        if media not in IMAGE_TYPES:
            known = ", ".join(sorted(IMAGE_TYPES))
            raise InvalidRequest(f"{here}.media_type must be one of {known}", param=f"{here}.media_type")
        url = f"data:{media};base64,{text_at(said, 'data', here)}"
    return {"type": "image_url", "image_url": {"url": url}}
