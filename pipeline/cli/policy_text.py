"""What would happen with a text: what is found in it, who may see it, and in which form. Nothing is sent."""

import asyncio
import secrets
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from pipeline.adapters.pii import TieredScanner
from pipeline.contracts import Classification, Request, Residency
from pipeline.disclosure.guard import Reference, View, permit
from pipeline.disclosure.pseudonyms import Pseudonyms, conversation_of
from pipeline.disclosure.units import fingerprint, units_of
from pipeline.errors import ResidencyRefused
from pipeline.policy import Policy, decided, permits, request_facts
from pipeline.policy.findings import class_and_special, counted, marked
from pipeline.policy.models import Variant
from pipeline.ports import ScanReport

__all__ = ["Explained", "explained", "scanned"]

_PATIENCE_S = 60.0
"""How long the scan process may take to load."""


class Explained(NamedTuple):
    """What the policy says of one request."""

    classification: Classification
    route: str | None
    tiers: tuple[tuple[str, ...], ...]
    targets: tuple[Mapping[str, Any], ...]
    reason: str | None = None

    def findings(self, policy: Policy) -> list[dict[str, object]]:
        """What was found, by type: counts, scores and classes, never the data."""
        return [
            {"type": one.type, "count": one.count, "score": one.score, "class": policy.class_of(one.type)}
            for one in self.classification.findings
        ]


def scanned(request: Request, policy: Policy) -> ScanReport:
    """Scan a request as a worker does, names too where the policy looks for them."""
    return asyncio.run(_scanned(request, policy))


async def _scanned(request: Request, policy: Policy) -> ScanReport:
    rules = policy.residency.scan
    scanner = TieredScanner.with_children(
        lambda: rules.timeout, languages=lambda: rules.languages, start_wait_s=_PATIENCE_S
    )
    try:
        return await scanner.scan(units_of(request, policy.sometimes_seen()).texts, names=rules.names)
    finally:
        await scanner.stop()


def explained(request: Request, report: ScanReport, policy: Policy) -> Explained:
    """Put the request to the policy, with what a scan of it found."""
    found = _classified(request, report, policy)
    choice = policy.route_for(request_facts(request, found))
    route = choice.route.spec if choice.route else None
    tiers = tuple(tuple(tier.variants) for tier in route.tiers) if route else ()
    targets = tuple(_target(entry, request, found, policy, tiers) for entry in found.residency)
    return Explained(found, route.name if route else None, tiers, targets, report.reason)


def _classified(request: Request, report: ScanReport, policy: Policy) -> Classification:
    units = units_of(request, policy.sometimes_seen())
    findings = counted(report.findings, units.opaque, policy.residency)
    data_class, special = class_and_special(findings, policy)
    marks = marked(report.findings, report.marks, policy.residency)
    failed = report.scan not in ("complete", "partial")
    found = Classification.model_validate(
        {
            "data_class": "restricted" if failed else data_class,
            "findings": findings,
            "special": special,
            "origin": request.origin,
            "scan": "failed" if failed else report.scan,
            "names_scanned": policy.residency.scan.names,
            "names_covered": report.names_covered,
            "engine": report.engine,
            "units": None if marks is None else fingerprint(units),
            "marks": marks or (),
        }
    )
    return found.model_copy(update={"residency": decided(request, found, policy)})


def _target(
    entry: Residency, request: Request, found: Classification, policy: Policy, tiers: tuple[tuple[str, ...], ...]
) -> dict[str, object]:
    view, reason = _view(entry, request, found, policy)
    own = [name for name, variant in policy.variants.items() if variant.target == entry.target]
    return {
        "target": entry.target,
        "tiers": [number for number, names in enumerate(tiers, 1) if not set(own).isdisjoint(names)],
        "action": entry.action,
        "may_serve": view is not None,
        "rule": entry.rule,
        "reason": reason or entry.reason,
        "hidden": [f"{one.action} {one.what} {one.count}" for one in view.shielded] if view is not None else [],
        "sees": list(_texts(view)) if view is not None else None,
    }


def _view(entry: Residency, request: Request, found: Classification, policy: Policy) -> tuple[View | None, str | None]:
    """What the target would be sent, made by the guard itself; or why it would be sent nothing."""
    if not permits(entry.action, policy.targets[entry.target]):
        return None, None
    shield = Pseudonyms(secrets.token_bytes(32), request.tenant, conversation_of(request))
    plain = Variant(target=entry.target)
    try:
        return permit(request, found, entry.target, policy, plain, shield, Reference("explain")).view, None
    except ResidencyRefused as error:
        return None, error.message


def _texts(view: View) -> Iterator[str]:
    for message in view.messages:
        if isinstance(message.content, str):
            yield message.content
