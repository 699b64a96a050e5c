"""`stepwell cache train`: a guard of likeness learned from labelled questions."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import orjson
import typer

from pipeline.adapters.embedding import MODEL, embed
from pipeline.calibrate.likeness.labelled import asked_of, read_labelled
from pipeline.calibrate.likeness.train import Rate, Served, Trained, file_of, train
from pipeline.cli.show import beside, console, errors_as_sentences, print_json, print_rows
from pipeline.errors import InvalidRequest
from pipeline.policy.guards import guard_name

__all__ = ["train_command"]

_COLUMNS: Final = ("guard", "hits", "precision", "recall", "forbidden")


@errors_as_sentences
def train_command(
    data: Annotated[list[Path], typer.Argument(help="Labelled questions (.jsonl, .jsonl.gz).")],
    to: Annotated[Path, typer.Option("--to", help="Where the guard is written; put it into the policy folder.")],
    precision: Annotated[
        float, typer.Option(min=0.5, max=0.9999, help="The share of hits that has to be right.")
    ] = 0.99,
    similarity: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="The cosine that the route asks of candidates.")
    ] = 0.7,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
) -> None:
    """Learn which remembered questions have one answer, and say what that is worth.

    A line is {"new": …, "remembered": …, "same": true}, or {"text": …, "group": …}: questions of one group have one
    answer, and one whose group is null may be answered by nothing. Candidates are found by the built-in encoder.

    The file is written only where the learned guard answers more than the one that comes along, and as many of its hits
    are right as asked for, on groups that it was not learned from.

    Example: stepwell cache train asked.jsonl --to policies/guards/faq.json
    """
    trained = train(asked_of(read_labelled(data), embed, similarity), 1.0 - precision)
    body = b""
    if trained.takes_over:
        file = file_of(trained, MODEL, similarity, datetime.now(UTC).date().isoformat())
        body = orjson.dumps(file.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"
        _write(to, body)
    if as_json:
        print_json(_as_data(trained, to if body else None))
    else:
        _print(trained)
    if not body:
        beside.print(f"not written: {trained.verdict}.", highlight=False, markup=False, soft_wrap=True)
        raise typer.Exit(1)
    if not as_json:
        told = (
            f"{trained.verdict}: written to {to} ({guard_name(to.name, body)}). To use it: "
            f"cache: {{semantic: {{guard_file: …}}}}; it comes into force with the policies."
        )
        console.print(told, highlight=False, markup=False, soft_wrap=True)


def _write(file: Path, body: bytes) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)
    except OSError as error:
        raise InvalidRequest(f"{file}: the guard cannot be written: {error.strerror}") from None


def _print(trained: Trained) -> None:
    rows = [
        {
            "guard": name,
            "hits": served.precision.whole,
            "precision": _told(served.precision),
            "recall": _told(served.recall),
            "forbidden": served.forbidden,
        }
        for name, served in (("that comes along", trained.shipped), ("learned", trained.learned))
    ]
    said = f"{trained.questions:,} questions; the learned guard on groups that it was not learned from"
    console.print(said, highlight=False, markup=False, soft_wrap=True)
    print_rows(rows, _COLUMNS, as_json=False)


def _told(rate: Rate) -> str:
    return "none" if rate.value is None else f"{rate.value:.3f} [{rate.low:.3f}, {rate.high:.3f}]"


def _as_data(trained: Trained, file: Path | None) -> dict[str, Any]:
    return {
        "file": None if file is None else str(file),
        "verdict": trained.verdict,
        "questions": trained.questions,
        "shipped": _figures(trained.shipped),
        "learned": _figures(trained.learned),
        "better": trained.better,
        "holds": trained.holds,
        "hijacked": {"share": trained.hijacked.value, "of": trained.hijacked.whole},
    }


def _figures(served: Served) -> dict[str, Any]:
    return {
        name: {"value": rate.value, "low": rate.low, "high": rate.high, "of": rate.whole}
        for name, rate in (("precision", served.precision), ("recall", served.recall))
    } | {"forbidden": served.forbidden}
