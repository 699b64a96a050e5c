"""Calls models over HTTP, in the shape of the OpenAI API.

One `complete` is one call as the cascade sees it; inside are its tries. Around each try stand, in this order: the
breaker, a slot, the patience of the policy (connect, first token, idle, total) clipped by the call's deadline. Once the
first slot is had the call is opened: what it may cost is set aside, and only then is anything sent. Retries stay within
a budget and end with the first piece of text that was handed on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from pipeline.adapters.board_sights import Opening, Shut, Sight
from pipeline.adapters.models.answer import Collected
from pipeline.adapters.models.breaker import State
from pipeline.adapters.models.builtin import BuiltIn
from pipeline.adapters.models.endpoint import Endpoint
from pipeline.adapters.models.exchange import Exchange
from pipeline.adapters.models.posting import Posting
from pipeline.adapters.models.relay import Relay
from pipeline.adapters.models.retries import RETRYABLE, pause_s
from pipeline.adapters.models.vectors import Vectors
from pipeline.contracts import Lane
from pipeline.disclosure.view import Permit, View
from pipeline.errors import ResidencyRefused, TargetOverloaded, TargetRejected, TargetTimeout, TargetUnavailable
from pipeline.policy.models import BUILTIN, LimitsFile
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock, Completion, ModelCall, Random, TokenSink

__all__ = ["HttpModelClient"]

Came = Collected | Vectors
"""What a try brought."""
_NEARLY_S: Final = 0.01
"""What a timer may be early."""


class HttpModelClient:
    """The `ModelClient` over aiohttp: one session, connections kept alive.

    Args:
        policies: where retries and breaker are set; the targets themselves come with each call's permit.
        clock: the time.
        random: dice for jitter.
        pause: waits between tries, in seconds.
    """

    def __init__(
        self,
        policies: PolicySource,
        clock: Clock,
        random: Random,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._policies = policies
        self._clock = clock
        self._random = random
        self._pause = pause
        self._endpoints: dict[str, Endpoint] = {}
        self._session = Posting()

    # ------------------------------------------------------------ the port

    async def complete(self, call: ModelCall, sink: TokenSink | None = None) -> Completion:
        """Call the target, with retries; see `pipeline.ports.ModelClient`."""
        permit = _permit(call)
        limits = self._policies.current().limits
        endpoint, rules = self._endpoint(permit, limits), limits.retry
        endpoint.budget.earn(rules.share)
        ends_at = asyncio.get_running_loop().time() + call.deadline_s
        started = self._clock.monotonic()
        relay = Relay(sink, call.progress, call.reader, call.aside)
        tries = 0
        while True:
            tries += 1
            try:
                collected = await self._try(endpoint, call, permit.view, relay, ends_at)
            except RETRYABLE as error:
                error.calls = call.progress.calls
                wait_s = None if relay.handed_on else pause_s(error, tries, rules, self._random.random())
                if wait_s is None or not self._worth(endpoint, error, wait_s, ends_at):
                    error.charged = error.charged or bool(call.progress.lost)
                    raise
                call.progress.give_up()
                await self._pause(wait_s)
                continue
            call.progress.running = None
            return self._completion(collected, relay, started, call.progress.calls)

    def healthy(self, target: str) -> bool:
        """Whether the target takes calls now. One that was never called counts as healthy.

        A target that asked for a short quiet is healthy: calls wait for it.
        """
        return self.shut(target) is None

    def free(self, target: str, lane: Lane) -> bool:
        """Whether a call of the target would get a slot at once."""
        endpoint = self._endpoints.get(target)
        return endpoint is None or endpoint.slots.free(lane)

    def shut(self, target: str) -> Shut | None:
        """Why the target takes no calls now, and for how long; None: it takes them."""
        endpoint = self._endpoints.get(target)
        if endpoint is None:
            return None
        now = self._clock.monotonic()
        waits_s = endpoint.breaker.waits_s(now)
        if waits_s > 0.0:
            return Shut("breaker", waits_s)
        if endpoint.long_quiet(now, self._policies.current().limits.retry.cap):
            return Shut("quiet", endpoint.quiet_until - now)
        return None

    def sights(self) -> Mapping[str, Sight]:
        """What was seen of the targets that were called."""
        now, monotonic = self._clock.now(), self._clock.monotonic()
        patience_s = self._policies.current().limits.retry.cap
        return {name: endpoint.sight(now, monotonic, patience_s) for name, endpoint in self._endpoints.items()}

    def heed(self, target: str, opening: Opening | None, answered_at: float) -> None:
        """Follow what other workers know of the target: leave it alone, or do not any more. Times in Unix seconds."""
        policy = self._policies.current()
        endpoint = self._endpoints.get(target)
        if endpoint is None:
            if opening is None or target not in policy.targets:
                return
            endpoint = self._endpoints[target] = Endpoint(target, policy.targets[target], policy.limits)
        now = self._clock.monotonic()
        shift = now - self._clock.now()
        endpoint.breaker.dissent(answered_at + shift)
        if opening is not None:
            draw = self._random.random()
            endpoint.breaker.adopt(opening.at + shift, opening.until + shift, opening.level, now, draw)

    def hint(self, target: str, *, well: bool) -> None:
        """The target was asked how it fares, and this came of it."""
        policy = self._policies.current()
        spec = policy.targets.get(target)
        if spec is None:
            return
        endpoint = self._endpoints.setdefault(target, Endpoint(target, spec, policy.limits))
        if well:
            endpoint.breaker.hint_well()
            endpoint.tally.heard_at = self._clock.now()
            return
        now = self._clock.monotonic()
        ticket = endpoint.breaker.admit(now) if endpoint.breaker.state is State.CLOSED else None
        if ticket is not None:
            endpoint.breaker.failed(ticket, now, self._random.random())
            endpoint.failed(self._clock.now(), overloaded=False)

    async def close(self) -> None:
        """Close all connections."""
        await self._session.close()

    # ------------------------------------------------------------ one try

    def _endpoint(self, permit: Permit, limits: LimitsFile) -> Endpoint:
        endpoint = self._endpoints.get(permit.target)
        if endpoint is None:
            endpoint = self._endpoints[permit.target] = Endpoint(permit.target, permit.spec, limits)
        else:
            endpoint.update(permit.spec, limits)
        return endpoint

    async def _try(self, endpoint: Endpoint, call: ModelCall, view: View, relay: Relay, ends_at: float) -> Came:
        self._refuse_early(endpoint, ends_at)
        lane = call.lane
        if not endpoint.slots.take(lane):
            await self._queue(endpoint, lane, ends_at)
        try:
            if call.opens is not None and not call.progress.opened:
                call.progress.opened = True
                await call.opens()
                if asyncio.get_running_loop().time() >= ends_at:
                    raise _too_late(endpoint.name)
            exchange: Exchange | BuiltIn
            if endpoint.spec.endpoint == BUILTIN:
                exchange = BuiltIn(endpoint, view, relay, ends_at)
            else:
                gives_way = None if call.gives_way_s is None else ends_at - call.deadline_s + call.gives_way_s
                exchange = Exchange(self._session, endpoint, view, relay, self._clock, ends_at, gives_way)
            return await self._watched(endpoint, exchange, call.tenant, ends_at)
        finally:
            endpoint.slots.give_back(lane)

    async def _queue(self, endpoint: Endpoint, lane: Lane, ends_at: float) -> None:
        try:
            async with asyncio.timeout_at(ends_at):
                await endpoint.slots.wait(lane)
        except TimeoutError:
            message = f"target {endpoint.name} had no free slot before the deadline: give it more slots or time"
            raise TargetOverloaded(message) from None

    def _refuse_early(self, endpoint: Endpoint, ends_at: float) -> None:
        """Do not queue for a target that is left alone, or that asked for quiet beyond the deadline."""
        now = self._clock.monotonic()
        left = ends_at - asyncio.get_running_loop().time()
        quiet = endpoint.quiet_until - now
        if quiet > _NEARLY_S:
            message = f"target {endpoint.name} asked not to be called for another {quiet:.1f} s"
            raise TargetOverloaded(message, retry_after_s=quiet)
        wait = endpoint.breaker.waits_s(now)
        if wait > 0:
            raise _left_alone(endpoint.name, wait)
        if left <= 0:
            raise _too_late(endpoint.name)

    async def _watched(self, endpoint: Endpoint, exchange: Exchange | BuiltIn, tenant: str, ends_at: float) -> Came:
        """Run the exchange and tell the breaker how it ended."""
        breaker, begun, since = endpoint.breaker, self._clock.monotonic(), endpoint.silence.words
        ticket = breaker.admit(begun)
        if ticket is None:
            raise _left_alone(endpoint.name, max(breaker.waits_s(begun), 0.1))
        try:
            collected = await exchange.run()
        except TargetOverloaded as error:
            breaker.ignored(ticket)
            endpoint.failed(self._clock.now(), overloaded=True)
            if error.retry_after_s:
                endpoint.asked_for_quiet(self._clock.monotonic(), error.retry_after_s)
            raise
        except (TargetUnavailable, TargetTimeout) as error:
            late = isinstance(error, TargetTimeout)
            by = (exchange.word_by if exchange.silent else ends_at) - _NEARLY_S
            if late and asyncio.get_running_loop().time() >= by:
                # its caller had no more time: alone that says nothing about the target, with others it may
                hangs = exchange.silent and self._hangs(endpoint, exchange, tenant, begun, since)
                self._ran_out(endpoint, ticket, hangs=hangs)
            else:
                breaker.failed(ticket, self._clock.monotonic(), self._random.random())
                endpoint.failed(self._clock.now(), overloaded=late)
            raise
        except TargetRejected as error:
            breaker.ignored(ticket)
            if not error.elsewhere_too:
                endpoint.failed(self._clock.now(), overloaded=False)
            raise
        except BaseException:
            breaker.ignored(ticket)
            raise
        breaker.succeeded(ticket)
        self._note(endpoint, exchange, collected, tenant, begun)
        return collected

    def _hangs(self, endpoint: Endpoint, exchange: Exchange | BuiltIn, tenant: str, begun: float, since: int) -> bool:
        """Whether the target hangs, by this call that got no word and those before it."""
        waited_s = self._clock.monotonic() - begun
        return endpoint.silence.met(since, tenant, waited_s, endpoint.breaker.rules, streamed=exchange.streams)

    def _ran_out(self, endpoint: Endpoint, ticket: int, *, hangs: bool) -> None:
        """A call ended with its caller's time."""
        if not hangs:
            endpoint.breaker.ignored(ticket)
            return
        endpoint.breaker.hung(ticket, self._clock.monotonic(), self._random.random())
        endpoint.failed(self._clock.now(), overloaded=True)

    def _note(
        self, endpoint: Endpoint, exchange: Exchange | BuiltIn, collected: Came, tenant: str, begun: float
    ) -> None:
        first_at = exchange.first_at
        first_s = None if first_at is None else first_at - begun
        whole_s = self._clock.monotonic() - begun
        endpoint.silence.answered(tenant, whole_s, first_s)
        endpoint.answered(
            self._clock.now(), whole_s * 1000, None if first_s is None else first_s * 1000, collected.generated
        )

    def _worth(self, endpoint: Endpoint, error: Exception, wait_s: float, ends_at: float) -> bool:
        """Whether a retry after `wait_s` has time, a target that takes calls, and a token of the budget."""
        if asyncio.get_running_loop().time() + wait_s >= ends_at:
            return False
        if isinstance(error, TargetTimeout) and error.charged:
            return False  # it took its whole time and may be charged: another tier is the better use of what is left
        if endpoint.breaker.state is State.OPEN:
            return False
        return endpoint.budget.spend()

    def _completion(self, collected: Came, relay: Relay, started: float, calls: int) -> Completion:
        spent = self._clock.monotonic() - started
        first = relay.first_at
        return collected.completion(
            latency_ms=spent * 1000,
            first_token_ms=None if first is None else (first - started) * 1000,
            calls=calls,
        )


def _permit(call: ModelCall) -> Permit:
    """The permit of the call, if it is one of the guard's."""
    if not isinstance(call.permit, Permit):
        raise ResidencyRefused("a call without a permit of the residency guard is not made")
    return call.permit


def _too_late(name: str) -> TargetTimeout:
    return TargetTimeout(f"no time was left to call target {name}")


def _left_alone(name: str, seconds: float) -> TargetUnavailable:
    message = f"target {name} failed too often and is left alone for another {seconds:.1f} s"
    return TargetUnavailable(message, retry_after_s=seconds)
