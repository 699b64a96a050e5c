"""What kind of answer is wished for shows in words and marks, in either direction."""

import pytest

from pipeline.contracts import Request
from pipeline.signals.asked import Asked


def wished(text: str, **more: object) -> tuple[bool, bool, bool]:
    seen = Asked(Request.model_validate({"input": text, **more}))
    return seen.wants_code, seen.wants_math, seen.wants_json


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the capital of France?", (False, False, False)),
        ("Write a letter to my landlord.", (False, False, False)),
        ("Write a function that reverses a list.", (True, False, False)),
        ("Why does this Python snippet fail?", (True, False, False)),
        ("```\nx = 1\n```", (True, False, False)),
        ("Schreibe eine Funktion für mich", (True, False, False)),
        ("How many sheep has she?", (False, True, False)),
        ("What is 12 * (3 + 4)?", (False, True, False)),
        ("Löse die Gleichung", (False, True, False)),
        (r"Simplify \frac{a}{b}", (False, True, False)),
        ("Give me the list as JSON.", (False, False, True)),
        ("Meet me on 2026-11-21, or on 3/4.", (False, False, False)),
        ("What is 17 - 4?", (False, True, False)),
    ],
)
def test_wishes_are_seen(text: str, expected: tuple[bool, bool, bool]) -> None:
    assert wished(text) == expected


def test_a_schema_is_a_wish_for_json() -> None:
    assert wished("hi", response_schema={"type": "object"}) == (False, False, True)
