"""What is concluded of requests in which a complete scan found nothing, remembered by all that it depends on.

Of most requests nothing but their facts differs then, and conditions mention few of those: who may see such a request,
whether names are worth looking for, and what is told of it is worked out once for all that have them in common. Where
names were looked for, or something is to be hidden, where it stands in this one request matters, and nothing of it is
remembered. No text is kept, and the memory changes no answer.
"""

from typing import Final, NamedTuple

from pipeline.contracts import Classification, Request, Residency
from pipeline.disclosure.units import Units
from pipeline.policy import Policy, request_facts
from pipeline.ports import Outcome, ScanReport
from stages.classify.names import mentioned

__all__ = ["Clean", "Concluded"]

_REMEMBERED: Final = 2048
_NOTHING: Final = Classification(data_class="public", scan="complete", engine="")
"""As much of the classification of such a request as its facts look at."""
_Key = tuple[object, ...]


class Concluded(NamedTuple):
    """The outcome of the stage, and what the policy says of each target."""

    outcome: Outcome
    actions: tuple[Residency, ...]


class Clean:
    """What was concluded under one revision."""

    def __init__(self) -> None:
        self._revision = ""
        self._mentioned: tuple[str, ...] = ()
        self._known: dict[_Key, Concluded] = {}

    def key(self, request: Request, units: Units, report: ScanReport, policy: Policy) -> _Key | None:
        """All that the conclusion depends on; None where something was found, or might be there unseen."""
        if report.scan != "complete" or report.findings or report.marks or units.opaque:
            return None
        if policy.revision != self._revision:
            self._revision, self._mentioned = policy.revision, mentioned(policy)
            self._known.clear()
        facts = request_facts(request, _NOTHING, policy.user_tier(request.tenant, request.user))
        return (report.engine, request.origin, facts.key(self._mentioned))

    def get(self, key: _Key) -> Concluded | None:
        """What was concluded of another request."""
        return self._known.get(key)

    def put(self, key: _Key, request: Request, outcome: Outcome, policy: Policy) -> None:
        """Remember it for others, unless it speaks of this one request alone."""
        found = outcome.changes["classification"]
        if not isinstance(found, Classification) or found.names_scanned or found.units is not None:
            return
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        facts = request_facts(request, found, policy.user_tier(request.tenant, request.user))
        self._known[key] = Concluded(outcome, policy.residency_actions(facts))
