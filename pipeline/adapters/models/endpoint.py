"""What this worker knows about one target: how to reach it, how it fares, and how busy it is."""

from typing import Final

from aiohttp import ClientTimeout
from multidict import CIMultiDict
from yarl import URL

from pipeline.adapters.models.body import Template
from pipeline.adapters.models.breaker import Breaker
from pipeline.adapters.models.retries import RetryBudget
from pipeline.adapters.models.slots import Slots
from pipeline.disclosure.view import View
from pipeline.policy.models import LimitsFile, Target

__all__ = ["Endpoint"]

_AGENT: Final = "stepwell"


class Endpoint:
    """A target as it is called. Its breaker, budget and slots outlive changes of the policy.

    Attributes:
        quiet_until: monotonic time before which the endpoint asked not to be called.
    """

    def __init__(self, name: str, spec: Target, limits: LimitsFile) -> None:
        self.name = name
        self.breaker = Breaker(limits.breaker)
        self.budget = RetryBudget()
        self.slots = Slots(spec.slots)
        self.quiet_until = 0.0
        self._define(spec)

    def update(self, spec: Target, limits: LimitsFile) -> None:
        """Follow the policy."""
        self.breaker.rules = limits.breaker
        if spec is not self.spec:
            self._define(spec)

    def _define(self, spec: Target) -> None:
        self.spec = spec
        self.url = URL(spec.endpoint.rstrip("/") + "/chat/completions")
        self.template = Template(spec)
        self.timeout = ClientTimeout(total=None, sock_connect=spec.timeouts.connect)
        self.always_streams = spec.timeouts.first_token is not None or spec.timeouts.idle is not None
        self._headers = {"Content-Type": "application/json", "User-Agent": _AGENT}
        if spec.api_key:
            self._headers["Authorization"] = f"Bearer {spec.api_key}"
        self.slots.resize(spec.slots)

    def headers(self, view: View) -> CIMultiDict[str]:
        """The headers of one call."""
        headers = CIMultiDict(self._headers)
        headers["Idempotency-Key"] = view.idempotency_key
        if view.traceparent:
            headers["traceparent"] = view.traceparent
        return headers
