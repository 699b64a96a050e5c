"""`stepwell difficulty`: learn how hard questions are for the small model, and look at what was learned."""

from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.adapters.difficulty.examples import Example, Fields, files_in, read_examples
from pipeline.adapters.difficulty.recorded import labelled, labels_of
from pipeline.adapters.difficulty.train import Settings, Trained, train
from pipeline.cli.recorded import decisions_and_outcomes
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run
from pipeline.contracts import Request
from pipeline.errors import InvalidRequest, NotFound
from pipeline.signals.complexity import complexity
from pipeline.signals.difficulty import DifficultyModel, InvalidModel, read_model, write_model

__all__ = ["register"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
Field = Annotated[str | None, typer.Option(help="Its field in a line; dots for what lies deeper.")]
_COLUMNS = ("set", "rows", "small", "large", "APGR", "CPT50", "CPT80", "TF-IDF", "complexity", "off by")


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    group = typer.Typer(no_args_is_help=True, help="A learned score of how hard a question is: train it, look at it.")
    group.command("train")(train_command)
    group.command("show")(show_command)
    root.add_typer(group, name="difficulty")


@errors_as_sentences
def train_command(
    data: Annotated[list[Path], typer.Argument(help="Files of questions (.jsonl, .jsonl.gz), or folders of them.")],
    to: Annotated[Path, typer.Option("--to", help="Where the score is written; put it into the policy folder.")],
    recorded: Annotated[
        bool, typer.Option("--recorded", help="Take the labels from the recorded decisions and outcomes, by id.")
    ] = False,
    text: Field = None,
    weak: Field = None,
    strong: Field = None,
    group: Field = None,
    best: Annotated[float, typer.Option(min=1e-9, help="The mark of a perfect answer.")] = 1.0,
    compare: Annotated[bool, typer.Option(help="Measure plain TF-IDF and req.complexity beside it.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Learn from labelled questions how likely the small model fails, and measure what that is worth.

    A line is {"text": …, "failed": true}, or {"text": …, "weak": 0, "strong": 1}: how good the answers of the small and
    the large model were. The score is written in any case; it says itself whether it pays.

    Example: stepwell difficulty train answers.jsonl --to policies/difficulty.json
    """
    fields = Fields(text, weak, strong, group, best)
    examples = _recorded(data, fields) if recorded else read_examples(data, fields)
    trained = train(examples, Settings(compare=compare))
    _write(to, write_model(trained.learned))
    if as_json:
        print_json({"file": str(to), **_told(read_model(to.read_bytes()))})
        return
    _print(trained, to)


def _write(file: Path, data: bytes) -> None:
    try:
        file.write_bytes(data)
    except OSError as error:
        raise InvalidRequest(f"{file}: the score cannot be written: {error.strerror}") from None


def _print(trained: Trained, to: Path) -> None:
    _table(trained.learned.measured["sets"])
    advice = (
        f"To use it: difficulty_file: {to.name} in a file of routes, and req.difficulty in a match."
        if trained.pays
        else "It does not pay on every set: leave difficulty_file out, or use it only where it does."
    )
    console.print(f"written to {to}. {advice}", highlight=False, markup=False, soft_wrap=True)


@errors_as_sentences
def show_command(
    file: Annotated[Path, typer.Argument(help="A score, as train wrote it.")],
    text: Annotated[str | None, typer.Option("--text", help="Score this question.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Say what a score was learned from and what it was worth; with --text, score a question.

    Example: stepwell difficulty show policies/difficulty.json --text "Prove that there are infinitely many primes."
    """
    model = _model(file)
    scored = None if text is None else {"difficulty": model.score_text(text), "complexity": _looks(text)}
    if as_json:
        print_json(_told(model) | ({} if scored is None else scored))
        return
    told = f"{file}: learned from {model.learned.rows} questions, digest {model.digest[:16]}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)
    _table(model.learned.measured.get("sets"))
    if text is not None and scored is not None:
        console.print(f"difficulty {scored['difficulty']:.2f}", highlight=False)
        console.print(complexity(Request(input=text)).sentence(), highlight=False)


def _looks(text: str) -> float:
    return complexity(Request(input=text)).score


def _model(file: Path) -> DifficultyModel:
    try:
        return read_model(file.read_bytes())
    except OSError as error:
        raise NotFound(f"{file}: the score cannot be read: {error.strerror}") from None
    except InvalidModel as error:
        raise InvalidRequest(f"{file}: {error}") from None


def _told(model: DifficultyModel) -> dict[str, Any]:
    return {"digest": model.digest, "rows": model.learned.rows, "measured": dict(model.learned.measured)}


def _table(sets: Any) -> None:
    rows = [_cells(found) for found in sets if isinstance(found, dict)] if isinstance(sets, list) else []
    print_rows(rows, _COLUMNS, as_json=False)
    for row in rows:
        console.print(row["sentence"], highlight=False, markup=False, soft_wrap=True)


def _cells(found: dict[str, Any]) -> dict[str, object]:
    """One set as a row; shares of requests in per cent."""
    gain = found.get("gain") or {}
    return {
        "set": found.get("set"),
        "rows": found.get("rows"),
        "small": _figure(found.get("weak")),
        "large": _figure(found.get("strong")),
        "APGR": _figure(gain.get("apgr")),
        "CPT50": f"{100 * gain.get('cpt50', 1):.0f} %",
        "CPT80": f"{100 * gain.get('cpt80', 1):.0f} %",
        "TF-IDF": _figure((found.get("tfidf") or {}).get("apgr")),
        "complexity": _figure((found.get("complexity") or {}).get("apgr")),
        "off by": _figure(found.get("calibration_error")),
        "sentence": found.get("sentence"),
    }


def _figure(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"


# ------------------------------------------------------------ what was recorded


def _recorded(data: list[Path], fields: Fields) -> list[Example]:
    files = [file for path in data for file in files_in(path)]
    records, outcomes = run(decisions_and_outcomes())
    return labelled(files, labels_of(records, outcomes), fields)
