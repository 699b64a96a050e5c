"""The items of a response's input as the messages of a chat completion. Pure."""

from collections.abc import Mapping
from typing import Final

from pipeline.contracts import Json, JsonObject
from pipeline.errors import InvalidRequest
from pipeline.gateway.parameters import refuse
from pipeline.gateway.responses_api.fields import CALL, MESSAGE, OUTPUT, PARTS, REFUSED_ITEMS, REFUSED_PARTS
from pipeline.gateway.translation import Transcript, flat, list_at, object_at, text_at

__all__ = ["Conversation"]

_ROLES: Final = frozenset({"user", "assistant", "system", "developer"})
_CARRIED: Final = "carried are messages, function_call and function_call_output"


class Conversation(Transcript):
    """The instructions and the items of the input."""

    def instruct(self, value: Json) -> None:
        """Begin with the instructions.

        Raises:
            InvalidRequest: they are no text.
        """
        if not isinstance(value, str):
            raise InvalidRequest("instructions must be a string", param="instructions")
        self._add({"role": "system", "content": value}, "instructions")

    def read(self, value: Json) -> None:
        """Add the input: a text, or items.

        Raises:
            InvalidRequest: an item is not as the API has it.
            UnsupportedParameter: an item, or a part of one, is none that is carried.
        """
        if isinstance(value, str):
            self._add({"role": "user", "content": value}, "input")
            return
        for index, item in enumerate(list_at(value, "input")):
            self._item(object_at(item, f"input[{index}]"), f"input[{index}]")

    def _item(self, item: JsonObject, place: str) -> None:
        kind = item.get("type") or ("message" if "role" in item else "item_reference")
        match kind:
            case "message":
                self._message(MESSAGE.given(item, self._lossy, place), place)
            case "function_call":
                self._call(CALL.given(item, self._lossy, place), place)
            case "function_call_output":
                self._output(OUTPUT.given(item, self._lossy, place), place)
            case "reasoning":
                self._lossy.leave_out("input.reasoning")
            case str() if kind in REFUSED_ITEMS:
                raise refuse(f"{place}.type", f"as {kind}", _CARRIED)
            case _:
                raise refuse(f"{place}.type", advice=_CARRIED)

    def _message(self, item: JsonObject, place: str) -> None:
        role = text_at(item, "role", place)
        if role not in _ROLES:
            message = f"{place}.role must be user, assistant, system or developer"
            raise InvalidRequest(message, param=f"{place}.role")
        content = self._content(item.get("content"), f"{place}.content")
        turn = self._open_turn() if role == "assistant" else None
        if turn is not None and "content" not in turn:
            turn["content"] = content
        else:
            self._add({"role": role, "content": content}, place)

    def _call(self, item: JsonObject, place: str) -> None:
        words = {name: text_at(item, name, place) for name in ("arguments", "call_id", "name")}
        function: JsonObject = {"name": words["name"], "arguments": words["arguments"]}
        turn = self._open_turn()
        if turn is None:
            turn = {"role": "assistant"}
            self._add(turn, place)
        calls = turn.setdefault("tool_calls", [])
        if isinstance(calls, list):
            calls.append({"id": words["call_id"], "type": "function", "function": function})

    def _output(self, item: JsonObject, place: str) -> None:
        call = text_at(item, "call_id", place)
        content = self._content(item.get("output"), f"{place}.output")
        self._add({"role": "tool", "tool_call_id": call, "content": content}, place)

    def _open_turn(self) -> dict[str, Json] | None:
        """The assistant's message that is the last one: calls and text that follow each other are one turn."""
        last = self.messages[-1] if self.messages else None
        return last if isinstance(last, dict) and last.get("role") == "assistant" else None

    def _content(self, value: Json, place: str) -> Json:
        if isinstance(value, str):
            return value
        return flat([self._part(part, f"{place}[{index}]") for index, part in enumerate(list_at(value, place))])

    def _part(self, value: Json, place: str) -> dict[str, Json]:
        part = object_at(value, place)
        kind = part.get("type")
        table = PARTS.get(kind) if isinstance(kind, str) else None
        if table is None:
            what = f"of type {kind}" if isinstance(kind, str) and kind in REFUSED_PARTS else ""
            raise refuse(place, what, "send input_text or input_image")
        return self._known_part(kind, table.given(part, self._lossy, place), place)

    def _known_part(self, kind: Json, part: Mapping[str, Json], place: str) -> dict[str, Json]:
        fields = dict(part)
        if kind == "input_image":
            image: JsonObject = {"url": text_at(fields, "image_url", place)}
            if "detail" in fields:
                image["detail"] = fields["detail"]
            return {"type": "image_url", "image_url": image}
        if kind == "refusal":
            self._lossy.leave_out("input.content.refusal")
        return {"type": "text", "text": text_at(fields, "refusal" if kind == "refusal" else "text", place)}
