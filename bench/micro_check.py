"""Microseconds that check takes for typical answers, beside the parse of their JSON, and with a schema of four fields.

    python bench/micro_check.py [ROUNDS]

Prints p50 and p99 of the whole stage (assess and decide), and what the JSON parse alone takes.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from fakes_stages import attempt, envelope, plan, scored

from pipeline.contracts import Envelope, JsonObject, Request
from stages.check.assess import assess
from stages.check.decide import decide

ORDER = {"customer": "Ines Halvorsen", "order": "A-20871", "amount": 149.9, "urgent": True}
SCHEMA: JsonObject = {
    "type": "object",
    "properties": {
        "customer": {"type": "string", "minLength": 1},
        "order": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"},
        "amount": {"type": "number", "minimum": 0},
        "urgent": {"type": "boolean"},
    },
    "required": ["customer", "order", "amount", "urgent"],
    "additionalProperties": False,
}
PROSE = "The well is about twenty metres deep, and its stairs turn seven times on the way down to the water. " * 4


def answer(text: str, schema: JsonObject | None) -> Envelope:
    """An envelope whose last attempt says `text`, in tokens of about four characters."""
    tokens = scored(*((text[i : i + 4], -0.05) for i in range(0, len(text), 4)))
    request = Request(input="x", response_schema=schema)
    return envelope(attempt(1, text=text, tokens=tokens), tiers=plan(threshold=0.5), request=request)


def measure(name: str, work: Callable[[], object], rounds: int) -> None:
    """Print p50 and p99 of `rounds` runs, in microseconds."""
    spent = []
    for _ in range(rounds):
        begun = time.perf_counter_ns()
        work()
        spent.append(time.perf_counter_ns() - begun)
    spent.sort()
    print(f"  {name:44} p50 {spent[rounds // 2] / 1000:7.1f} us   p99 {spent[rounds * 99 // 100] / 1000:7.1f} us")


def stage(before: Envelope) -> Callable[[], object]:
    """The stage without its event loop."""

    def work() -> object:
        assert before.plan is not None
        return decide(before, before.plan, assess(before.attempts[-1], before.request.response_schema))

    return work


def main() -> None:
    """Measure each kind of answer."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    text = orjson.dumps(ORDER).decode()
    print(f"check, {rounds} rounds each")
    measure("JSON parse alone, 4 fields", lambda: orjson.loads(text), rounds)
    measure(f"valid document, {len(text) // 4} tokens", stage(answer(text, SCHEMA)), rounds)
    measure("document in a code fence", stage(answer(f"```json\n{text}\n```", SCHEMA)), rounds)
    measure("document that breaks the schema", stage(answer(text.replace("149.9", '"149"'), SCHEMA)), rounds)
    measure("document whose syntax is repaired", stage(answer(text[:-1] + ",}", SCHEMA)), rounds)
    measure("short text, 8 tokens", stage(answer("The answer is 42, I count 42.", None)), rounds)
    measure(f"prose, {len(PROSE) // 4} tokens", stage(answer(PROSE, None)), rounds)


if __name__ == "__main__":
    main()
