"""The last stage: record, keep, reply, remember; in this order."""

import asyncio
import logging
from typing import TYPE_CHECKING, Final, Protocol

from pipeline.adapters.within import Within
from pipeline.contracts import Envelope, Reply, StageName
from pipeline.contracts.trusted import changed
from pipeline.disclosure.guard import may_keep
from pipeline.errors import StoreUnavailable, TransportUnavailable
from pipeline.policy import Policy
from pipeline.policy.models import CachePolicy, PastErrors, SemanticCache
from pipeline.policy.source import PolicySource
from pipeline.ports import AuditLog, Caller, Clock, Observer, Outcome, ResultStore, Run
from pipeline.topology import DONE
from stages.audit.decide import chunks, conflict, decide, leads, record_fields, rememberable

if TYPE_CHECKING:
    from pipeline.adapters.question_vectors import Known

__all__ = ["Answers", "Audit"]

_log = logging.getLogger("stepwell.audit")

PATIENCE_S: Final = 0.05
"""How long it may take to remember an answer for others. The caller has its reply by then."""


class Answers(Protocol):
    """Where answers are remembered."""

    async def remember(self, envelope: Envelope, ttl_s: float) -> object:
        """Keep the accepted answer in `envelope` for `ttl_s` seconds."""
        ...

    async def landed(self, envelope: Envelope) -> None:
        """There is no answer in `envelope` for those who wait for one."""
        ...


class Questions(Protocol):
    """Where questions are kept that later ones are compared with."""

    def note(self, envelope: Envelope, spec: SemanticCache, ttl_s: float, known: "Known | None" = None) -> None:
        """Keep the question of an answer that was remembered; `known` is its vector, where a target made that."""
        ...


class Drafts(Protocol):
    """Where it is remembered what became of drafts."""

    def note(self, envelope: Envelope, policy: Policy, spec: PastErrors) -> None:
        """Keep the draft of a request that ended, in the background."""
        ...


class Audit:
    """The stage `audit`.

    Args:
        log: the chained log.
        results: replies by request id.
        clock: the time.
        policies: how long answers of a route may be remembered.
        answers: where they are remembered; None: nowhere.
        questions: where their questions are kept, for routes that compare them; None: nowhere.
        drafts: where it is kept what became of drafts, for routes that ask; None: nowhere.
        observer: told of every request that ended; None: nobody.
        patience_s: how long that may take.
    """

    name: StageName = "audit"

    def __init__(
        self,
        log: AuditLog,
        results: ResultStore,
        clock: Clock,
        policies: PolicySource | None = None,
        answers: Answers | None = None,
        *,
        questions: Questions | None = None,
        drafts: Drafts | None = None,
        observer: Observer | None = None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._records = log
        self._results = results
        self._clock = clock
        self._policies = policies
        self._answers = answers
        self._questions = questions
        self._drafts = drafts
        self._observer = observer
        self._within = Within(patience_s)

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        """End one request. Raises `errors.Transient` when the record or the reply is not safe; the runner retries."""
        reply = await self._stored(envelope) if run.delivered > 1 else None
        repeated = reply is not None
        if reply is None:
            reply = await self._record(envelope)
        if reply.fingerprint != envelope.fingerprint:
            reply = conflict(envelope, self._clock.now())
        if run.caller is not None:
            await self._answer(run.caller, envelope, reply)
            await asyncio.sleep(0)  # a caller in this process goes on first: what follows is no concern of its
        if self._answers is not None and not repeated:
            kept = rememberable(envelope, reply) and await self._remember(self._answers, envelope)
            if not kept and leads(envelope):
                await self._answers.landed(envelope)
        if self._drafts is not None and not repeated:
            self._noted(self._drafts, envelope)
        if self._observer is not None:
            self._observer.finished(envelope, reply)
        return Outcome(DONE, facts={"audit_id": reply.audit_id, "repeated": repeated})

    async def _stored(self, envelope: Envelope) -> Reply | None:
        """The final reply of an earlier delivery, which died after it was stored."""
        stored = await self._results.get(envelope.tenant, envelope.id)
        if stored is None or stored.provisional or stored.fingerprint != envelope.fingerprint:
            return None
        return stored

    async def _record(self, envelope: Envelope) -> Reply:
        ours = decide(envelope, self._clock.now())
        policy = self._policies.revision(envelope.policy_revision) if self._policies else None
        reference = await self._records.append(record_fields(envelope, ours, policy))
        receipt = {
            "audit_id": reference.audit_id,
            "audit_sequence": reference.sequence,
            "audit_sha256": reference.digest,
        }
        return await self._results.put(changed(ours, receipt))

    async def _remember(self, answers: Answers, envelope: Envelope) -> bool:
        """Keep the answer for others. Whether it was kept."""
        rules = self._memory(envelope)
        if rules is None:
            return False
        try:
            with self._within():
                kept = bool(await answers.remember(envelope, _ttl(rules, envelope)))
        except (StoreUnavailable, TimeoutError) as error:
            _log.debug("the answer to %s is not remembered: %s", envelope.key, type(error).__name__)
            return False
        if kept and self._questions is not None and rules.semantic is not None:
            self._note(self._questions, envelope, rules.semantic, _ttl(rules, envelope))
        return kept

    def _note(self, questions: Questions, envelope: Envelope, spec: SemanticCache, ttl_s: float) -> None:
        """Keep the question with its vector. Where a target should have made that and did not, nothing finds it."""
        if spec.embedder is None:
            questions.note(envelope, spec, ttl_s)
            return
        from pipeline.adapters.question_vectors import known_vector

        policy = self._policies.revision(envelope.policy_revision) if self._policies else None
        known = known_vector(envelope.attempts, policy.targets) if policy is not None else None
        if known is not None:
            questions.note(envelope, spec, ttl_s, known)

    def _noted(self, drafts: Drafts, envelope: Envelope) -> None:
        """Keep what became of the draft, where the route asks for that."""
        policy = self._policies.revision(envelope.policy_revision) if self._policies else None
        route = policy.route(envelope.plan.route) if policy is not None and envelope.plan is not None else None
        accept = route.spec.accept if route is not None else None
        if policy is not None and accept is not None and accept.past_errors is not None:
            drafts.note(envelope, policy, accept.past_errors)

    def _memory(self, envelope: Envelope) -> CachePolicy | None:
        """How the request's own policy lets its answer be remembered; None: it does not."""
        policy = self._policies.revision(envelope.policy_revision) if self._policies else None
        if policy is None or envelope.plan is None or not may_keep("cache", envelope.classification, policy):
            return None
        route = policy.route(envelope.plan.route)
        return route.spec.cache if route is not None and route.spec.cache.enabled else None

    async def _answer(self, caller: Caller, envelope: Envelope, reply: Reply) -> None:
        try:
            if envelope.request.stream and not envelope.streamed and reply.status == "answered" and reply.content:
                await _stream(caller, reply.content, reply.reasoning)
            await caller.reply(reply)
        except (OSError, TimeoutError) as error:
            message = f"the reply could not be sent ({type(error).__name__}); it is stored and can be fetched by its id"
            raise TransportUnavailable(message) from None


def _ttl(rules: CachePolicy, envelope: Envelope) -> float:
    """Seconds for which the answer is remembered."""
    return rules.ttl if envelope.lane != "batch" else min(rules.ttl, rules.batch_ttl)


async def _stream(caller: Caller, content: str, reasoning: str | None) -> None:
    for chunk in chunks(content, reasoning=reasoning):
        if not await caller.chunk(chunk):
            return
