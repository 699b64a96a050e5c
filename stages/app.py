"""The composition root: which adapter serves which port, and the explicit list of stages.

Nothing else knows all of them. A worker builds only the stages it runs, so that a process without `classify` never
loads a scanner and one without `draft` and `escalate` opens no connection to a model.
"""

import asyncio
import logging
import random
import secrets
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from pipeline.adapters.clock import SystemClock, SystemRandom
from pipeline.contracts import JsonObject, Lane, Request, StageName
from pipeline.policy.source import PolicySource
from pipeline.ports import Cache, Journal, Link, Observer, RateMeter, ResultStore, Stage, WeightStore
from pipeline.ports.vault import Vault
from pipeline.settings import Settings
from pipeline.telemetry.observer import CombinedObserver, observer_for
from pipeline.topology import FIRST
from pipeline.worker import Slots, Worker, worker_name

if TYPE_CHECKING:
    from pipeline.adapters.answer_cache import AnswerCache
    from pipeline.adapters.answer_flights import Flights
    from pipeline.adapters.board import TargetBoard
    from pipeline.adapters.corrections import Corrections
    from pipeline.adapters.likeness import Likeness
    from pipeline.adapters.loops import LoopMemory
    from pipeline.adapters.models.attempts import Attempts
    from pipeline.adapters.models.http import HttpModelClient
    from pipeline.adapters.money.ledger import StreamLedger
    from pipeline.adapters.watch import BucketWatch
    from pipeline.revisions import AppliedPolicies

__all__ = ["BUILDERS", "Parts", "build_worker", "main", "run_beside", "run_worker"]

_log = logging.getLogger("stepwell.app")

Hook = Callable[[], Awaitable[None]]


