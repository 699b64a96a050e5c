"""Microseconds that check takes for typical answers, beside the parse of their JSON, and with a schema of four fields.

    python bench/micro_check.py [ROUNDS]

Prints p50 and p99 of the whole stage (assess and decide), in processor time and of the calmest block of rounds, so that
neighbours on the machine count as little as can be, with the collector of memory set as a worker sets it; beside it
what the JSON parse alone takes, and what the faster validator takes beside the reference. The same with a gate: 80
trees of depth 3 over all signals and an isotonic curve make a probability of them. Where no further look is taken, the
slowest case beyond its JSON parse, with the gate and without, is held against the limit of 200 us at p99.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from fakes_stages import attempt, envelope, plan, scored

from pipeline.adapters.documents import problems
from pipeline.adapters.documents.schemas import reference
from pipeline.confidence.signals import NAMES, RAW
from pipeline.contracts import Envelope, JsonObject, Request, ToolCall
from pipeline.policy.calibration import Calibrator, read_calibrator
from pipeline.policy.models import Accept
from pipeline.worker import settle_memory
from stages.check.assess import assess
from stages.check.decide import decide
from stages.check.gather import Around
from stages.check.rules import Rules

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
BLOCK = 300
LIMIT_US = 200
AROUND = Around(question="Order A-20871 of Ines Halvorsen for 149.90 euros is urgent; what is 6 times 7?")
PROSE = "The well is about twenty metres deep, and its stairs turn seven times on the way down to the water. " * 4


def answer(text: str, schema: JsonObject | None) -> Envelope:
    """An envelope whose last attempt says `text`, in tokens of about four characters."""
    tokens = scored(*((text[i : i + 4], -0.05) for i in range(0, len(text), 4)))
    request = Request(input="x", response_schema=schema)
    return envelope(attempt(1, text=text, tokens=tokens), tiers=plan(threshold=0.5), request=request)


def measure(name: str, work: Callable[[], object], rounds: int) -> float:
    """Print p50 and p99 of `rounds` runs, in microseconds, of the calmest block of them; give the p99."""
    blocks = []
    for _ in range(max(1, rounds // BLOCK)):
        spent = []
        for _ in range(BLOCK):
            begun = time.thread_time_ns()
            work()
            spent.append(time.thread_time_ns() - begun)
        spent.sort()
        blocks.append((spent[BLOCK * 99 // 100] / 1000, spent[BLOCK // 2] / 1000))
    p99, p50 = min(blocks)
    print(f"  {name:44} p50 {p50:7.1f} us   p99 {p99:7.1f} us")
    return p99


def gate() -> Calibrator:
    """The largest gate that is usual: 80 trees of depth 3 over all signals, 50 knots of a curve."""
    inputs = [*NAMES, *RAW, *(f"{name}?" for name in NAMES)]
    inner, leaves = range(7), range(8)
    split, limit, left, right, value = [], [], [], [], []
    for tree in range(80):
        first = 15 * tree
        split += [(5 * tree + 3 * node) % len(inputs) for node in inner] + [-1 for _ in leaves]
        limit += [0.1 + 0.8 * ((tree + node) % 10) / 10 for node in inner] + [0.0 for _ in leaves]
        left += [first + 2 * node + 1 for node in inner] + [0 for _ in leaves]
        right += [first + 2 * node + 2 for node in inner] + [0 for _ in leaves]
        value += [0.0 for _ in inner] + [0.02 * (leaf - 3.5) for leaf in leaves]
    trees = {"kind": "trees", "inputs": inputs, "fill": [0.5] * len(inputs), "roots": [15 * n for n in range(80)]}
    trees |= {"split": split, "limit": limit, "left": left, "right": right, "value": value}
    told = {
        "kind": "gate",
        "score": {"kind": "blend", "parts": [{"score": trees, "weight": 1.0}], "link": "logistic"},
        "curve": {"kind": "isotonic", "x": [n / 50 for n in range(1, 50)], "y": [n / 50 for n in range(1, 50)]},
        "labels": 1000,
        "source": "this measurement",
        "fitted": "2026-11-21",
    }
    return read_calibrator("gate", orjson.dumps(told))


def judged(before: Envelope, rules: Rules) -> Callable[[], object]:
    """The stage with a gate."""

    def work() -> object:
        assert before.plan is not None
        found = assess(before.attempts[-1], before.request.response_schema, AROUND)
        return decide(before, before.plan, found, rules)

    return work


def stage(before: Envelope) -> Callable[[], object]:
    """The stage without its event loop."""

    def work() -> object:
        assert before.plan is not None
        found = assess(before.attempts[-1], before.request.response_schema, AROUND)
        return decide(before, before.plan, found)

    return work


def before_and_after(rules: Rules) -> bool:
    """Whether the probability of the gate stands in place of the raw confidence."""
    before = answer(PROSE, None)
    assert before.plan is not None
    told = decide(before, before.plan, assess(before.attempts[-1], None, AROUND), rules).facts
    return str(told["calibrator"]).startswith("gate") and told["confidence"] != told["raw_confidence"]


def called(arguments: str) -> Callable[[], object]:
    """The look at an answer that calls a tool with `arguments`."""
    call = ToolCall(id="1", function={"name": "order", "arguments": arguments})
    tools: list[JsonObject] = [{"type": "function", "function": {"name": "order", "parameters": SCHEMA}}]
    return lambda: assess(attempt(1, tool_calls=(call,)), None, AROUND, tools)


def main() -> None:
    """Measure each kind of answer."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    text = orjson.dumps(ORDER).decode()
    print(f"check, {rounds} rounds each")
    settle_memory()
    parse = measure("JSON parse alone, 4 fields", lambda: orjson.loads(text), rounds)
    plain = [
        measure(f"valid document, {len(text) // 4} tokens", stage(answer(text, SCHEMA)), rounds),
        measure("document in a code fence", stage(answer(f"```json\n{text}\n```", SCHEMA)), rounds),
        measure("short text, 8 tokens", stage(answer("The answer is 42, I count 42.", None)), rounds),
        measure(f"prose, {len(PROSE) // 4} tokens", stage(answer(PROSE, None)), rounds),
    ]
    print("with a gate: 80 trees over all signals, and an isotonic curve")
    calibrator = gate()
    rules = Rules(calibrator, Accept(confidence=0.5))
    assert before_and_after(rules), "the gate decides nothing here"
    signals = assess(answer(PROSE, None).attempts[-1], None, AROUND).signals
    measure("its probability alone", lambda: calibrator.probability(signals, 0.9), rounds)
    gated = [
        measure(f"valid document, {len(text) // 4} tokens", judged(answer(text, SCHEMA), rules), rounds),
        measure("document in a code fence", judged(answer(f"```json\n{text}\n```", SCHEMA), rules), rounds),
        measure("short text, 8 tokens", judged(answer("The answer is 42, I count 42.", None), rules), rounds),
        measure(f"prose, {len(PROSE) // 4} tokens", judged(answer(PROSE, None), rules), rounds),
    ]
    print("answers that need work")
    measure("document that breaks the schema", stage(answer(text.replace("149.9", '"cheap"'), SCHEMA)), rounds)
    measure("document with a type converted", stage(answer(text.replace("149.9", '"149.9"'), SCHEMA)), rounds)
    measure("document whose syntax is repaired", stage(answer(text[:-1] + ",}", SCHEMA)), rounds)
    measure("call of a tool, valid", called(text), rounds)
    measure("call of a tool, repaired", called(text[:-1] + ",}"), rounds)
    print("the document against its schema")
    reference_p99 = measure("reference", lambda: reference(SCHEMA, ORDER), rounds)
    faster_p99 = measure("as check asks it", lambda: problems(SCHEMA, ORDER), rounds)
    print(f"faster by {reference_p99 / faster_p99:.1f} at p99")
    for name, cases in (("plain case", plain), ("case with a gate", gated)):
        slowest = max(cases) - parse
        verdict = "kept" if slowest <= LIMIT_US else "BROKEN"
        print(f"slowest {name} beyond the parse: p99 {slowest:.0f} us; limit {LIMIT_US} us: {verdict}")


if __name__ == "__main__":
    main()
