"""The composition root: the explicit list of stages, each put together of the parts of a worker.

Nothing else knows all of them. A worker builds only the stages it runs, so that a process without `classify` never
loads a scanner and one without `draft` and `escalate` opens no connection to a model.
"""

import asyncio
import logging
import random
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from pipeline.adapters.clock import SystemClock
from pipeline.contracts import JsonObject, Lane, Request, StageName
from pipeline.policy.source import PolicySource
from pipeline.ports import Link, ResultStore, Stage
from pipeline.settings import Settings
from pipeline.telemetry.observer import CombinedObserver, observer_for
from pipeline.topology import FIRST, LANES
from pipeline.worker import Slots, Worker, worker_name
from stages.parts import Parts

if TYPE_CHECKING:
    from pipeline.contracts import OutcomeEvent
    from pipeline.gateway.catalogue import Catalogue
    from pipeline.revisions import AppliedPolicies

__all__ = ["BUILDERS", "Parts", "build_worker", "main", "run_beside", "run_worker"]

_log = logging.getLogger("stepwell.app")


def _classify(parts: Parts) -> Stage:
    from pipeline.adapters.pii.tiered import TieredScanner
    from stages.classify import Classify

    scanner = TieredScanner.with_children(
        lambda: parts.policies.current().residency.scan.timeout,
        lambda: parts.policies.current().residency.scan.languages,
    )

    async def start() -> None:
        if parts.policies.current().residency.scan.names:
            scanner.start()

    parts.starts.append(start)
    parts.stops.append(scanner.stop)
    return Classify(scanner, parts.policies)


def _plan(parts: Parts) -> Stage:
    from pipeline.adapters.tokenizers import TokenizerFiles
    from stages.plan import Plan, Sources

    sources = Sources(
        weights=parts.weights,
        board=parts.board,
        loops=parts.loops,
        counter=TokenizerFiles(),
        watched=parts.watched,
        ledger=parts.ledger,
        meter=parts.meter,
    )
    return Plan(parts.policies, parts.clock, parts.settings.secret, sources)


def _recall(parts: Parts) -> Stage:
    from stages.recall import Recall

    semantic = [route.spec.cache.semantic for route in parts.policies.current().routes]
    if any(spec is not None and (spec.verifier or spec.embedder) for spec in semantic):
        parts.attempts  # noqa: B018  made now, so that it is started with the worker
    return Recall(
        parts.answers, parts.clock, parts.policies, parts.flights, parts.likeness, attempts=parts.attempts_late
    )


def _collect(parts: Parts) -> None:
    """Who calls models for batches may gather their calls for the provider's own."""
    if "batch" in parts.lanes:
        parts.collector  # noqa: B018  made now, so that it is started with the worker


def _draft(parts: Parts) -> Stage:
    from stages.draft import Draft

    _collect(parts)
    return Draft(parts.attempts)


def _check(parts: Parts) -> Stage:
    from stages.check import Check

    return Check(parts.policies, parts.past)


def _escalate(parts: Parts) -> Stage:
    from stages.escalate import Escalate

    _collect(parts)
    return Escalate(parts.attempts, parts.policies)


def _audit(parts: Parts) -> Stage:
    from pipeline.adapters.money.used import UsedTokens
    from pipeline.audit.writer import ChainedAuditLog, producer_name
    from stages.audit import Audit

    log = ChainedAuditLog(parts.link.streams, producer_name(), parts.clock)
    parts.stops.append(log.close)
    notes = (parts.board.notes, parts.loops) if parts.loops is not None else (parts.board.notes,)
    observer = CombinedObserver(parts.observer, *notes, UsedTokens(parts.meter))
    return Audit(
        log,
        parts.results,
        parts.clock,
        parts.policies,
        parts.answers,
        questions=parts.likeness,
        drafts=parts.past,
        observer=observer,
    )


BUILDERS: Final[Mapping[StageName, Callable[[Parts], Stage]]] = {
    "classify": _classify,
    "plan": _plan,
    "recall": _recall,
    "draft": _draft,
    "check": _check,
    "escalate": _escalate,
    "audit": _audit,
}
"""Every stage of the cascade and how it is put together. A new stage is one line here."""

_PAYING: Final = frozenset[StageName]({"recall", "draft", "escalate"})
"""Stages that call models."""


def build_worker(
    names: Sequence[StageName],
    link: Link,
    settings: Settings,
    policies: PolicySource,
    slots: Slots | None = None,
    lanes: Sequence[Lane] = LANES,
) -> Worker:
    """A worker that runs the stages named for the lanes named, over the connection given."""
    from pipeline.admission import Admission
    from pipeline.runner import Runner

    observer = observer_for(
        settings,
        lambda name: _provider(policies, name),
        lambda: policies.current().residency.visibility.sinks.telemetry,
    )
    parts = Parts(settings, link, policies, observer, slots or Slots(), lanes)
    stages = [_under_its_revision(BUILDERS[name](parts), policies) for name in names]
    runner = Runner(
        stages,
        link.transport(),
        link.streams,
        clock=parts.clock,
        random=parts.chance,
        observer=observer,
        worker=worker_name(),
        policies=policies,
        forsaken=parts.forsaken if _PAYING.intersection(names) else None,
    )
    if FIRST in names and "batch" in lanes:
        _feed(parts)
    told = _kept(link) if FIRST in names else None
    admission = Admission(link, parts.results, policies, parts.clock, max_body=settings.max_body, told=told)
    return Worker(stages, runner, link, admission, parts.starts, parts.stops, slots or Slots(), lanes)


def _kept(link: Link) -> ResultStore:
    """Replies, also those to lines of batches that stand in settled pages alone."""
    from pipeline.batch.kept import KeptResults

    return KeptResults(link)