@dataclass
class Parts:
    """The adapters of one worker, each made when a stage first asks for it."""

    settings: Settings
    link: Link
    policies: PolicySource
    observer: Observer
    slots: Slots = field(default_factory=Slots)
    clock: SystemClock = field(default_factory=SystemClock)
    chance: SystemRandom = field(default_factory=SystemRandom)
    starts: list[Hook] = field(default_factory=list)
    stops: list[Hook] = field(default_factory=list)

    @cached_property
    def results(self) -> ResultStore:
        """Replies by request id."""
        from pipeline.adapters.results import StreamResults

        return StreamResults(self.link.streams)

    @cached_property
    def journal(self) -> Journal:
        """What was paid for."""
        from pipeline.adapters.journal import StreamJournal

        return StreamJournal(self.link.streams)

    @cached_property
    def models(self) -> "HttpModelClient":
        """The client of all targets."""
        from pipeline.adapters.models.http import HttpModelClient
        from pipeline.adapters.models.probes import Prober

        client = HttpModelClient(self.policies, self.clock, self.chance)
        self.board.attach(client)
        prober = Prober(self.policies, client, self.board.heard_at, self.clock)
        self.starts.append(prober.start)
        self.stops += [prober.stop, client.close]
        return client

    @cached_property
    def board(self) -> "TargetBoard":
        """How targets and routes fare; shared between workers where there is a Valkey."""
        from pipeline.adapters.board import TargetBoard
        from pipeline.adapters.board_valkey import ValkeySights

        store = ValkeySights(self.settings.valkey_url) if self.settings.valkey_url is not None else None
        board = TargetBoard(self.policies, self.clock, f"{worker_name()}-{secrets.token_hex(4)}", store)
        self.starts.append(board.start)
        self.stops.append(board.stop)
        if store is not None:
            self.stops.append(store.close)
        return board

    @cached_property
    def attempts(self) -> "Attempts":
        """Calls of models, each paid once."""
        from pipeline.adapters.models.attempts import Attempts
        from pipeline.adapters.models.shields import Shields
        from pipeline.adapters.pii.patterns import PatternScanner

        shields = Shields(self.settings.secret, self.vault, PatternScanner().scan_text)
        self.starts.append(self.ledger.start)  # who only plans counts nothing again
        return Attempts(self.models, self.journal, self.policies, self.clock, shields, self.ledger)

    async def attempts_late(self) -> "Attempts":
        """The same for a stage that makes calls only where a route says so, with what has to be started for them."""
        known = len(self.starts)
        attempts = self.attempts
        for start in self.starts[known:]:
            await start()
        return attempts

    @cached_property
    def ledger(self) -> "StreamLedger":
        """What attempts cost, and what budgets have left; without a Valkey nobody can count, and budgets say so."""
        from pipeline.adapters.money.ledger import StreamLedger
        from pipeline.adapters.money.valkey import ValkeyCounters
        from pipeline.telemetry.budgets import budget_warned

        counters = ValkeyCounters(self.settings.valkey_url) if self.settings.valkey_url is not None else None
        bucket = self.link.bucket("budgets")
        ledger = StreamLedger(counters, self.link.streams, self.policies, self.clock, bucket, warned=budget_warned)
        self.stops.append(ledger.stop)
        return ledger

    @cached_property
    def meter(self) -> RateMeter:
        """Rates of requests and tokens; without a Valkey those of this process."""
        from pipeline.adapters.money.rates import LimitsMeter

        meter = LimitsMeter(self.policies, self.settings.valkey_url)
        self.stops.append(meter.close)
        return meter

    @cached_property
    def vault(self) -> Vault | None:
        """What pseudonyms stand for; None without a Valkey or without a key."""
        from pipeline.adapters.vault_keys import Keyring

        keyring = Keyring.of(self.settings.vault_keys, self.settings.secret)
        if self.settings.valkey_url is None or keyring is None:
            return None
        from pipeline.adapters.vault import ValkeyVault

        vault = ValkeyVault(self.settings.valkey_url, keyring)
        self.stops.append(vault.close)
        return vault

    @cached_property
    def weights(self) -> WeightStore:
        """The weights that the allocator publishes."""
        from pipeline.adapters.weights import BucketWeights

        weights = BucketWeights(self.link.bucket("weights"))
        self.starts.append(weights.start)
        self.stops.append(weights.stop)
        return weights

    @cached_property
    def watched(self) -> "BucketWatch":
        """Which routes broke their promise."""
        from pipeline.adapters.watch import BucketWatch

        watched = BucketWatch(self.link.bucket("calibration"))
        self.starts.append(watched.start)
        self.stops.append(watched.stop)
        return watched

    @cached_property
    def answers(self) -> "AnswerCache | None":
        """Remembered answers; None without a Valkey."""
        from pipeline.adapters.answer_cache import AnswerCache
        from pipeline.adapters.cache_answers import ValkeyAnswers

        if self.settings.valkey_url is None:
            return None
        store = ValkeyAnswers(self.settings.valkey_url)
        self.stops.append(store.close)
        return AnswerCache(store, self.settings.secret, self.clock)

    @cached_property
    def flights(self) -> "Flights | None":
        """Answers that are under way; half of the places may wait for them."""
        from pipeline.adapters.answer_flights import Flights

        if self.answers is None:
            return None
        most: dict[Lane, int] = {"interactive": self.slots.interactive // 2, "batch": self.slots.batch // 2}
        flights = Flights(self.answers, self.clock, most)
        self.stops.insert(0, flights.close)
        return flights

    @cached_property
    def likeness(self) -> "Likeness | None":
        """Questions that mean the same; the encoder is read where a route asks for it."""
        from pipeline.adapters.embedding import Batches, embed
        from pipeline.adapters.likeness import Likeness

        if self.answers is None:
            return None
        likeness = Likeness(self.answers, Batches(embed), self.clock)

        async def start() -> None:
            specs = [route.spec.cache.semantic for route in self.policies.current().routes]
            if any(spec is not None and spec.embedder is None for spec in specs):
                await likeness.warm()

        self.starts.append(start)
        self.stops.insert(0, likeness.close)
        return likeness

    @cached_property
    def loops(self) -> "LoopMemory | None":
        """Who made tool calls; None without a Valkey."""
        from pipeline.adapters.loops import LoopMemory

        cache = self._cache()
        if cache is None:
            return None
        loops = LoopMemory(cache, self.settings.secret, self.clock)
        self.stops.append(loops.close)
        return loops

    def _cache(self) -> Cache | None:
        if self.settings.valkey_url is None:
            return None
        from pipeline.adapters.cache_valkey import ValkeyCache

        cache = ValkeyCache(self.settings.valkey_url)
        self.stops.append(cache.close)
        return cache


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


def _draft(parts: Parts) -> Stage:
    from stages.draft import Draft

    return Draft(parts.attempts)


def _check(parts: Parts) -> Stage:
    from stages.check import Check

    return Check(parts.policies)


def _escalate(parts: Parts) -> Stage:
    from stages.escalate import Escalate

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
        log, parts.results, parts.clock, parts.policies, parts.answers, questions=parts.likeness, observer=observer
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


def build_worker(
    names: Sequence[StageName], link: Link, settings: Settings, policies: PolicySource, slots: Slots | None = None
) -> Worker:
    """A worker that runs the stages named, over the connection given."""
    from pipeline.admission import Admission
    from pipeline.runner import Runner

    observer = observer_for(
        settings,
        lambda name: _provider(policies, name),
        lambda: policies.current().residency.visibility.sinks.telemetry,
    )
    parts = Parts(settings, link, policies, observer, slots or Slots())
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
    )
    if FIRST in names:
        _feed(parts)
    admission = Admission(link, parts.results, policies, parts.clock, max_body=settings.max_body)
    return Worker(stages, runner, link, admission, parts.starts, parts.stops, slots or Slots())


