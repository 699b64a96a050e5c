"""The adapters of one worker: which of them serves which port, each made when a stage first asks for it."""

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.adapters.clock import SystemClock, SystemRandom
from pipeline.contracts import Envelope, Lane
from pipeline.policy.source import PolicySource
from pipeline.ports import Cache, Journal, Link, Observer, RateMeter, ResultStore, WeightStore
from pipeline.ports.vault import Vault
from pipeline.settings import Settings
from pipeline.topology import LANES
from pipeline.worker import Slots, worker_name

if TYPE_CHECKING:
    from pipeline.adapters.answer_cache import AnswerCache
    from pipeline.adapters.answer_flights import Flights
    from pipeline.adapters.board import TargetBoard
    from pipeline.adapters.embedding import Batches
    from pipeline.adapters.likeness import Likeness
    from pipeline.adapters.loops import LoopMemory
    from pipeline.adapters.models.attempts import Attempts
    from pipeline.adapters.models.http import HttpModelClient
    from pipeline.adapters.money.ledger import StreamLedger
    from pipeline.adapters.past_drafts import PastDrafts
    from pipeline.adapters.provider_batches import Collector
    from pipeline.adapters.watch import BucketWatch

__all__ = ["Parts"]

Hook = Callable[[], Awaitable[None]]


@dataclass
class Parts:
    """The adapters of one worker, each made when a stage first asks for it."""

    settings: Settings
    link: Link
    policies: PolicySource
    observer: Observer
    slots: Slots = field(default_factory=Slots)
    lanes: Sequence[Lane] = LANES
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
        from pipeline.adapters.provider_batches import Shelf, Shelving

        shields = Shields(self.settings.secret, self.vault, PatternScanner().scan_text)
        self.starts.append(self.ledger.start)  # who only plans counts nothing again
        shelving = Shelving(Shelf(self.link.streams), self.clock)
        return Attempts(self.models, self.journal, self.policies, self.clock, shields, self.ledger, shelving)

    @cached_property
    def collector(self) -> "Collector":
        """Gathers calls into files for the batches of their providers."""
        from pipeline.adapters.provider_batches import Collector

        who = f"{worker_name()}-{secrets.token_hex(4)}"
        transport = self.link.transport()
        listen = self.link.subscribe
        collector = Collector(self.link.streams, transport, self.policies, self.clock, who, self.ledger, listen)
        self.starts.append(collector.start)
        self.stops.insert(0, collector.stop)
        return collector

    async def attempts_late(self) -> "Attempts":
        """The same for a stage that makes calls only where a route says so, with what has to be started for them."""
        known = len(self.starts)
        attempts = self.attempts
        for start in self.starts[known:]:
            await start()
        return attempts

    async def forsaken(self, envelope: Envelope, delivered: int) -> None:
        """Count what earlier deliveries of a request may have called that ends without their stage."""
        if envelope.plan is not None and envelope.plan.covers:
            attempts = await self.attempts_late()
            await attempts.forsaken(envelope, delivered)

    @cached_property
    def ledger(self) -> "StreamLedger":
        """What attempts cost, and what budgets have left; without a Valkey nobody can count, and budgets say so."""
        from pipeline.adapters.money.ledger import StreamLedger
        from pipeline.adapters.money.valkey import ValkeyCounters
        from pipeline.telemetry.budgets import budget_warned

        counters = ValkeyCounters(self.settings.valkey_url) if self.settings.valkey_url is not None else None
        bucket = self.link.bucket("budgets")
        defers = 0 if "batch" in self.lanes else 2
        ledger = StreamLedger(
            counters, self.link.streams, self.policies, self.clock, bucket, warned=budget_warned, defers=defers
        )
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
        from pipeline.adapters.likeness import Likeness

        if self.answers is None:
            return None
        likeness = Likeness(self.answers, self.vectors, self.clock)

        async def start() -> None:
            specs = [route.spec.cache.semantic for route in self.policies.current().routes]
            if any(spec is not None and spec.embedder is None for spec in specs):
                await likeness.warm()

        self.starts.append(start)
        self.stops.insert(0, likeness.close)
        return likeness

    @cached_property
    def past(self) -> "PastDrafts | None":
        """What became of earlier drafts; the encoder is read where a route asks for it. None without a Valkey."""
        from pipeline.adapters.past_drafts import PastDrafts
        from pipeline.adapters.past_entries import PastEntries

        if self.answers is None:
            return None
        past = PastDrafts(PastEntries(self.answers.store, self.settings.secret, self.clock), self.vectors, self.clock)

        async def start() -> None:
            accepts = [route.spec.accept for route in self.policies.current().routes]
            if any(accept.past_errors is not None for accept in accepts):
                await past.warm()

        self.starts.append(start)
        self.stops.insert(0, past.close)
        return past

    @cached_property
    def vectors(self) -> "Batches":
        """Vectors by the encoder that comes along, which is read when somebody first asks for one."""
        from pipeline.adapters.embedding import Batches, embed

        vectors = Batches(embed)
        self.stops.append(vectors.close)
        return vectors

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
