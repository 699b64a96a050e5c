"""Recorded calls of functions as cases: what the product finds in each draft, and whether each answer is right.

The draft goes the way of the product: its calls are read, held against the tools of the request, repaired and converted
where that is safe (`stages.check.calls`), and the repaired calls are what would be served and is graded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from evaluation.data import Absent, Folder, Row
from evaluation.protocols.functions_grade import right
from evaluation.protocols.functions_read import asked, said, tools_of
from pipeline.calibrate.learn import Settings, learn
from pipeline.calibrate.trees import Growth
from pipeline.confidence.score import Blend, column
from pipeline.confidence.signals.calls import calls_signals
from pipeline.confidence.signals.calls_agree import calls_agree
from stages.check.calls import hold_calls

__all__ = ["GEMMA", "GLYPHH", "WEAK", "Cases", "cases_of", "joined", "key", "learned", "scored"]

WEAK: Final = "AIREV-Agent-0.8B"
GEMMA: Final = "gemma4-e4b-toolcall-v02"
GLYPHH: Final = "glyphh-ada-1.1"

Numbers: TypeAlias = NDArray[np.float64]
Call: TypeAlias = tuple[str, dict[str, Any]]
_REQUEST: Final = ("call_tools", "call_parameters", "call_options", "call_question", "call_schema", "call_year",
                   "call_parallel_words")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cases:
    """Recorded requests, a row for each.

    Attributes:
        own: signals of the draft alone, by name.
        all: these, and how far another system's calls agree.
        weak: whether the draft is right, as it would be served.
        plain: whether it was right as it came.
        strong: whether the large system is right.
        flagged: what the schemas alone object to.
        refused: what check refuses: it is escalated whatever its score.
        same: whether draft and other system made the same calls.
        raw_same: whether their raw outputs are the same text.
        strong_s: seconds of the large system.
        opinion_s: seconds of the other one.
    """

    own: dict[str, Numbers]
    all: dict[str, Numbers]
    weak: Numbers
    plain: Numbers
    strong: Numbers
    flagged: Numbers
    refused: Numbers
    same: Numbers
    raw_same: Numbers
    strong_s: Numbers
    opinion_s: Numbers
    categories: tuple[str, ...]
    disputed: int


def key(row: Row) -> str:
    """What must not be on both sides: the words of the request."""
    return orjson.dumps(row["item"]["messages"]).decode()


def joined(folder: Folder) -> list[Row]:
    """Recorded outputs with their requests. Raises `Absent`."""
    items = {row["id"]: row for row in folder.rows("bfcl-function-calls/items")}
    recorded = folder.rows("bfcl-function-calls/recorded_outputs")
    rows = [{**row, "item": items[row["id"]]} for row in recorded if row["id"] in items]
    if not rows:
        raise Absent("bfcl-function-calls: no recorded output has its request")
    return rows


def cases_of(rows: Sequence[Row], strong: str, opinion: str) -> Cases:
    """What is known of `rows` when `strong` is the large system and `opinion` the one that is asked as well."""
    own: list[dict[str, float | None]] = []
    whole: list[dict[str, float | None]] = []
    plain: list[tuple[float, ...]] = []
    disputed = 0
    for row in rows:
        item, systems = row["item"], row["systems"]
        question, tools = asked(item), tools_of(item)
        state, calls, first = _draft(row, tools)
        _, theirs, _ = _read(systems[opinion]["raw"], tools)
        signals = calls_signals(question, tools, calls, state=state)
        other = calls_signals(question, tools, theirs)
        own.append(signals)
        whole.append({**signals, **calls_agree(question, calls, theirs), **_beside(signals, other)})
        graded = right(calls, item["accepted"])
        came = right(first, item["accepted"])
        disputed += came != bool(systems[WEAK]["correct"])
        plain.append(
            (
                float(graded),
                float(came),
                float(systems[strong]["correct"]),
                float(not systems[WEAK]["schema_ok"]),
                float(state == "invalid"),
                float(whole[-1]["opinion_same"] or 0.0),
                float(_text(systems[WEAK]["raw"]) == _text(systems[opinion]["raw"])),
                float(systems[strong]["latency_s"] or 0.0),
                float(systems[opinion]["latency_s"] or 0.0),
            )
        )
    table = np.array(plain).T
    return Cases(_columns(own), _columns(whole), *table, tuple(row["category"] for row in rows), disputed)


def _read(raw: Any, tools: Sequence[Any]) -> tuple[str, list[Call], list[Call]]:
    """How the calls stand to the tools, the calls as they would be served, and as they came."""
    made = said(raw)
    held = hold_calls(made.calls or (), tools, "required")
    served = [(str(each.function["name"]), orjson.loads(str(each.function["arguments"]))) for each in held.calls or ()]
    state = "repaired" if made.repairs and held.state == "valid" else held.state
    return state, served or made.plain, made.plain


def _draft(row: Row, tools: Sequence[Any]) -> tuple[str, list[Call], list[Call]]:
    return _read(row["systems"][WEAK]["raw"], tools)


def _text(raw: Any) -> str:
    return raw if isinstance(raw, str) else orjson.dumps(raw).decode()


def _beside(ours: dict[str, float | None], theirs: dict[str, float | None]) -> dict[str, float | None]:
    """The other system's signals, and how much better ours are, where they speak of calls and not of the request."""
    found: dict[str, float | None] = {}
    for name, value in theirs.items():
        if name not in _REQUEST:
            own = ours[name]
            found[f"their_{name}"] = value
            found[f"less_{name}"] = None if own is None or value is None else own - value
    return found


def _columns(rows: list[dict[str, float | None]]) -> dict[str, Numbers]:
    return {name: column([row[name] for row in rows]) for name in rows[0]}


def learned(columns: dict[str, Numbers], cases: Cases, rows: NDArray[np.int64], *, quick: bool) -> Blend:
    """The expected gain by escalation, from some rows."""
    growth = Growth(trees=30, seeds=1) if quick else Growth(trees=100, seeds=2)
    settings = Settings(growth=growth, folds=2 if quick else 4)
    return learn(_of(columns, rows), cases.weak[rows], cases.strong[rows], settings)


def scored(score: Blend, columns: dict[str, Numbers], cases: Cases, rows: NDArray[np.int64]) -> Numbers:
    """How much is expected of escalating these rows; what check refuses comes first."""
    return np.asarray(score.rows(_of(columns, rows)), np.float64) + 10.0 * cases.refused[rows]


def _of(columns: dict[str, Numbers], rows: NDArray[np.int64]) -> dict[str, Numbers]:
    return {name: values[rows] for name, values in columns.items()}