def _feed(parts: Parts) -> None:
    """The feeder of batches, in workers of the first stage: one of them leads."""
    from pipeline.batch.feeder import Feeder

    def translate(url: str, body: JsonObject, tenant: str) -> Request:
        from pipeline.gateway.lines import translate_line

        return translate_line(url, body, tenant, parts.policies.current().passes)

    who = f"{worker_name()}-{secrets.token_hex(4)}"
    feeder = Feeder(
        parts.link,
        parts.clock,
        translate,
        who,
        weights=lambda: parts.policies.current().limits.admission.weights,
        revision=lambda: parts.policies.current().revision,
    )
    parts.starts.append(feeder.start)
    parts.stops.insert(0, feeder.stop)


def _under_its_revision(stage: Stage, policies: PolicySource) -> Stage:
    from pipeline.revisions import AppliedPolicies, UnderItsRevision

    return UnderItsRevision(stage, policies) if isinstance(policies, AppliedPolicies) else stage


def _provider(policies: PolicySource, name: str) -> str | None:
    target = policies.current().targets.get(name)
    return target.provider if target is not None else None


async def _run_stages(names: Sequence[StageName], settings: Settings, metrics_port: int | None, slots: Slots) -> None:
    from pipeline.telemetry.exposition import process_registry, serve_metrics
    from pipeline.telemetry.in_force import PolicyCollector
    from pipeline.transport.nats import connect

    link = await connect(settings, name=f"worker-{'-'.join(names)}", patient=True)
    policies = await _policies(settings, link)
    worker = build_worker(names, link, settings, policies, slots)
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
    from pipeline.adapters.results import StreamResults
    from pipeline.transport.nats import connect
    from stages.allocate import Allocate, Watch

    link = await connect(settings, name="worker-allocate", patient=True)
    policies = await _policies(settings, link)
    results = StreamResults(link.streams)
    corrections = _corrections(settings, results)
    watch = Watch(link.streams, results, link.bucket("calibration"), policies, SystemClock())
    allocator = Allocate(
        link.streams,
        results,
        link.bucket("experiments"),
        link.bucket("weights"),
        policies,
        SystemClock(),
        random.Random(),
        heard=corrections.heard if corrections is not None else None,
    )
    async with asyncio.TaskGroup() as together:
        together.create_task(allocator.run())
        together.create_task(watch.run())


def _corrections(settings: Settings, results: ResultStore) -> "Corrections | None":
    """Erases remembered answers that were wrong; None without a Valkey, or without the secret of their names."""
    if settings.valkey_url is None or not settings.secret:
        return None
    from pipeline.adapters.cache_answers import ValkeyAnswers
    from pipeline.adapters.corrections import Corrections

    return Corrections(ValkeyAnswers(settings.valkey_url), settings.secret, results, SystemClock())


def run_worker(stages: Sequence[str], *, metrics_port: int | None, slots: int, batch_slots: int) -> None:
    """Run a worker in this process until it is told to stop."""
    settings = Settings.from_environment()
    if tuple(stages) == ("allocate",):
        _run_loop(_run_allocator(settings))
        return
    names = [name for name in BUILDERS if name in stages]
    _run_loop(_run_stages(names, settings, metrics_port, Slots(slots, batch_slots)))


def _run_loop(work: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:  # not made for Windows
        asyncio.run(work)
    else:
        uvloop.run(work)


def main() -> None:
    """The command `stepwell`."""
    try:
        from pipeline.cli.hooks import Hooks
        from pipeline.cli.main import make_app
        from stages.plan import again

        make_app(Hooks(run_worker, again, run_beside))()
    except KeyboardInterrupt:  # while the verbs were still being read
        sys.exit(130)
