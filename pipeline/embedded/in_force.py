"""Which policy is in force, as somebody sees it who stands beside the running Stepwell."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from pipeline.embedded.probes import fetch
from pipeline.embedded.state import PartState
from pipeline.errors import NotRunning
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.revisions import Current, RevisionStore, Standing, policy_in_force
from pipeline.settings import Settings
from pipeline.telemetry.in_force import IN_FORCE, TROUBLE
from pipeline.transport.nats import connect

__all__ = ["InForce", "Seen", "in_force_here", "sentence", "standing_here", "workers_see"]

_PATIENCE_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class InForce:
    """The policy in force, and where it is from; `asked`: whether NATS was there to be asked what is applied."""

    policy: Policy
    standing: Standing
    asked: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """What one worker says about itself."""

    revision: str
    origin: str
    trouble: bool


async def in_force_here(settings: Settings, environment: Mapping[str, str]) -> InForce:
    """What a worker would run that starts now; where NATS does not answer, the folder.

    Raises:
        PolicyInvalid: it cannot take force here.
        NotFound, Unreadable, TransportUnavailable: what is applied cannot be read.
    """
    if await _listens(settings.nats_url):
        try:
            link = await connect(settings, name="policy")
        except NotRunning:
            pass
        else:
            try:
                store = RevisionStore(link.bucket("policy"))
                policy, _ = await policy_in_force(store, settings.policies, environment)
                current, _ = await store.current()
            finally:
                await link.close()
            return InForce(policy, _standing(policy, current), asked=True)
    policy = await asyncio.to_thread(load_folder, settings.policies, environment)
    return InForce(policy, Standing(policy.revision, "folder"), asked=False)


async def standing_here(settings: Settings) -> Standing | None:
    """What was applied last, by whom and why; None: nothing is, the folders govern.

    Raises:
        StepwellError: nobody could be asked, or what is there cannot be read.
    """
    link = await connect(settings, name="policy")
    try:
        current, _ = await RevisionStore(link.bucket("policy")).current()
    finally:
        await link.close()
    if current.in_force is None or current.since is None:
        return None
    since = current.since
    return Standing(current.in_force.revision, "applied", since.who, since.why, since.at)


def _standing(policy: Policy, current: Current) -> Standing:
    since = current.since
    if current.in_force is None or since is None:
        return Standing(policy.revision, "folder")
    return Standing(policy.revision, "applied", since.who, since.why, since.at)


def sentence(standing: Standing | None) -> str:
    """For people."""
    if standing is None or standing.origin == "folder":
        revision = f", revision {standing.revision}" if standing else ""
        return f"the folder of policies governs{revision}"
    return f"policy revision {standing.revision} is in force, by {standing.who}: {standing.why}"


async def workers_see(parts: Iterable[PartState]) -> dict[str, Seen]:
    """What each worker that offers metrics says is in force in it."""
    workers = [part for part in parts if part.name.startswith("worker") and part.port is not None]
    found = await asyncio.gather(*(fetch(f"http://127.0.0.1:{part.port}/metrics", _PATIENCE_S) for part in workers))
    seen = {part.name: _seen(answer[1]) for part, answer in zip(workers, found, strict=True) if answer is not None}
    return {name: one for name, one in seen.items() if one is not None}


def _seen(body: bytes) -> Seen | None:
    samples = {
        sample.name: sample
        for family in text_string_to_metric_families(body.decode("utf-8", "replace"))
        for sample in family.samples
        if family.name in (IN_FORCE, TROUBLE)
    }
    if IN_FORCE not in samples:
        return None
    labels, trouble = samples[IN_FORCE].labels, samples.get(TROUBLE)
    return Seen(labels.get("revision", ""), labels.get("origin", ""), trouble is not None and trouble.value > 0)


async def _listens(url: str) -> bool:
    """Whether anybody is at the address at all, which is quickly known."""
    parts = urlsplit(url)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            _, writer = await asyncio.open_connection(parts.hostname or "", parts.port or 4222)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
