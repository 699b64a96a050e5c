"""Gathers what classification needs: the units of the request, and the report of the scanner."""

from collections.abc import Sequence
from typing import Final

from pipeline.contracts import Envelope, StageName
from pipeline.disclosure.units import Units, fingerprint, units_of
from pipeline.policy import Policy, request_facts
from pipeline.policy.source import PolicySource
from pipeline.ports import Outcome, PiiScanner, Run, ScanReport
from stages.classify.clean import Clean
from stages.classify.decide import Before, Seen, classification_of, decide
from stages.classify.names import NamesQuestion

__all__ = ["Classify"]

_ENGINE: Final = "none"


class Classify:
    """The stage. The scanner keeps the time budget; whatever goes wrong in it is a failed report."""

    def __init__(self, scanner: PiiScanner, policies: PolicySource) -> None:
        self._scanner = scanner
        self._policies = policies
        self._names = NamesQuestion()
        self._clean = Clean()

    @property
    def name(self) -> StageName:
        """Its place in the topology."""
        return "classify"

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:  # noqa: ARG002  the shape of every stage
        """Classify one request, under the revision it came with or, where that is unknown, the one in force."""
        policy = self._policies.revision(envelope.policy_revision) or self._policies.current()
        outcome = await self._outcome(envelope, policy)
        if policy.revision == envelope.policy_revision:
            return outcome
        changes = {**outcome.changes, "policy_revision": policy.revision}
        return Outcome(outcome.kind, outcome.reasons, changes, outcome.facts)

    async def _outcome(self, envelope: Envelope, policy: Policy) -> Outcome:
        request = envelope.request
        units = units_of(request, policy.sometimes_seen())
        problem = _too_much(units, policy.residency.scan.max_bytes)
        if problem is not None:
            return decide(envelope, Seen(ScanReport((), _ENGINE, "failed", problem), units.opaque), policy)
        report = await self._scanner.scan(units.texts, names=False)
        key = self._clean.key(request, units, report, policy)
        known = None if key is None else self._clean.get(key)
        if known is not None:
            policy.acted_before.put(request, known.outcome.changes["classification"], known.actions)
            return known.outcome
        seen, before = await self._see(envelope, units, report, policy)
        outcome = decide(envelope, seen, policy, before)
        if before is not None:
            # The guard asks the same before each call: of these two objects, where they come to it in this process.
            found = outcome.changes["classification"]
            policy.acted_before.put(request, found, policy.residency_actions(before.facts))
        if key is not None:
            self._clean.put(key, request, outcome, policy)
        return outcome

    async def _see(
        self, envelope: Envelope, units: Units, report: ScanReport, policy: Policy
    ) -> tuple[Seen, Before | None]:
        """What the scan saw; and what follows from it, where that was needed to know whether to look for names."""
        mark = fingerprint(units)
        first = Seen(report, units.opaque, units=mark)
        if report.scan == "failed" or not policy.residency.scan.names:
            return first, None
        before = _following(envelope, first, policy)
        if not self._names.matter(before.facts, before.found, policy):
            # The same is found without names as before them, so that all that follows is the same, too.
            return Seen(report, units.opaque, "not needed", mark), before
        return Seen(await self._scanner.scan(units.texts, names=True), units.opaque, "scanned", mark), None


def _following(envelope: Envelope, seen: Seen, policy: Policy) -> Before:
    request, found = envelope.request, classification_of(envelope, seen, policy)
    return Before(found, request_facts(request, found, policy.user_tier(request.tenant, request.user)))


def _too_much(units: Units, max_bytes: int) -> str | None:
    """Why the request is beyond what is scanned; None when it is not."""
    if units.excessive:
        return "JSON that is too large, too deep, or holds a key twice"
    return f"more than {max_bytes} bytes" if _exceeds(units.texts, max_bytes) else None


def _exceeds(texts: Sequence[str], max_bytes: int) -> bool:
    """Whether the texts are longer in UTF-8. Encodes only what is near the limit: no character takes over 4 bytes."""
    characters = sum(map(len, texts))
    if characters > max_bytes or 4 * characters <= max_bytes:
        return characters > max_bytes
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) > max_bytes
