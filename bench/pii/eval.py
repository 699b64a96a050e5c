"""How much personal data is found, how much is missed, and how often nothing is taken for something.

    make eval-pii
    make eval-pii DATA=folder ARGS=--json
    python -m bench.pii.eval [DATA] [--json] [--marks] [--markdown] [--quick] [--no-names] [--against presidio]

DATA is a folder of evaluation data (default: $STEPWELL_DATA, or shared/data beside the checkout), read in place; parts
that are not there are listed as skipped. Only counts are printed. What counts as found is defined in `score`; figures
of made identifiers (`made`, `formats`, `national`, `obfuscate`) stand apart from those of the data.
"""

import argparse
import json
import platform
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from bench.pii import engines, score
from bench.pii.code import snippets
from bench.pii.engines import Engine
from bench.pii.formats import secrets
from bench.pii.made import MAKERS, made, phones
from bench.pii.national import FORMS, national
from bench.pii.obfuscate import DISGUISES, IDENTIFIERS, disguised
from bench.pii.rows import PRESIDIO, Data, Row, Skipped, default_folder
from bench.pii.score import Tally
from bench.pii.summary import LINES, summary
from bench.pii.table import Figure, as_data, missed, print_figures
from pipeline.adapters.pii.spans import NAMES, Span
from pipeline.policy.load import load_folder

__all__ = ["evaluate", "main"]

