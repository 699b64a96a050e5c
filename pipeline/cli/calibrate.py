"""`stepwell calibrate`: from judged drafts to a probability, a threshold and a promise."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer

from pipeline.calibrate.gate import Calibration, Settings, calibrate
from pipeline.calibrate.labels import LAST, Label
from pipeline.calibrate.plot import save
from pipeline.calibrate.recorded import labels_of
from pipeline.calibrate.rows import read_rows
from pipeline.calibrate.rules import Asked
from pipeline.cli.calibrate_text import as_data, show_calibration
from pipeline.cli.recorded import decisions_and_outcomes
from pipeline.cli.show import Misused, beside, console, errors_as_sentences, print_json, run
from pipeline.embedded.here import environment_here
from pipeline.errors import InvalidRequest, NotFound
from pipeline.policy.calibration import Gate
from pipeline.policy.calibration.gate import Rule
from pipeline.policy.load import load_folder
from pipeline.settings import Settings as Surroundings

__all__ = ["register", "written"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
_RULES: Final = ("joint", "expected", "precision", "relative", "cost", "floor")
_HELP: Final = """Find the threshold that keeps a promise about wrong answers, from judged drafts.

Without files the labels come from what was recorded: outcomes, and drafts that were escalated beside their answers.
A line of a file is {"right": true, "confidence": 0.93} or {"right": false, "signals": {"token_mean": 0.4}}, with task,
tenant, at (Unix time), large_right and propensity where they are known.

Labels are used for one thing each: some to fit curves, others to set thresholds, and the newest fifth to hold both to.
A version that this fifth speaks against is not written, and the old one stays; with --strict it must prove the promise
once more, which takes about three times as many labels.

--rule joint (the default): at most alpha of all answers are wrong and kept. expected: the same on the average of
calibrations. precision: at most alpha of the kept answers are wrong; it takes thousands of labels. relative: at most
alpha is lost against the large model; labels need large_right. cost: the cheapest threshold that keeps joint. floor:
answers are right at least --floor times as often as the large model's; labels need large_right.

Examples:
  stepwell calibrate labels.jsonl --alpha 0.03 --out policies/calibrators/faq.json --plot faq.png
  stepwell calibrate labels.jsonl --floor 0.95 --out policies/calibrators/faq.json
  stepwell calibrate --route faq --apply
