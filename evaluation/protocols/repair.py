"""J1: broken documents made whole, valid ones left alone, hostile ones survived, and verdicts about schemas.

A repair is right when it gives exactly the value that the tests of a library expect. A library is fairly scored only on
the cases of the other one; both sources are told. The mark belongs to the repair itself ("as mended": the exact value
that `mend` finds). Check serves less ("as served", against a schema that names the kind of the expected value): no
value that does not stand in the text, nothing that more than one reading fits; the rest goes to a corrective turn. What
it serves and what is not the expected value is told apart. Nothing is learned here, so that FIT is not read.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from typing import Any, Final

import json_repair
import numpy as np
import orjson

from evaluation.bootstrap import interval, means
from evaluation.data import Absent, Folder, Row
from evaluation.report import Figure, Options, Report
from pipeline.adapters.documents import problems
from pipeline.adapters.documents.fast import faster
from pipeline.adapters.documents.schemas import reference
from pipeline.errors import InvalidRequest
from stages.check.held import hold
from stages.check.reading import read
from stages.check.repair import mend

__all__ = ["run"]

FOREIGN: Final = "jsonrepair"
DIALECTS: Final = {
    "draft7": "http://json-schema.org/draft-07/schema#",
    "draft2019-09": "https://json-schema.org/draft/2019-09/schema",
    "draft2020-12": "https://json-schema.org/draft/2020-12/schema",
}
NOTHING: Final = object()
"""No value was found."""


def run(fit: Folder, data: Folder, options: Options) -> Report:  # noqa: ARG001  nothing is learned
    """Score repair, parsing and validation. Raises `Absent` where the cases of repair are missing."""
    rows = data.rows("json-repair-cases/cases")
    broken = [row for row in rows if not row["already_valid"] and row["repairable"]]
    foreign = [row for row in broken if row["source"] == FOREIGN]
    own = [row for row in broken if row["source"] != FOREIGN]
    figures = [
        _compared(
            "foreign cases repaired to the exact value, as mended", foreign, _ours, options, mark=0.80, goal=0.90
        ),
        _compared("foreign cases repaired to the exact value, as served", foreign, _served, options),
        _compared("json_repair's own cases repaired to the exact value, as mended", own, _ours, options),
        _compared("json_repair's own cases repaired to the exact value, as served", own, _served, options),
        *_not_as_expected(foreign),
        _untouched([row for row in rows if row["already_valid"]]),
        *_optional(_parsed, data),
        *_optional(_verdicts, data),
    ]
    hopeless = [row for row in rows if not row["repairable"]]
    notes = (
        f"{len(hopeless)} texts that no library repairs: {sum(_ours(row) is NOTHING for row in hopeless)} "
        "left alone by ours",
        "as mended: the value that the repair function finds, to which the mark belongs; as served: what check passes "
        "on of it without asking anew where the schema asks for a value of that kind (an object, a string, ...), which "
        "leaves out values that were not said; where a string is asked for, bare text is one, whatever stands in it",
        "baseline: the library json_repair alone, in the same run; its own cases are circular for it",
    )
    return Report("J1", "Repair of documents", tuple(figures), {"kinds of repair": _kinds(broken)}, notes=notes)


def _optional(part: Callable[[Folder], list[Figure]], data: Folder) -> list[Figure]:
    try:
        return part(data)
    except Absent:
        return []


def _compared(
    name: str,
    rows: list[Row],
    repair: Callable[[Row], Any],
    options: Options,
    mark: float | None = None,
    goal: float | None = None,
) -> Figure:
    """The share of `rows` with exactly the expected value, beside the library's."""
    ours = np.array([_same(repair(row), row["expected"]) for row in rows], dtype=np.float64)
    theirs = np.array([_same(_library(row["input"]), row["expected"]) for row in rows], dtype=np.float64)
    drawn = means(ours, options.rounds, options.seed, "repair")
    other = means(theirs, options.rounds, options.seed, "repair")
    (low, high), (over_low, over_high) = interval(drawn), interval(drawn - other)
    mean, base = float(ours.mean()), float(theirs.mean())
    return Figure(name, mean, low, high, base, mean - base, over_low, over_high, mark=mark, goal=goal, rows=len(rows))


def _not_as_expected(rows: list[Row]) -> Iterator[Figure]:
    """What is served without being the expected value: of documents, and of single values."""
    for name, kinds in (("documents", ("object", "array")), ("single values", tuple(_KINDS.values())[2:])):
        own = [row for row in rows if _KINDS[type(row["expected"])] in kinds]
        served = [(_served(row), row["expected"]) for row in own]
        wrong = sum(found is not NOTHING and not _same(found, expected) for found, expected in served)
        yield Figure(f"foreign {name} served with another value", float(wrong), better="lower", rows=len(own))


