"""What another policy would change, for people: part by part in words, or line by line as files."""

from collections.abc import Iterator, Sequence
from difflib import unified_diff
from typing import Final

import orjson
from rich.markup import escape

from pipeline.cli.show import console
from pipeline.contracts import Json
from pipeline.policy.keys import masked
from pipeline.revisions import Bundle
from pipeline.revisions.difference import Detail, Difference
from pipeline.revisions.documents import is_document
from pipeline.revisions.secrets import without_keys

__all__ = ["as_data", "lines_of", "print_differences", "print_text", "summary", "text_lines"]

_LONGEST: Final = 160
_COLOURS: Final = {"added": "green", "removed": "red", "changed": "yellow", "moved": "cyan"}
_MARKS: Final = {"added": "+", "removed": "-", "changed": "~", "moved": ">"}
_SHOWN_AS_TEXT: Final = 65_536


def summary(found: Sequence[Difference]) -> str:
    """`2 changed, 1 added`, or that nothing would."""
    counts = {how: sum(difference.how == how for difference in found) for how in _MARKS}
    words = [f"{count} {how}" for how, count in counts.items() if count]
    return ", ".join(words) if words else "nothing would change"


def as_data(found: Sequence[Difference]) -> list[dict[str, object]]:
    """For programs."""
    return [
        {
            "what": difference.what,
            "name": difference.name,
            "how": difference.how,
            "details": [
                {"path": detail.path, "before": _shown(detail, detail.before), "after": _shown(detail, detail.after)}
                for detail in difference.details
            ],
        }
        for difference in found
    ]


def print_differences(found: Sequence[Difference]) -> None:
    """Each part in words, and what of it."""
    for difference in found:
        colour = _COLOURS[difference.how]
        for place, line in enumerate(lines_of(difference)):
            text = escape(line)
            console.print(f"[{colour}]{text}[/]" if place == 0 else text, highlight=False, soft_wrap=True)


def lines_of(difference: Difference) -> Iterator[str]:
    """A headline, and a line for each value."""
    name = f" {difference.name}" if difference.name else ""
    if difference.how == "moved":
        place = difference.details[0]
        yield f"> {difference.what}{name} is asked as number {place.after} instead of {place.before}"
        return
    yield f"{_MARKS[difference.how]} {difference.what}{name} {difference.how}"
    for detail in difference.details:
        yield f"    {_detail(detail, difference.how == 'changed')}"


def _detail(detail: Detail, both: bool) -> str:
    path = f"{detail.path}: " if detail.path else ""
    if both:
        return f"{path}{_value(_shown(detail, detail.before))} → {_value(_shown(detail, detail.after))}"
    return f"{path}{_value(_shown(detail, detail.before if detail.after is None else detail.after))}"


def _shown(detail: Detail, value: Json) -> Json:
    """The value without the keys of a revision from before they were refused, or of a draft."""
    bare = masked(value, detail.path.rpartition(".")[2])
    return without_keys(bare) if isinstance(bare, str) else bare


def _value(value: Json) -> str:
    if value is None:
        return "(not set)"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def print_text(before: Bundle, after: Bundle) -> None:
    """The files line by line, as `diff -u` shows them."""
    for line in text_lines(before, after):
        colour = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])
        text = escape(line)
        console.print(f"[{colour}]{text}[/]" if colour else text, highlight=False, soft_wrap=True)


def text_lines(before: Bundle, after: Bundle) -> Iterator[str]:
    """Unified differences of all files that are text and not large; of the others what they are now."""
    for name in sorted({*before.files, *after.files}):
        old, new = before.files.get(name), after.files.get(name)
        if old == new:
            continue
        one, other = _lines(name, old), _lines(name, new)
        if one is None or other is None:
            yield f"{name}: {_size(old)} → {_size(new)}"
        else:
            heads = (f"a/{name}" if old is not None else "/dev/null", f"b/{name}" if new is not None else "/dev/null")
            yield from map(without_keys, unified_diff(one, other, *heads, lineterm=""))


def _lines(name: str, body: bytes | None) -> list[str] | None:
    if body is None:
        return []
    if len(body) > _SHOWN_AS_TEXT and not is_document(name):
        return None
    try:
        return body.decode().splitlines()
    except UnicodeDecodeError:
        return None


def _size(body: bytes | None) -> str:
    return "nothing" if body is None else f"{len(body)} bytes"
