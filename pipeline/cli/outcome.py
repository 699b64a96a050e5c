"""`stepwell outcome` says how good an answer was; `stepwell weights` shows what was learned from that."""

import time
from hashlib import blake2b
from typing import Annotated

import typer

from pipeline.adapters.weights import parse_weights
from pipeline.batch.kept import KeptResults
from pipeline.cli.show import console, errors_as_sentences, print_json, print_rows, run
from pipeline.contracts import NAME_PATTERN, OutcomeEvent, is_name
from pipeline.embedded.here import settings_here
from pipeline.errors import InvalidRequest
from pipeline.experiments.outcomes import TALLY_KEY, Tally, parse_tally, record_outcome
from pipeline.ports import Bucket
from pipeline.transport.nats import connect

__all__ = ["event_id", "register", "weight_rows"]


def register(root: typer.Typer) -> None:
    """Add the verbs of this group."""
    root.command("outcome")(outcome_command)
    group = typer.Typer(no_args_is_help=True, help="The weights of variants, as learned from outcomes.")
    group.command("show")(weights_command)
    root.add_typer(group, name="weights")


def event_id(tenant: str, request_id: str, kind: str) -> str:
    """The id of an outcome that names none: one of each kind for a request, so that a repetition changes nothing."""
    return blake2b(f"{tenant}.{request_id}.{kind}".encode(), digest_size=16).hexdigest()


@errors_as_sentences
def outcome_command(
    request_id: Annotated[str, typer.Argument(help="Id of the request.")],
    reward: Annotated[float, typer.Argument(min=0.0, max=1.0, help="1 is good, 0 is bad.")],
    kind: Annotated[str, typer.Option(help="What was observed.")] = "thumbs",
    tenant: Annotated[str, typer.Option(help="Tenant of the request.")] = "default",
    event: Annotated[str | None, typer.Option("--id", help="Id of the event; the default counts once a kind.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False,
) -> None:
    """Report how good the answer to a request was.

    It is recorded also where no reply is kept under the id: replies are kept for a day, outcomes may come later. The
    same sentence says so, in case that the id was mistyped.

    Example: stepwell outcome 0f3c2a 1 --kind resolved
    """
    for what, given in (("request id", request_id), ("kind", kind), ("tenant", tenant), ("event id", event or "x")):
        if not is_name(given):
            raise InvalidRequest(f"the {what} {given!r} is not of the form {NAME_PATTERN}: correct it", param=what)
    number = event or event_id(tenant, request_id, kind)
    said = OutcomeEvent(
        id=number, request_id=request_id, tenant=tenant, reward=reward, kind=kind, at=round(time.time(), 3)
    )
    fresh, known = run(_record(said))
    if as_json:
        print_json({"id": number, "request_id": request_id, "recorded": fresh, "reply_known": known})
        return
    told = "recorded" if fresh else "nothing was changed: it is known already"
    if not known:
        unsure = "is kept yet, or any more: if one of the two is mistyped, it counts for nobody"
        told += f"; no reply to {request_id} of tenant {tenant} {unsure}"
    console.print(told, highlight=False, markup=False, soft_wrap=True)


async def _record(event: OutcomeEvent) -> tuple[bool, bool]:
    """Whether the event was new, and whether a reply is stored that it is about."""
    link = await connect(settings_here(), name="cli")
    try:
        fresh = await record_outcome(link.streams, event)
        return fresh, await KeptResults(link).get(event.tenant, event.request_id) is not None
    finally:
        await link.close()


@errors_as_sentences
def weights_command(as_json: Annotated[bool, typer.Option("--json", help="JSON for programs.")] = False) -> None:
    """Show the published weights and the outcomes behind them. Routes that are not listed use the policy's weights.

    Example: stepwell weights show --json
    """
    rows, tally = run(_weights())
    if as_json:
        counters = {"counted": tally.counted, "uncounted": tally.uncounted, "unattributed": tally.unattributed}
        print_json({"weights": rows, **counters, "pending": len(tally.pending), "applied": tally.applied})
        return
    print_rows(rows, ("route", "version", "tier", "variant", "weight", "good", "bad"), as_json=False)
    counts = f"{tally.counted} counted, {tally.uncounted} of nobody, {len(tally.pending)} waiting for their reply"
    console.print(f"outcomes: {counts}, {tally.unattributed} unattributed", highlight=False)


async def _weights() -> tuple[list[dict[str, object]], Tally]:
    link = await connect(settings_here(), name="cli")
    try:
        entry = await link.bucket("experiments").get(TALLY_KEY)
        tally = parse_tally(entry.value if entry else None) or Tally()
        return await weight_rows(link.bucket("weights"), tally), tally
    finally:
        await link.close()


async def weight_rows(bucket: Bucket, tally: Tally) -> list[dict[str, object]]:
    """One row for each variant of each route: its published weight if there is one, and its outcomes."""
    routes = sorted({*await bucket.keys(), *tally.arms})
    return [row for route in routes for row in await _route_rows(bucket, tally, route)]


async def _route_rows(bucket: Bucket, tally: Tally, route: str) -> list[dict[str, object]]:
    entry = await bucket.get(route)
    published = parse_weights(entry.value) if entry else None
    tiers = published.tiers if published else ()
    rows: list[dict[str, object]] = []
    for number in range(max(len(tiers), len(tally.arms.get(route, [])))):
        weights, counts = tiers[number] if number < len(tiers) else {}, tally.counts(route, number)
        for variant in dict.fromkeys([*weights, *counts]):
            known = counts.get(variant)
            rows.append(
                {
                    "route": route,
                    "version": published.version if published else 0,
                    "tier": number,
                    "variant": variant,
                    "weight": weights.get(variant),
                    "good": known.good if known else 0.0,
                    "bad": known.bad if known else 0.0,
                }
            )
    return rows