def _feed(parts: Parts) -> None:
    """The feeder of batches, in workers of the first stage that serve their lane: one of them leads."""
    from pipeline.batch.feeder import LIMIT, Feeder

    def translate(url: str, body: JsonObject, tenant: str) -> Request:
        from pipeline.gateway.lines import translate_line

        return translate_line(url, body, tenant, parts.policies.current().passes)

    @cache
    def offered() -> "Catalogue":
        from pipeline.gateway.catalogue import Catalogue

        return Catalogue(parts.policies, created=0)

    who = f"{worker_name()}-{secrets.token_hex(4)}"
    feeder = Feeder(
        parts.link,
        parts.clock,
        translate,
        who,
        weights=lambda: parts.policies.current().limits.admission.weights,
        # Lines that wait for a batch of their provider hold no place in any queue, and a file wants many of them.
        limit=4 * LIMIT if any(spec.batches for spec in parts.policies.current().targets.values()) else LIMIT,
        revision=lambda: parts.policies.current().revision,
        check=lambda name, tenant: offered().check(name, tenant),
    )
    parts.starts.append(feeder.start)
    parts.stops.insert(0, feeder.stop)


def _under_its_revision(stage: Stage, policies: PolicySource) -> Stage:
    from pipeline.revisions import AppliedPolicies, UnderItsRevision

    return UnderItsRevision(stage, policies) if isinstance(policies, AppliedPolicies) else stage


def _provider(policies: PolicySource, name: str) -> str | None:
    target = policies.current().targets.get(name)
    return target.provider if target is not None else None


async def _run_stages(
    names: Sequence[StageName], settings: Settings, metrics_port: int | None, slots: Slots, lanes: Sequence[Lane]
) -> None:
    from pipeline.telemetry.exposition import process_registry, serve_metrics
    from pipeline.telemetry.in_force import PolicyCollector
    from pipeline.transport.nats import connect

    link = await connect(settings, name=f"worker-{'-'.join(names)}", patient=True)
    policies = await _policies(settings, link)
    worker = build_worker(names, link, settings, policies, slots, lanes)
    process_registry().register(PolicyCollector(policies.standing))
    metrics = await serve_metrics(metrics_port, ready=lambda: link.connected) if metrics_port else None
    try:
        await worker.run()
    finally:
        await policies.stop()
        if metrics is not None:
            await metrics.stop()


async def run_beside(settings: Settings, link: Link, policies: PolicySource) -> Worker:
    """Start all stages over a connection that somebody else holds too; who has the worker stops it."""
    worker = build_worker(tuple(BUILDERS), link, settings, policies)
    await worker.start()
    return worker


async def _policies(settings: Settings, link: Link) -> "AppliedPolicies":
    """The source of the policy in force, once it is known what governs."""
    from pipeline.revisions import AppliedPolicies

    policies = AppliedPolicies(settings.policies, link.bucket("policy"), SystemClock())
    await policies.start()
    return policies


async def _run_allocator(settings: Settings) -> None:
    from pipeline.transport.nats import connect
    from stages.allocate import Allocate, Watch

    link = await connect(settings, name="worker-allocate", patient=True)
    policies = await _policies(settings, link)
    results = _kept(link)
    heard = _heard(settings, results)
    watch = Watch(link.streams, results, link.bucket("calibration"), policies, SystemClock())
    allocator = Allocate(
        link.streams,
        results,
        link.bucket("experiments"),
        link.bucket("weights"),
        policies,
        SystemClock(),
        random.Random(),
        heard=heard,
    )
    async with asyncio.TaskGroup() as together:
        together.create_task(allocator.run())
        together.create_task(watch.run())


def _heard(settings: Settings, results: ResultStore) -> "Callable[[OutcomeEvent], Awaitable[None]] | None":
    """Who is told of outcomes: what erases remembered answers that were wrong, and what judges remembered drafts.

    None without a Valkey, or without the secret of their names.
    """
    if settings.valkey_url is None or not settings.secret:
        return None
    from pipeline.adapters.cache_answers import ValkeyAnswers
    from pipeline.adapters.corrections import Corrections
    from pipeline.adapters.past_entries import PastEntries

    store = ValkeyAnswers(settings.valkey_url)
    corrections = Corrections(store, settings.secret, results, SystemClock())
    entries = PastEntries(store, settings.secret, SystemClock())

    async def heard(event: "OutcomeEvent") -> None:
        await entries.heard(event)
        await corrections.heard(event)

    return heard


def run_worker(
    stages: Sequence[str],
    *,
    metrics_port: int | None,
    slots: int,
    batch_slots: int,
    lanes: Sequence[Lane] = LANES,
) -> None:
    """Run a worker in this process until it is told to stop."""
    settings = Settings.from_environment()
    if tuple(stages) == ("allocate",):
        _run_loop(_run_allocator(settings))
        return
    names = [name for name in BUILDERS if name in stages]
    _run_loop(_run_stages(names, settings, metrics_port, Slots(slots, batch_slots), lanes))


def _run_loop(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        asyncio.run(work)
    else:
        uvloop.run(work)


def main(ready: Callable[[], object] = lambda: None) -> None:
    """The command `stepwell`. Calls `ready` when the program is read and the command is about to begin."""
    from pipeline.cli.hooks import Hooks
    from pipeline.cli.main import make_app
    from stages.plan import again

    command = make_app(Hooks(run_worker, again, run_beside), next(iter(sys.argv[1:]), None))
    try:
        ready()
        command()
    except KeyboardInterrupt:  # outside of any verb
        sys.exit(130)
