"""Whether an answer is right. Pure, and kind only about form: case, spaces at the ends, 5 for 5.0."""

import re
from typing import Final

from pipeline.contracts import Contract, Json, JsonObject, Reply, Status

__all__ = ["Expected", "grade"]

_NUMBER: Final = re.compile(r"-?\d+(?:[.,]\d+)?")


class Expected(Contract):
    """What a right reply looks like; give one of the first four, or a status alone.

    `answer`: this number. `label`: this word. `fields`: each of these fields with this value.
    `contains`: one of these texts somewhere in the answer. `status`: how the request must end.
    """

    answer: float | None = None
    label: str | None = None
    fields: JsonObject | None = None
    contains: tuple[str, ...] | None = None
    status: Status | None = None

    @property
    def gradable(self) -> bool:
        """Whether an answer can be right or wrong, and not only end as it should."""
        return not (self.answer is None and self.label is None and self.fields is None and self.contains is None)


def grade(expected: Expected, reply: Reply) -> bool:
    """Whether `reply` is what was expected. A reply without an answer is right only if that was expected."""
    if expected.status is not None and reply.status != expected.status:
        return False
    if not expected.gradable:
        return True
    return reply.status == "answered" and all(
        (
            expected.answer is None or _same_number(expected.answer, reply),
            expected.label is None or _same(expected.label, _value(reply, "label")),
            expected.fields is None or _same_fields(expected.fields, reply.parsed),
            expected.contains is None or _contains(expected.contains, reply.content or ""),
        )
    )


def _same_number(expected: float, reply: Reply) -> bool:
    """The field `answer` of the parsed object; without one, the last number of the text."""
    if isinstance(reply.parsed, dict):
        return _same(expected, reply.parsed.get("answer"))
    numbers = _NUMBER.findall(reply.content or "")
    return bool(numbers) and float(numbers[-1].replace(",", ".")) == expected


def _value(reply: Reply, field: str) -> Json:
    return reply.parsed.get(field) if isinstance(reply.parsed, dict) else reply.content


def _same_fields(expected: JsonObject, parsed: Json) -> bool:
    return isinstance(parsed, dict) and all(_same(value, parsed.get(name)) for name, value in expected.items())


def _contains(texts: tuple[str, ...], content: str) -> bool:
    return any(text.casefold() in content.casefold() for text in texts)


def _same(expected: Json, given: Json) -> bool:
    if isinstance(expected, str) and isinstance(given, str):
        return expected.strip().casefold() == given.strip().casefold()
    if isinstance(expected, bool) or isinstance(given, bool):
        return expected is given
    return expected == given
