"""Run the questions on real models and say what came of it.

python -m evaluation.live [--home FOLDER] [--models local|scripted] [--questions N] [--keep FOLDER] [--json]
"""

import argparse
import asyncio
import json
import secrets
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from evaluation.live.asking import WAYS, Answer, Way, ask_alone, ask_in_turn
from evaluation.live.cases import Half, cases
from evaluation.live.fitting import calibrator, labels, read_labels, write_labels
from evaluation.live.policy import calibrated, plain
from evaluation.live.summary import ORACLE, summary
from pipeline.cli.models import pull_all
from pipeline.cli.up import home_of
from pipeline.client import Client
from pipeline.embedded.catalogue import DEFAULT_PAIR, find
from pipeline.embedded.here import settings_here
from pipeline.embedded.home import Home
from pipeline.embedded.listening import around
from pipeline.embedded.options import Options, Ports, default_policies
from pipeline.embedded.stack import stack
from pipeline.errors import StepwellError
from pipeline.policy.load import load_folder
from pipeline.transport.nats import connect

console = Console(stderr=True, emoji=False)


def main() -> int:
    """0: it ran to its end, whatever came out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="folder with the weights; those of `stepwell up` if not given")
    parser.add_argument(
        "--models", choices=("local", "scripted"), default="local", help="scripted: to see that it runs"
    )
    parser.add_argument("--questions", type=int, default=160, help="of each half at most")
    parser.add_argument("--warm", type=int, default=160, help="questions of the fitting half that warm the record")
    parser.add_argument("--without-small", action="store_true", help="do not ask the small model alone of the others")
    parser.add_argument("--labels", type=Path, help="file of labels: read where it is there, written where it is not")
    parser.add_argument("--fit-only", action="store_true", help="end once the labels are made")
    parser.add_argument("--keep", type=Path, help="folder to keep labels, calibrator and answers in")
    parser.add_argument("--json", action="store_true", help="a JSON document")
    chosen = parser.parse_args()
    weights = home_of(chosen.home)
    try:
        if chosen.models == "local":
            weights.prepare()
            pull_all([find(name) for name in DEFAULT_PAIR], weights)
        with tempfile.TemporaryDirectory(prefix="stepwell-live-") as place:
            told = asyncio.run(_run(chosen, weights, Path(place)))
    except StepwellError as error:
        console.print(f"{error.code}: {error.message}", highlight=False, markup=False)
        return 1
    if chosen.json or chosen.fit_only:
        json.dump(told, sys.stdout, indent=1)
    else:
        _show(told)
    return 0


async def _run(chosen: argparse.Namespace, weights: Home, place: Path) -> dict[str, Any]:
    home = Home(place / "home")
    home.root.mkdir(mode=0o700)
    if chosen.models == "local":
        home.models.symlink_to(weights.models)
    folder = plain(default_policies(), place / "policies")
    options = Options(home.root, folder, chosen.models, ports=around(Ports()))
    async with stack(options, lambda _: None):
        link = await connect(settings_here(home.root), name="live")
        try:
            return await _halves(Client(link), link.streams, folder, options, chosen)
        finally:
            await link.close()


async def _halves(client: Client, streams: Any, folder: Path, options: Options, chosen: Any) -> dict[str, Any]:
    run, most = secrets.token_hex(4), chosen.questions
    with Progress(console=console, transient=True) as bars:

        async def all_of(answers: AsyncIterator[Answer], what: str, total: int) -> list[Answer]:
            bar = bars.add_task(what, total=total)
            found = []
            async for answer in answers:
                found.append(answer)
                bars.advance(bar)
            return found

        async def alone(half: Half, way: Way, name: str, most: int = most) -> list[Answer]:
            asked = cases(half)[:most]
            return await all_of(ask_alone(client, streams, asked, way, f"{run}-{name}"), name, len(asked))

        if chosen.labels and chosen.labels.exists():
            found = read_labels(chosen.labels)
        else:
            found = labels(await alone("fit", "small", "fit-small"), await alone("fit", "large", "fit-large"))
            write_labels(found, chosen.labels)
        if chosen.fit_only:
            return {"labels": len(found)}
        made = calibrator(found)
        calibrated(folder, made.body)
        await _in_force(client, load_folder(folder, options.environment({})).revision)
        warmed = await alone("fit", "cascade", "fit-cascade", min(most, chosen.warm))
        scored = cases("score")[:most]
        ways = [way for way in WAYS if way != "small" or not chosen.without_small]
        answers = await all_of(ask_in_turn(client, streams, scored, ways, run), "score", len(scored) * len(ways))
    told = {
        "models": chosen.models,
        "thresholds": list(made.told),
        "fit": {"right_small": sum(a.right for a in found), "right_large": sum(bool(a.large_right) for a in found)},
        "fit_cascade": {"questions": len(warmed), "right": sum(a.right for a in warmed)},
        "score": summary(answers),
    }
    if chosen.keep:
        _keep(chosen.keep, made.body, [*warmed, *answers], told)
    return told


async def _in_force(client: Client, revision: str) -> None:
    """Wait until a request is answered under this revision."""
    async with asyncio.timeout(60):
        while True:
            request = cases("fit")[0].request.model_copy(update={"id": f"live-{secrets.token_hex(8)}", "pin": "small"})
            if (await client.ask(request)).policy_revision == revision:
                return
            await asyncio.sleep(0.5)


def _keep(folder: Path, body: bytes, answers: list[Answer], told: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "calibrator.json").write_bytes(body)
    (folder / "summary.json").write_text(json.dumps(told, indent=1))
    rows = [
        {
            "place": answer.place,
            "kind": answer.case.kind,
            "way": answer.way,
            "right": answer.right,
            "seconds": answer.seconds,
            "escalated": answer.escalated,
            "confidence": answer.record.confidence if answer.record else None,
            "threshold": answer.record.threshold if answer.record else None,
            "signals": answer.record.signals if answer.record else {},
            "attempts": [a.model_dump(mode="json", exclude_defaults=True) for a in answer.record.attempts]
            if answer.record
            else [],
        }
        for answer in answers
    ]
    (folder / "answers.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


def _show(told: dict[str, Any]) -> None:
    out = Console(emoji=False, width=max(120, console.width))
    score = told["score"]
    table = Table(title=f"{score['questions']} questions, {told['models']} models", title_justify="left")
    heads = ("", "small", "large", "cascade", "oracle", "quality", "time", "cost", "escalated", "skipped")
    for head in heads:
        table.add_column(head, justify="left" if not head else "right")
    for name, row in [*score["kinds"].items(), ("all", score["all"])]:
        table.add_row(name, *_cells(row))
    out.print(table)
    whole = score["all"]
    for name in ("quality", "time", "cost"):
        out.print(f"{name} against large alone: {whole[name]} (95 % {whole[f'{name}_interval']})", highlight=False)
    out.print(_reachable(whole), highlight=False)
    for line in told["thresholds"]:
        out.print(line, highlight=False)


def _reachable(whole: dict[str, Any]) -> str:
    if any(name not in whole for name in ORACLE):
        return "oracle: left out, since the small model was not asked alone"
    quality, seconds, cost = (f"{whole[name]} (95 % {whole[f'{name}_interval']})" for name in ORACLE)
    return f"oracle, which knows beforehand where the draft is right: quality {quality}, time {seconds}, cost {cost}"


def _cells(row: dict[str, Any]) -> list[str]:
    asked = [
        f"{row[f'right_{way}']}/{row['questions']} {row[f'seconds_{way}']:.0f} s" if f"right_{way}" in row else "—"
        for way in ("small", "large", "cascade", "oracle")
    ]
    return [*asked, *(str(row[name]) for name in ("quality", "time", "cost", "escalated", "drafts_skipped"))]


if __name__ == "__main__":
    sys.exit(main())