EXACT: Final = ("CREDIT_CARD", "IBAN", "EMAIL", "IP", "US_SSN")
"""Types whose recall and precision have marks of their own."""
BALANCED: Final = {"PHONE": 0.88, "PERSON": 0.89, "ADDRESS": 0.65, "PLACE": 0.65}
"""Types with a mark on F2."""
OTHERS: Final = ("DRIVER_LICENSE", "LOCATION", "ORG", "NRP", "AGE")
_RECALL, _PRECISION, _LEAK = ">= 0.99", ">= 0.98", "<= 0.08"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is measured: data, scanners, seed, how much is made of each kind, and the thresholds of a policy."""

    data: Data
    patterns: Engine
    whole: Engine
    seed: int
    threshold: float
    each: int = 60
    functions: int = 400
    rival: Engine | None = None
    policy: Mapping[str, float] = field(default_factory=dict)

    @property
    def with_names(self) -> bool:
        """Whether the whole scanner looks for names."""
        return self.whole is not self.patterns

    def acts_on(self, span: Span) -> bool:
        """Whether the default policy counts a finding."""
        return span.score >= self.policy.get(span.type, self.policy.get("default", self.threshold))

    def found(self, engine: Engine, text: str) -> list[Span]:
        """The findings that reach the threshold."""
        return [span for span in engine.scan(text) if span.score >= self.threshold]


def _grouped(plan: Plan, engine: Engine, rows: Sequence[Row]) -> list[Tally]:
    """A tally for each template."""
    groups: dict[str, Tally] = defaultdict(Counter)
    for row in rows:
        every = engine.scan(row.text)
        tally = score.count(row, [span for span in every if span.score >= plan.threshold])
        tally["", "leaks by policy"] += score.leaks(row, [span for span in every if plan.acts_on(span)])
        groups[row.template].update(tally)
    return list(groups.values())


def _total(groups: Iterable[Tally]) -> Tally:
    total: Tally = Counter()
    for group in groups:
        total.update(group)
    return total


def _rows(plan: Plan, engine: Engine, rows: Iterable[Row]) -> Tally:
    return _total(score.count(row, plan.found(engine, row.text)) for row in rows)


# ---------------------------------------------------------------- labelled data


def labelled(plan: Plan) -> Iterator[Figure]:
    """Both files of presidio-research: by type, leaking documents, documents without labels that were flagged."""
    together: list[Tally] = []
    for name in PRESIDIO:
        try:
            rows = plan.data.presidio(name)
        except Skipped as reason:
            yield Figure(name, "all", None, note=str(reason))
            continue
        groups = _grouped(plan, plan.whole, rows)
        together.extend(groups)
        yield from _by_type(plan, name, groups)
        yield from _leaks(plan, name, groups)
        yield from _clean(plan, name, [row.text for row in rows if not row.spans])
        if plan.rival is not None:
            yield from _beside(plan, name, groups, _grouped(plan, plan.rival, rows))
    if len(together) > 1:
        yield from _leaks(plan, "both files", together)


def _by_type(plan: Plan, name: str, groups: Sequence[Tally]) -> Iterator[Figure]:
    total = _total(groups)
    for kind in EXACT:
        if total[kind, "gold"] or total[kind, "found"]:
            for what, figure, mark in (("recall", score.recall, _RECALL), ("precision", score.precision, _PRECISION)):
                yield _measured(plan, name, f"{kind} {what}", groups, partial(figure, kind=kind), mark, kind)
        else:
            yield Figure(name, kind, None, note="does not occur in this file: see the made ones")
    for kind in (*BALANCED, *OTHERS):
        if kind in NAMES and not plan.with_names:
            yield Figure(name, f"{kind} F2", None, note="names are off")
        elif total[kind, "gold"]:
            mark = f">= {BALANCED[kind]}" if kind in BALANCED else ""
            yield _measured(plan, name, f"{kind} F2", groups, partial(score.f2, kind=kind), mark, kind)


def _measured(
    plan: Plan, name: str, measure: str, groups: Sequence[Tally], figure: score.Figure, mark: str, kind: str
) -> Figure:
    total = _total(groups)
    parts = (score.recall(total, kind), score.recall(total, kind, "any"), score.precision(total, kind))
    note = "R {} any {} P {}".format(*("-" if part is None else f"{part:.3f}" for part in parts))
    between = score.interval(groups, figure, plan.seed)
    return Figure(name, measure, figure(total), mark, total[kind, "gold"], between, note, "share")


def _leaks(plan: Plan, name: str, groups: Sequence[Tally]) -> Iterator[Figure]:
    total = _total(groups)
    for what, measure in (("leaks", "documents that leak"), ("leaks typed", "documents that leak, type must be right")):
        figure = partial(score.leak, what=what)
        between = score.interval(groups, figure, plan.seed)
        yield Figure(name, measure, figure(total), _LEAK, total["", "documents"], between, unit="share")
    if plan.policy:
        by_policy = score.leak(total, "leaks by policy")
        note = "documents that leak by the thresholds of the default policy"
        yield Figure(name, "leaks by policy", by_policy, "", total["", "documents"], None, note, "share")


def _clean(plan: Plan, name: str, texts: Sequence[str]) -> Iterator[Figure]:
    yield _alarms(plan, name, "documents without labels, structured finding", texts, "", plan.patterns)
    if plan.with_names:
        yield _alarms(plan, name, "documents without labels, any finding", texts, "", plan.whole)


def _beside(plan: Plan, name: str, ours: Sequence[Tally], theirs: Sequence[Tally]) -> Iterator[Figure]:
    """What we have over the other engine, template by template."""
    assert plan.rival is not None
    measures: dict[str, score.Figure] = {
        f"{kind} F2": partial(score.f2, kind=kind) for kind in (*EXACT, *BALANCED) if _total(ours)[kind, "gold"]
    }
    for measure, figure in (measures | {"documents that leak": score.leak}).items():
        mine, other = figure(_total(ours)), figure(_total(theirs))
        if mine is not None and other is not None:
            between = score.paired(ours, theirs, figure, plan.seed)
            note = f"{plan.rival.name} {other:.3f}"
            yield Figure(f"{name}, over {plan.rival.name}", measure, mine - other, "", 0, between, note, "share")


# ---------------------------------------------------------------- texts without labels


def _alarms(plan: Plan, section: str, measure: str, texts: Sequence[str], mark: str, engine: Engine) -> Figure:
    """The share of texts with a finding, and of which types."""
    kinds: Counter[str] = Counter()
    flagged = 0
    for text in texts:
        found = {span.type for span in plan.found(engine, text)}
        flagged += bool(found)
        kinds.update(found)
    note = ", ".join(f"{kind} {number}" for kind, number in kinds.most_common(6))
    return Figure(section, measure, flagged / len(texts) if texts else None, mark, len(texts), None, note, "share")


_PROMPTS: Final = (
    ("GSM8K questions", ("gsm8k-four-systems",), "<= 0.01"),
    ("Banking77 and CLINC150 queries", ("cache-banking77", "cache-clinc150"), "<= 0.001"),
)


def blocked(plan: Plan) -> Iterator[Figure]:
    """How often ordinary prompts and code get a structured finding, and apart from that any finding."""
    section = "ordinary texts with a finding"
    for title, parts, mark in _PROMPTS:
        texts: list[str] = []
        for part in parts:
            try:
                texts += plan.data.texts(part)
            except Skipped as reason:
                yield Figure(section, part, None, note=str(reason))
        if texts:
            yield from _both(plan, section, title, texts, mark)
    yield from _both(plan, section, "Python functions", snippets(plan.functions, plan.seed), "<= 0.05")


def _both(plan: Plan, section: str, title: str, texts: Sequence[str], mark: str) -> Iterator[Figure]:
    yield _alarms(plan, section, f"{title}, structured", texts, mark, plan.patterns)
    if plan.with_names:
        yield _alarms(plan, section, f"{title}, any", texts, "", plan.whole)


def posts(plan: Plan) -> Iterator[Figure]:
    """Untidy public posts: people and places found, and sentences without any that were flagged."""
    section = "WNUT17"
    if not plan.with_names:
        yield Figure(section, "all", None, note="names are off")
        return
    try:
        rows = plan.data.wnut()
    except Skipped as reason:
        yield Figure(section, "all", None, note=str(reason))
        return
    total = _rows(plan, plan.whole, rows)
    for kind in ("PERSON", "LOCATION"):
        note = f"P {score.precision(total, kind) or 0:.3f} any {score.recall(total, kind, 'any') or 0:.3f}"
        recall = score.recall(total, kind)
        yield Figure(section, f"{kind} recall", recall, "", total[kind, "gold"], None, note, "share")
    texts = [row.text for row in rows if not row.spans]
    yield _alarms(plan, section, "sentences without a name, any finding", texts, "", plan.whole)


# ---------------------------------------------------------------- made identifiers


def identifiers(plan: Plan) -> Iterator[Figure]:
    """Identifiers that are rare in the data, made here."""
    section = "made identifiers"
    for name, (kind, _) in MAKERS.items():
        tally = _rows(plan, plan.patterns, made(name, 4 * plan.each, plan.seed))
        yield _made(section, name, tally, kind, _RECALL if kind in EXACT else "")
    yield _made(section, "phone, every region", _rows(plan, plan.patterns, phones(plan.seed)), "PHONE", "")
    for kind in EXACT:
        rows = [row for name, (k, _) in MAKERS.items() if k == kind for row in made(name, plan.each, plan.seed)]
        tally = _rows(plan, plan.patterns, rows)
        found = tally[kind, "found"]
        yield Figure(section, f"{kind} precision", score.precision(tally, kind), _PRECISION, found, unit="share")


def _made(section: str, name: str, tally: Tally, kind: str, mark: str) -> Figure:
    note = f"any type {score.recall(tally, kind, 'any') or 0:.3f}"
    return Figure(section, f"{name}, recall", score.recall(tally, kind), mark, tally[kind, "gold"], None, note, "share")


def credentials(plan: Plan) -> Iterator[Figure]:
    """Credentials of known formats, and code in which there is none."""
    section = "credentials"
    tallies: dict[str, Tally] = defaultdict(Counter)
    for name, row in secrets(plan.seed, max(3, plan.each // 6)):
        tallies[name].update(score.count(row, plan.found(plan.patterns, row.text)))
    total = _total(tallies.values())
    yield Figure(section, f"recall over {len(tallies)} formats", score.recall(total, "SECRET"), ">= 0.95",
                 total["SECRET", "gold"], unit="share")  # fmt: skip
    known = {name: score.recall(tally, "SECRET") or 0.0 for name, tally in tallies.items()}
    weak = sorted((value, name) for name, value in known.items() if value < 0.95)
    note = ", ".join(f"{name} {value:.2f}" for value, name in weak)
    yield Figure(section, "formats found at least 95 times in 100", len(known) - len(weak), ">= 40", len(known),
                 None, note, "formats")  # fmt: skip
    texts = snippets(plan.functions, plan.seed)
    flagged = sum(any(span.type == "SECRET" for span in plan.found(plan.patterns, text)) for text in texts)
    yield Figure(section, "Python functions with a credential reported", flagged / len(texts), "", len(texts),
                 unit="share")  # fmt: skip


def disguises(plan: Plan) -> Iterator[Figure]:
    """Each disguise over all identifiers; the cells stand in the note."""
    for disguise in DISGUISES:
        cells, total = [], Counter[tuple[str, str]]()
        for identifier, name in IDENTIFIERS.items():
            kind = MAKERS[name][0]
            tally = _rows(plan, plan.patterns, disguised(disguise, identifier, plan.each, plan.seed))
            cells.append(f"{identifier} {score.recall(tally, kind) or 0:.2f}")
            total["ID", "gold"] += tally[kind, "gold"]
            total["ID", "hit"] += tally[kind, "hit"]
        recall = score.recall(total, "ID")
        yield Figure("disguises", f"{disguise}, recall", recall, ">= 0.95", total["ID", "gold"], None,
                     ", ".join(cells), "share")  # fmt: skip


def countries(plan: Plan) -> Iterator[Figure]:
    """National and tax ids by country."""
    tallies: dict[str, Tally] = defaultdict(Counter)
    for country, row in national(max(5, plan.each // 2), plan.seed):
        tallies[country].update(score.count(row, plan.found(plan.patterns, row.text)))
    known = {country: score.recall(tally, "NATIONAL_ID") or 0.0 for country, tally in tallies.items()}
    loose = score.recall(_total(tallies.values()), "NATIONAL_ID", "any")
    weak = sorted((value, country) for country, value in known.items() if value < 0.95)
    total = _total(tallies.values())
    yield Figure("national ids", "recall over all countries", score.recall(total, "NATIONAL_ID"), "",
                 total["NATIONAL_ID", "gold"], None, f"any type {loose or 0:.3f}", "share")  # fmt: skip
    yield Figure("national ids", "countries found at least 95 times in 100", len(known) - len(weak), ">= 25",
                 len(FORMS), None, ", ".join(f"{country} {value:.2f}" for value, country in weak),
                 "countries")  # fmt: skip


PARTS: Final[tuple[Callable[[Plan], Iterator[Figure]], ...]] = (
    labelled, blocked, posts, identifiers, credentials, disguises, countries,
)  # fmt: skip


def evaluate(plan: Plan, tell: Callable[[str], None] = lambda _: None, only: Collection[str] = ()) -> list[Figure]:
    """All figures, the marks first; `tell` hears the name of each part before it is measured. `only` names parts."""
    figures: list[Figure] = []
    for part in PARTS:
        if not only or part.__name__ in only:
            tell(part.__name__)
            figures.extend(part(plan))
    return [*summary(figures), *figures]


# ---------------------------------------------------------------- the command


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.pii.eval", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?", default=None, help="folder of evaluation data")
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--marks", action="store_true", help="print the marks alone")
    parser.add_argument("--markdown", action="store_true", help="for documents")
    parser.add_argument("--seed", type=int, default=7, help="of everything that is drawn")
    parser.add_argument("--threshold", type=float, default=0.5, help="findings that score less do not count")
    parser.add_argument("--quick", action="store_true", help="the first 40 rows of each file, few made texts")
    parser.add_argument("--no-names", action="store_true", help="the pattern tier alone")
    parser.add_argument("--against", choices=["presidio", "patterns"], help="differences, with paired intervals")
    parser.add_argument("--only", action="append", choices=[part.__name__ for part in PARTS], help="these parts alone")
    parser.add_argument("--strict", action="store_true", help="end with 1 when a mark is missed")
    return parser.parse_args()


def _plan(given: argparse.Namespace) -> Plan:
    engines.settle_threads()
    patterns = engines.patterns()
    rivals = {"presidio": engines.presidio, "patterns": engines.patterns}
    return Plan(
        data=Data(given.data or default_folder(), most=40 if given.quick else 0),
        patterns=patterns,
        whole=patterns if given.no_names else engines.names(),
        seed=given.seed,
        threshold=given.threshold,
        each=6 if given.quick else 60,
        functions=40 if given.quick else 400,
        rival=rivals[given.against]() if given.against else None,
        policy=load_folder(Path(__file__).parents[2] / "policies", {}).residency.thresholds,
    )


def main() -> None:
    """Measure and print."""
    given = _arguments()
    plan = _plan(given)
    figures = evaluate(plan, lambda part: print(f"{part} ...", file=sys.stderr), given.only or ())
    head = {
        "data": plan.data.digest(),
        "seed": plan.seed,
        "threshold": plan.threshold,
        "engine": plan.whole.version,
        "python": platform.python_version(),
        "missed": len(missed(figures[: len(LINES)])),
    }
    if given.json:
        print(json.dumps({**head, "figures": as_data(figures)}, indent=2))
    else:
        print(", ".join(f"{name} {value}" for name, value in head.items()))
        print_figures(figures[: len(LINES)] if given.marks else figures, markdown=given.markdown)
    if given.strict and head["missed"]:
        sys.exit(1)


if __name__ == "__main__":
    main()