def _ours(row: Row) -> Any:
    try:
        return orjson.loads(row["input"])
    except orjson.JSONDecodeError:
        mended = mend(row["input"])
    return NOTHING if mended is None else mended.document


_KINDS: Final = {
    dict: "object",
    list: "array",
    str: "string",
    int: "number",
    float: "number",
    bool: "boolean",
    type(None): "null",
}


def _served(row: Row) -> Any:
    held = hold(row["input"], {"type": _KINDS[type(row["expected"])]})
    return NOTHING if held.state == "invalid" else held.parsed


def _library(text: str) -> Any:
    try:
        return json_repair.loads(text)
    except (ValueError, RecursionError):
        return NOTHING


def _same(found: Any, expected: Any) -> bool:
    """Whether two documents are equal; true is not 1."""
    if isinstance(found, bool) or isinstance(expected, bool):
        return found is expected
    if isinstance(found, dict) and isinstance(expected, dict):
        return found.keys() == expected.keys() and all(_same(found[key], expected[key]) for key in found)
    if isinstance(found, list) and isinstance(expected, list):
        return len(found) == len(expected) and all(map(_same, found, expected))
    return bool(found == expected)


def _untouched(rows: list[Row]) -> Figure:
    changed = 0
    for row in rows:
        reading = read(row["input"])
        changed += not reading.found or bool(reading.repairs) or not _same(reading.document, row["expected"])
    return Figure("valid documents changed", float(changed), mark=0.0, better="lower", rows=len(rows))


def _parsed(data: Folder) -> list[Figure]:
    rows = data.rows("json-parsing-cases/cases")
    crashed = wrong = 0
    for row in rows:
        try:
            text = _text(row)
            reading = read(text)
            mend(text)
        except Exception:  # noqa: BLE001  whatever it is, it is what must not happen
            crashed += 1
            continue
        taken = reading.found and not reading.repairs
        wrong += row["expect"] != "either" and taken != (row["expect"] == "accept")
    return [
        Figure("texts for parsers that crash it", float(crashed), mark=0.0, better="lower", rows=len(rows)),
        Figure("texts for parsers taken or refused wrongly", float(wrong), mark=0.0, better="lower", rows=len(rows)),
    ]


def _text(row: Row) -> str:
    """The text as it comes out of an answer, where bytes that are no UTF-8 cannot stand."""
    try:
        return base64.b64decode(row["base64"]).decode("utf-8", "surrogateescape")
    except binascii.Error:
        return ""


def _verdicts(data: Folder) -> list[Figure]:
    right = split = quick = 0
    rows = [row for row in data.rows("json-schema-test-suite/tests") if not row["uses_remote"]]
    required = [row for row in rows if not row["optional"]]
    for row, schema in ((row, _schema(row)) for row in rows):
        verdict = _verdict(schema, row["data"])
        right += not row["optional"] and verdict == row["valid"]
        fast = faster(schema, DIALECTS[row["draft"]])
        if fast is not None and verdict is not None:
            quick += 1
            split += fast(row["data"]) != reference(schema, row["data"])
    return [
        Figure("required verdicts about schemas right", right / max(1, len(required)), mark=1.0, rows=len(required)),
        Figure("verdicts on which the faster validator differs", float(split), mark=0.0, better="lower", rows=quick),
    ]


def _schema(row: Row) -> Any:
    schema = row["schema"]
    return {"$schema": DIALECTS[row["draft"]], **schema} if isinstance(schema, dict) else schema


def _verdict(schema: Any, document: Any) -> bool | None:
    try:
        return problems(schema, document) == ()
    except InvalidRequest:
        return None


def _kinds(rows: list[Row]) -> list[dict[str, Any]]:
    """How often each change was made, and how often the document was then the expected one."""
    seen: dict[str, list[bool]] = {}
    for row in rows:
        for change, right in _changes(row):
            seen.setdefault(change, []).append(right)
    return [
        {"change": change, "documents": len(all_), "right": round(sum(all_) / len(all_), 3)}
        for change, all_ in sorted(seen.items(), key=lambda each: -len(each[1]))
    ]


def _changes(row: Row) -> Iterator[tuple[str, bool]]:
    mended = mend(row["input"])
    if mended is None:
        yield "none found", False
        return
    right = _same(mended.document, row["expected"])
    for change in mended.changes:
        yield change, right