"""


def register(root: typer.Typer) -> None:
    """Add the verb."""
    root.command("calibrate", help=_HELP)(calibrate_command)


@errors_as_sentences
def calibrate_command(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Judged drafts (.jsonl, .jsonl.gz); left out: what was recorded.")
    ] = None,
    route: Annotated[
        str | None, typer.Option(help="The route whose records are read, and whose file is meant.")
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(min=0.0001, max=0.5, help="The rate that is not exceeded; 0.03 if left out.")
    ] = None,
    delta: Annotated[float, typer.Option(min=0.0001, max=0.5, help="With confidence 1 - delta.")] = 0.05,
    rule: Annotated[
        str | None, typer.Option(help="joint (as if left out), expected, precision, relative, cost or floor.")
    ] = None,
    floor: Annotated[
        float | None,
        typer.Option(min=0.5, max=0.9999, help="For floor: the part of the large model's quality that is kept."),
    ] = None,
    value: Annotated[
        float, typer.Option(min=0.0, help="For cost: what a right answer is worth, in calls of the large model.")
    ] = 10.0,
    score: Annotated[str, typer.Option(help="confidence, another signal, learned, or auto: what does best.")] = "auto",
    last: Annotated[int, typer.Option(min=1, help="How many labels of a task count, the newest.")] = LAST,
    strict: Annotated[
        bool, typer.Option("--strict", help="The newest fifth must prove the promise, not only fail to refute it.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Where the file is written.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Write the calibrator_file of --route.")] = False,
    policies: Annotated[Path | None, typer.Option(help="The policy folder; STEPWELL_POLICIES if left out.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Save the reliability curve as a picture (PNG).")] = None,
    as_json: JsonOption = False,
) -> None:
    """Calibrate; see `_HELP`."""
    asked = _asked(rule, alpha, floor, Asked(delta=delta, value=value))
    target = _target(out, route, policies) if apply or out is not None else None
    source = "what was recorded" if not files else f"{len(files)} labelled file{'s' if len(files) > 1 else ''}"
    labels = read_rows(files) if files else _recorded(route)
    if not labels:
        raise InvalidRequest(_none(bool(files)))
    if route is not None:
        source = f"{source}, route {route}"
    day = datetime.now(UTC).date().isoformat()
    made = calibrate(labels, Settings(asked, score, source, day, strict=strict, last=last))
    if plot is not None:
        save(plot, made.points, _thresholds(made), f"{len(made.points)} answers that nothing was fitted to")
    if as_json:
        print_json({**as_data(made), "file": str(target) if target is not None and made.holds else None})
    else:
        show_calibration(made)
    _finish(made, target, quiet=as_json)


def written(gate: Gate) -> bytes:
    """The bytes of a file with this gate."""
    return orjson.dumps(gate.model_dump(mode="json"), option=orjson.OPT_INDENT_2) + b"\n"


def _asked(rule: str | None, alpha: float | None, floor: float | None, asked: Asked) -> Asked:
    """What is asked, with what was typed of the rule, the rate and the floor."""
    wanted = _rule(rule) if rule is not None else "joint" if floor is None else "floor"
    if wanted == "floor" and floor is None:
        raise Misused("--rule floor needs --floor: the part of the large model's quality that is kept, such as 0.95")
    if wanted != "floor" and floor is not None:
        raise Misused(f"--floor counts with --rule floor only, and this says {wanted}: leave out one of the two")
    if floor is not None and alpha is not None:
        raise Misused("--floor and --alpha say the same in two ways: leave out --alpha")
    if floor is not None:
        return replace(asked, rule=wanted, alpha=round(1.0 - floor, 9))
    return replace(asked, rule=wanted, alpha=asked.alpha if alpha is None else alpha)


def _rule(rule: str) -> Rule:
    for known in _RULES:
        if rule == known:
            return known
    raise Misused(f"--rule {rule}: there is {', '.join(_RULES)}")


def _target(out: Path | None, route: str | None, policies: Path | None) -> Path:
    """Where the file belongs."""
    if out is not None:
        return out
    if route is None:
        raise Misused("--apply needs --route, whose calibrator_file is written; or name a file with --out")
    environment = environment_here()
    folder = policies if policies is not None else Surroundings.from_environment(environment).policies
    named = _named(folder, route, environment)
    return folder / named


def _named(folder: Path, route: str, environment: dict[str, str]) -> str:
    found = load_folder(folder, environment).route(route)
    if found is None:
        raise NotFound(f"--route {route}: there is no such route in {folder}")
    if found.spec.accept.calibrator_file is None:
        raise InvalidRequest(
            f"the route {route} names no accept.calibrator_file: write the file with --out and name it"
        )
    return found.spec.accept.calibrator_file


def _finish(made: Calibration, target: Path | None, *, quiet: bool) -> None:
    """Write the file where it holds; end with 1 where later labels speak against it."""
    if not made.holds:
        names = ", ".join(row.name for row in made.rows if row.contradicted)
        beside.print(
            f"not written: later labels {'do not prove' if made.strict else 'speak against'} {names}. "
            "The old version stays.",
            highlight=False, markup=False, soft_wrap=True,
        )  # fmt: skip
        raise typer.Exit(1)
    if target is None:
        return
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(written(made.gate))
    except OSError as error:
        raise InvalidRequest(f"{target}: the file cannot be written: {error.strerror}") from None
    if not quiet:
        advice = "To use it: accept: {confidence: promised, calibrator_file: …}; it comes into force with the policies."
        console.print(f"written to {target}. {advice}", highlight=False, markup=False, soft_wrap=True)


def _thresholds(made: Calibration) -> dict[str, float]:
    return {row.name: row.segment.threshold for row in made.rows if row.segment.threshold is not None}


def _none(given: bool) -> str:
    if given:
        return 'the files hold no judged draft: a line is {"right": true, "confidence": 0.93}'
    return (
        "nothing recorded says whether a draft was right: a promise of 3 of 100 takes about 165 judged drafts. Set "
        "accept.explore on the route, or send outcomes (`stepwell outcome`), or give a labelled file"
    )


# ------------------------------------------------------------ what was recorded


def _recorded(route: str | None) -> list[Label]:
    records, outcomes = run(decisions_and_outcomes())
    return labels_of(records, outcomes, route)
