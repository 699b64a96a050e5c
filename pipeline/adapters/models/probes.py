"""Asks targets how they fare where no call tells: those that are left alone, and those that nobody called for a while.

A probe is a GET beside the endpoint. It carries the target's key and nothing of any request. Its answer is no proof
that calls would succeed, so a good one only lets calls find out (`Breaker.hint_well`), and a bad one counts as one
failure.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import aiohttp

from pipeline.adapters.models.endpoint import below
from pipeline.policy.models import Probe, Target
from pipeline.policy.source import PolicySource
from pipeline.ports import Clock

__all__ = ["Prober"]

_TICK_S: Final = 1.0
_LARGEST: Final = 65_536
_log = logging.getLogger("stepwell.probes")


class Hinted(Protocol):
    """What calls targets here."""

    def healthy(self, target: str) -> bool:
        """Whether the target takes calls now."""
        ...

    def hint(self, target: str, *, well: bool) -> None:
        """The target was asked how it fares, and this came of it."""
        ...


class Prober:
    """Probes in the background.

    Args:
        policies: which targets are probed, where and how often.
        client: knows which targets are left alone, and is told.
        heard_at: when a target last answered or failed for any worker, in Unix seconds.
        clock: the time.
        pause: waits between two looks at all targets, in seconds.
    """

    def __init__(
        self,
        policies: PolicySource,
        client: Hinted,
        heard_at: Callable[[str], float],
        clock: Clock,
        *,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._policies = policies
        self._client = client
        self._heard_at = heard_at
        self._clock = clock
        self._pause = pause
        self._asked_at: dict[str, float] = {}
        self._session: aiohttp.ClientSession | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin."""
        if self._task is None:
            self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _run(self) -> None:
        while True:
            await self.look()
            await self._pause(_TICK_S)

    async def look(self) -> None:
        """Probe the targets whose turn it is, all at once. Never raises for what a target does."""
        targets = self._policies.current().targets
        due = [(name, spec, spec.probe) for name, spec in targets.items() if spec.probe and self._due(name, spec.probe)]
        await asyncio.gather(*(self._ask(name, spec, probe) for name, spec, probe in due))

    def _due(self, name: str, probe: Probe) -> bool:
        """Whether nobody knows how it fares, and it was not asked lately."""
        if self._clock.monotonic() < self._asked_at.get(name, float("-inf")) + probe.every:
            return False
        silent = self._clock.now() >= self._heard_at(name) + probe.every
        return silent or not self._client.healthy(name)

    async def _ask(self, name: str, spec: Target, probe: Probe) -> None:
        self._asked_at[name] = self._clock.monotonic()
        well = await self._well(spec, probe)
        if well is None:
            _log.info("the probe of target %s says nothing: there is no such page, or its key is refused", name)
            return
        self._client.hint(name, well=well)

    async def _well(self, spec: Target, probe: Probe) -> bool | None:
        """Whether it answers that it is well; None: its answer says nothing about that."""
        headers = {"Authorization": f"Bearer {spec.api_key}"} if spec.api_key else {}
        url = below(spec.endpoint, probe.path)
        limit = aiohttp.ClientTimeout(total=probe.timeout)
        try:
            async with self._open().get(url, headers=headers, timeout=limit, allow_redirects=False) as response:
                await response.content.read(_LARGEST)
                status = response.status
        except (aiohttp.ClientError, OSError, TimeoutError, ValueError):
            return False
        return True if status < 300 else False if status >= 500 else None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=16, force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        return self._session
