"""`stepwell confidence watch` and `reset`: what speaks against the promises of routes, and to take that back."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from pipeline.adapters.watch import Fallen, RouteWatch, read_fallen, read_watch, reset_watch
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run
from pipeline.embedded.here import environment_here
from pipeline.errors import NotFound
from pipeline.settings import Settings
from pipeline.transport.nats import connect

__all__ = ["reset_command", "rows_of", "watch_command"]

JsonOption = Annotated[bool, typer.Option("--json", help="JSON for programs.")]
_COLUMNS = ("route", "segment", "labels", "wrong", "evidence", "drift", "distance", "moved", "state")


@errors_as_sentences
def watch_command(
    route: Annotated[str | None, typer.Argument(help="Only this route.")] = None, as_json: JsonOption = False
) -> None:
    """Show what watching came to: labels of kept answers, how much they speak against the promise, drift of scores.

    evidence: how many times better a broken promise explains the labels than a kept one; above 100 the route falls
    back. drift: population stability index of the scores; above 0.2 they have moved. distance: by how much the share of
    scores below some score has changed at most; that also counts as moved once it is more than chance makes of it.

    Example: stepwell confidence watch faq
    """
    known, down = run(_read())
    names = sorted({*known, *down})
    if route is not None and route not in names:
        raise NotFound(f"nothing was seen of a route {route} yet")
    rows = [row for name in names if route in (None, name) for row in rows_of(name, known.get(name), down.get(name))]
    if as_json:
        print_json(rows)
        return
    if not rows:
        console.print("nothing was seen yet: `stepwell worker allocate` watches", highlight=False)
        return
    print_rows(rows, _COLUMNS, as_json=False, whole=("route", "segment"))
    for name in names:
        fallen = down.get(name)
        if fallen is not None and route in (None, name):
            console.print(f"route {name}: {fallen.sentence}", highlight=False, markup=False, soft_wrap=True)


@errors_as_sentences
def reset_command(route: Annotated[str, typer.Argument(help="The route.")]) -> None:
    """Forget what speaks against a route; if it fell back, its drafts may stay again within a moment.

    Example: stepwell confidence reset faq
    """
    if not run(_reset(route)):
        raise NotFound(f"nothing speaks against a route {route}")
    console.print(f"route {route} is watched anew; its drafts may stay", highlight=False, markup=False)


def rows_of(route: str, state: RouteWatch | None, fallen: Fallen | None) -> list[dict[str, Any]]:
    """One row for each segment; one for the route where there are only scores, or only that it fell back."""
    drift = None if state is None or state.index is None else round(state.index, 3)
    distance = None if state is None or state.distance is None else round(state.distance, 3)
    told = "everything escalates" if fallen is not None else "watched"
    segments = sorted(state.segments) if state is not None else []
    rows: list[dict[str, Any]] = []
    for name in segments or [""]:
        doubt = state.suspicion(name) if state is not None and segments else None
        rows.append(
            {
                "route": route,
                "segment": name or "all requests",
                "labels": doubt.seen if doubt is not None else 0,
                "wrong": doubt.wrong if doubt is not None else 0,
                "evidence": round(doubt.evidence, 3) if doubt is not None else None,
                "drift": drift,
                "distance": distance,
                "moved": state is not None and state.scores.moved,
                "state": told,
            }
        )
    return rows


async def _read() -> tuple[Mapping[str, RouteWatch], dict[str, Fallen]]:
    link = await connect(Settings.from_environment(environment_here()), name="cli")
    try:
        bucket = link.bucket("calibration")
        known = await read_watch(bucket)
        routes = {key.removeprefix("route.") for key in await bucket.keys() if key.startswith("route.")}
        down = {name: found for name in routes if (found := await read_fallen(bucket, name)) is not None}
    finally:
        await link.close()
    return known, down


async def _reset(route: str) -> bool:
    link = await connect(Settings.from_environment(environment_here()), name="cli")
    try:
        return await reset_watch(link.bucket("calibration"), route)
    finally:
        await link.close()
