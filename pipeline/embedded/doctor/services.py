"""What is reached over the network: NATS and its streams, Valkey, model endpoints; and the policies that name them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

import aiohttp
import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from pipeline.adapters.models.endpoint import below
from pipeline.adapters.tokenizers import troubles
from pipeline.embedded.doctor.finding import Finding, attention, good, problem
from pipeline.embedded.in_force import in_force_here, sentence, workers_see
from pipeline.embedded.probes import fetch
from pipeline.embedded.state import PartState
from pipeline.errors import NotRunning, PartMissing, PolicyInvalid, StepwellError
from pipeline.layout import consumers
from pipeline.policy.compiled import Policy
from pipeline.policy.keys import masked_address
from pipeline.policy.load import check_folder
from pipeline.policy.models import Target
from pipeline.policy.models.targets import BUILTIN
from pipeline.settings import Settings
from pipeline.transport.nats import connect
from pipeline.transport.nats.provision import compare

__all__ = [
    "durability",
    "encoder",
    "endpoints",
    "in_force",
    "nats",
    "policies",
    "sync_of",
    "tokenizers",
    "valkey",
    "workers",
]

_PATIENCE: Final = aiohttp.ClientTimeout(total=3.0)
_START: Final = "start it with stepwell up"


def policies(
    settings: Settings, environment: Mapping[str, str], today: date | None = None
) -> tuple[Finding, Policy | None]:
    """The folder of policies is valid as a whole, and says nothing that is hardly meant."""
    advice = f"run stepwell policy check {settings.policies}"
    try:
        checked = check_folder(settings.policies, environment, today=today)
    except PolicyInvalid as error:
        return problem("policies", _first_of(error.message.splitlines()), advice), None
    if checked.policy is None:
        return problem("policies", _first_of(checked.problems), advice), None
    valid = f"the policies in {settings.policies} are valid, revision {checked.policy.revision}"
    if checked.warnings:
        return attention("policies", f"{valid}, but {_first_of(checked.warnings)}", advice), checked.policy
    return good("policies", valid), checked.policy


def _first_of(found: Sequence[object]) -> str:
    return f"{found[0]} (and {len(found) - 1} more)" if len(found) > 1 else str(found[0])


def tokenizers(policy: Policy) -> tuple[Finding, ...]:
    """Tokens of every target that has a tokenizer can be counted by it."""
    advice = "mend it, or leave tokenizer out of the target where an estimate is enough"
    return tuple(attention("tokenizers", trouble, advice) for trouble in troubles(policy))


def encoder(policy: Policy) -> tuple[Finding, ...]:
    """The encoder of questions is there, where a route compares them."""
    routes = [route.spec.name for route in policy.routes if route.spec.cache.semantic is not None]
    if not routes:
        return ()
    from pipeline.adapters.embedding import load

    try:
        load()
    except PartMissing as error:
        named = ", ".join(routes)
        advice = "until then the very same question alone is answered from memory"
        return (attention("embeddings", f"routes that compare questions ({named}) cannot: {error.message}", advice),)
    return (good("embeddings", f"questions can be compared, as {len(routes)} routes ask"),)


async def nats(settings: Settings) -> tuple[Finding, ...]:
    """NATS answers, and everything that provisioning makes is there."""
    try:
        link = await connect(settings, name="doctor")
    except NotRunning as error:
        return (problem("nats", error.message, _START),)
    try:
        changes = await compare(link, consumers(), replicas=1)
    finally:
        await link.close()
    here = good("nats", f"NATS answers at {settings.nats_url}")
    missing = [change.name for change in changes if change.action == "create"]
    if missing:
        return here, problem(
            "streams", f"{len(missing)} are missing: {', '.join(missing[:5])}", "run stepwell provision"
        )
    return here, good("streams", f"{len(changes)} streams, consumers and buckets are there")


async def in_force(
    settings: Settings, environment: Mapping[str, str], folder: Policy | None
) -> tuple[tuple[Finding, ...], Policy | None]:
    """What governs, and whether it can be loaded here."""
    try:
        found = await in_force_here(settings, environment)
    except StepwellError as error:
        first = error.message.splitlines()[0]
        advice = "set what is missing, or apply or roll back to a policy that can be loaded"
        return (problem("policy", f"what governs cannot be loaded here: {first}", advice),), folder
    return (good("policy", sentence(found.standing)),), found.policy


async def workers(parts: Iterable[PartState]) -> tuple[Finding, ...]:
    """Every worker runs what governs."""
    behind = [f"{name} ({seen.revision})" for name, seen in (await workers_see(parts)).items() if seen.trouble]
    if not behind:
        return ()
    return (problem("workers", f"a newer policy cannot be loaded by {', '.join(behind)}", "their logs say why"),)


async def durability(monitor: str) -> Finding:
    """How soon nats-server brings to disk what it confirmed, as its monitoring page says."""
    answer = await fetch(f"{monitor}/varz")
    if answer is None or answer[0] != 200:
        sentence = f"nothing answers at {monitor}, so how soon NATS writes to disk is not known"
        return attention(
            "durability", sentence, "open the monitoring port of nats-server, or check sync_interval yourself"
        )
    return sync_of(orjson.loads(answer[1]))


def sync_of(varz: Mapping[str, Any]) -> Finding:
    """Read `sync_interval` (nanoseconds) and `sync_always` from the monitoring page."""
    config = varz.get("jetstream", {}).get("config", {})
    if config.get("sync_always"):
        return good("durability", "every confirmed message is on disk (sync_interval: always)")
    seconds = config.get("sync_interval", 0) / 1e9
    sentence = f"confirmed messages survive any crash of a program, but a power cut may take the last {seconds:.0f} s"
    return attention("durability", sentence, "for production: sync_interval always, or three replicas")


async def valkey(settings: Settings, policy: Policy | None = None) -> Finding:
    """Valkey answers. Without it no answer is remembered, and budgets and rates do what `when_away` says."""
    if settings.valkey_url is None:
        return _away("no Valkey is set", _refusing_budgets(policy), "set STEPWELL_VALKEY")
    client = Redis.from_url(settings.valkey_url, socket_connect_timeout=2.0, socket_timeout=2.0)
    try:
        await client.ping()
    except (RedisError, OSError, TimeoutError):
        rates = [f"rate {spec.name}" for spec in policy.rates if spec.when_away == "refuse"] if policy else []
        return _away(f"nothing answers at {settings.valkey_url}", _refusing_budgets(policy) + rates, _START)
    finally:
        await client.aclose()
    return good("valkey", f"Valkey answers at {settings.valkey_url}")


def _refusing_budgets(policy: Policy | None) -> list[str]:
    """The budgets that refuse while nobody can count them."""
    return [f"budget {spec.name}" for spec in policy.budgets if spec.when_away == "refuse"] if policy else []


def _away(why: str, refusing: Sequence[str], advice: str) -> Finding:
    if not refusing:
        return attention("valkey", f"{why}, so no answer is remembered; requests are answered all the same", advice)
    sentence = f"{why}, so no answer is remembered, and requests under {', '.join(refusing)} are refused"
    return problem("valkey", f"{sentence} (when_away: refuse)", advice)


async def endpoints(policy: Policy) -> tuple[Finding, ...]:
    """Every target's endpoint answers, whatever it answers: a key may be asked for. What is built in has none."""
    async with aiohttp.ClientSession(timeout=_PATIENCE) as session:
        return tuple(await asyncio.gather(*(_endpoint(session, *item) for item in policy.targets.items())))


async def _endpoint(session: aiohttp.ClientSession, name: str, target: Target) -> Finding:
    what, shown = f"target {name}", masked_address(target.endpoint)
    if target.endpoint == BUILTIN:
        return await asyncio.to_thread(_built_in, what)
    try:
        async with session.get(below(target.endpoint, "models")) as response:
            return good(what, f"{shown} answers ({response.status})")
    except (aiohttp.ClientError, OSError, TimeoutError):
        return problem(what, f"nothing answers at {shown}", "start the model server, or change its endpoint")


def _built_in(what: str) -> Finding:
    """The encoder inside the worker: what matters is that its extra is installed."""
    from pipeline.adapters.embedding import load

    try:
        load()
    except PartMissing as error:
        return attention(what, f"is built in, and cannot embed yet: {error.message}", "other requests need it not")
    return good(what, "is built in, and its encoder is here")
