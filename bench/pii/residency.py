"""Whether a byte of planted data reaches a target that the policy keeps it from.

    python -m bench.pii.residency [--requests 10000] [--seed 7] [--json]

Random requests, with data planted in every field, go through the real stages, guard and HTTP client under random
policies, to targets that fail in five ways. A server records every byte. An evaluator of its own (`residency_cases`)
says what each target may see. Besides, every variant is asked for directly, with a classification that was forged to
allow everything. Where answers are remembered and dead letters are stored is looked at too, and so is the log.
Exits with 1 when there was one violation.
"""

import argparse
import asyncio
import dataclasses
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from bench.pii.residency_cases import ORDER, Case, Rules, Verdict, case, rules, texts_of
from pipeline.adapters.answer_cache import AnswerCache
from pipeline.adapters.cache_memory import MemoryAnswers
from pipeline.adapters.clock import SystemClock
from pipeline.adapters.journal import StreamJournal
from pipeline.adapters.models import Attempts, HttpModelClient
from pipeline.adapters.models.shields import Shields
from pipeline.adapters.results import StreamResults
from pipeline.audit import ChainedAuditLog
from pipeline.contracts import Classification, Envelope, Finding, Mark, Plan, Request, StageName, Tier
from pipeline.errors import PolicyInvalid, StepwellError
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Outcome, Run, ScanReport, Stage
from pipeline.runner import Runner, dump_envelope
from pipeline.transport.memory import MemoryLink
from stages.audit import Audit
from stages.check import Check
from stages.classify import Classify
from stages.draft import Draft
from stages.escalate import Escalate
from stages.plan import Plan as PlanStage
from stages.recall import Recall

__all__ = ["Tally", "fuzz"]

PER_POLICY: Final = 20
NAMES: Final = frozenset({"PERSON", "ORG"})
MOODS: Final = ("well", "well", "error", "busy", "gone", "garbage")


# ---------------------------------------------------------------- targets that record


class Recorder:
    """An HTTP server that keeps every byte it gets, by target, and answers as the target's mood is."""

    def __init__(self) -> None:
        self.heard: dict[str, list[bytes]] = {}
        self.moods: dict[str, str] = {}
        self.address = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
                )
                body = await reader.readexactly(length)
                name = head.split(b"/", 2)[1].decode()
                self.heard.setdefault(name, []).append(head + body)
                reply = self._reply(self.moods.get(name, "well"), body)
                if reply is None:
                    break
                writer.write(reply)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _reply(self, mood: str, body: bytes) -> bytes | None:
        """Most repeat the last thing they were told, which is what a careless model does."""
        if mood == "gone":
            return None
        if mood in ("error", "busy"):
            return b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % (b"500 Bad" if mood == "error" else b"429 Busy")
        if mood == "garbage":
            return b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n???"
        said = orjson.loads(body)["messages"][-1]["content"]
        message = {"role": "assistant", "content": said if isinstance(said, str) else "yes"}
        answer = {"model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        text = orjson.dumps(answer)
        return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (len(text), text)


@asynccontextmanager
async def recorder() -> AsyncIterator[Recorder]:
    """A recorder that runs."""
    made = Recorder()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, limit=2**24)
    made.address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()


# ---------------------------------------------------------------- a scanner that knows what was planted


class Planted:
    """Finds what was planted; names only when asked for; and fails as the case says."""

    def __init__(self) -> None:
        self.case = Case({})

    async def scan(self, units: Sequence[str], *, names: bool) -> ScanReport:
        """The marks and findings of one case."""
        if self.case.scan == "failed":
            return ScanReport((), "planted", "failed", "drawn")
        marks = [
            Mark(number, at, at + len(value), kind, 1.0)
            for number, unit in enumerate(units)
            for value, kind in self.case.plants.items()
            if names or kind not in NAMES
            for at in _places(unit, value)
        ]
        counts = Counter(mark.type for mark in marks)
        findings = tuple(Finding(type=kind, count=count, score=1.0) for kind, count in sorted(counts.items()))
        return ScanReport(findings, "planted", self.case.scan, None, tuple(sorted(marks)), self.case.covered)


def _places(text: str, value: str) -> Iterator[int]:
    at = text.find(value)
    while at >= 0:
        yield at
        at = text.find(value, at + len(value))


# ---------------------------------------------------------------- one policy


@dataclasses.dataclass
class Tally:
    """What was tried, and what went wrong. A violation names target, case and kind of data, never a value."""

    requests: int = 0
    policies: int = 0
    calls: int = 0
    refused: int = 0
    hidden: int = 0
    shown: int = 0
    denied_targets: int = 0
    remembered: int = 0
    dead_letters: int = 0
    withheld: int = 0
    violations: list[str] = dataclasses.field(default_factory=list)


class _Cache(MemoryAnswers):
    """Counts what is written."""

    written = 0

    async def put(self, key: str, value: bytes, ttl_s: float) -> None:
        self.written += 1
        await super().put(key, value, ttl_s)


class _Held:
    """A message of the queue that is acknowledged and forgotten."""

    def __init__(self, body: bytes) -> None:
        self.body = body
        self.stage: StageName = "classify"
        self.lane = "interactive"
        self.delivered = 1
        self.durable = True

    async def working(self) -> None: ...

    async def ack(self) -> None: ...

    async def retry(self, delay_s: float) -> None: ...


class _Nobody:
    def step(self, *_: object) -> None: ...

    def finished(self, *_: object) -> None: ...

    def trouble(self, *_: object) -> None: ...


class _Sometimes:
    """The stage draft, which is broken for some requests: they become dead letters."""

    name: StageName = "draft"

    def __init__(self, inner: Stage) -> None:
        self._inner = inner
        self.broken = False

    async def handle(self, envelope: Envelope, run: Run) -> Outcome:
        if self.broken:
            raise PolicyInvalid("drawn to be broken")
        return await self._inner.handle(envelope, run)


class House:
    """All stages under one policy, over memory, and what they touch."""

    def __init__(self, policy: Policy, draw: random.Random) -> None:
        clock = SystemClock()
        source = FixedPolicy(policy)
        self.policy = policy
        self.link = MemoryLink()
        self.scanner = Planted()
        self.cache = _Cache(clock)
        self.client = HttpModelClient(source, clock, draw, pause=_at_once)
        shields = Shields(b"secret", None, lambda _: [])
        self.attempts = Attempts(self.client, StreamJournal(self.link.streams), source, clock, shields)
        self.classify = Classify(self.scanner, source)
        self.draft = _Sometimes(Draft(self.attempts))
        answers = AnswerCache(self.cache, b"secret", clock)
        self.log = ChainedAuditLog(self.link.streams, "fuzz", clock)
        audit = Audit(self.log, StreamResults(self.link.streams), clock, source, answers)
        plan = PlanStage(source, clock, b"secret")
        stages: list[Any] = [
            self.classify,
            plan,
            Recall(answers, clock),
            self.draft,
            Check(source),
            Escalate(self.attempts, source),
            audit,
        ]
        self.runner = Runner(
            stages,
            self.link.transport(),
            self.link.streams,
            clock=clock,
            random=draw,
            observer=_Nobody(),
            worker="fuzz",
            policies=source,
        )

    async def bodies(self, stream: str) -> list[bytes]:
        """Everything in a stream."""
        return [stored.body async for stored in self.link.streams.scan(stream)]

    async def close(self) -> None:
        """Close connections."""
        await self.client.close()
        await self.log.close()


async def _at_once(_: float) -> None:
    """No pause between tries."""


def _envelope(made: Case, policy: Policy) -> Envelope:
    now = SystemClock().now()
    request = Request.model_validate_json(json.dumps(made.request))
    return Envelope(
        id=made.request["id"],
        request=request,
        fingerprint="f",
        lane="interactive",
        received_at=now,
        deadline_at=now + 60,
        traceparent=f"00-{made.request['id'].encode().hex()[:32]:0>32}-b7ad6b7169203331-01",
        policy_revision=policy.revision,
    )


async def _one_policy(draw: random.Random, server: Recorder, folder: Path, count: int, tally: Tally) -> None:
    drawn = rules(draw, server.address)
    for name, text in drawn.files.items():
        (folder / name).write_text(text)
    policy = load_folder(folder, {})
    server.moods = {name: draw.choice(MOODS) for name in drawn.targets}
    house = House(policy, draw)
    try:
        for _ in range(count):
            tally.requests += 1
            await _one_request(draw, house, drawn, server, tally)
    finally:
        await house.close()
    tally.policies += 1


async def _one_request(draw: random.Random, house: House, drawn: Rules, server: Recorder, tally: Tally) -> None:
    made = case(draw, tally.requests)
    envelope = _envelope(made, house.policy)
    house.scanner.case = made
    house.draft.broken = draw.random() < 0.05
    server.heard.clear()
    dead_before, log_before = len(await house.bodies("DEAD")), len(await house.bodies("AUDIT"))
    kept_before = house.cache.written
    await house.runner.step(_Held(dump_envelope(envelope)))  # type: ignore[arg-type]  # the shape of a delivery
    outcome = await house.classify.handle(envelope, Run())
    found = outcome.changes["classification"]
    assert isinstance(found, Classification)
    facts = made.facts(drawn, names_scanned=found.names_scanned)
    await _sinks(house, made, drawn, facts, tally, (dead_before, log_before, kept_before))
    await _forged(draw, house, envelope, found, tally)
    for name in drawn.targets:
        _judge(name, drawn.verdict(name, facts), made, drawn, server.heard.get(name, []), tally)


async def _forged(draw: random.Random, house: House, envelope: Envelope, found: Classification, tally: Tally) -> None:
    """Ask for every variant, past the plan, with a classification that says everything is allowed."""
    forged = found.model_copy(update={"residency": tuple(_allowed(entry) for entry in found.residency)})
    if draw.random() < 0.5:
        forged = forged.model_copy(update={"data_class": "public", "special": ()})
    if draw.random() < 0.3 and found.marks and not envelope.request.model_dump_json().count("image_url"):
        forged = forged.model_copy(update={"findings": ()})
    for name in house.policy.variants:
        plan = Plan(route="chat", tiers=(Tier(variant=name, target=name, propensity=1.0),))
        asked = envelope.model_copy(update={"classification": forged, "plan": plan, "id": f"{envelope.id}-{name}"})
        try:
            await house.attempts.make(asked, Run(), "draft", 0)
        except StepwellError:
            tally.refused += 1


def _allowed(entry: Any) -> Any:
    return entry.model_copy(update={"action": "allow", "pseudonymise": (), "mask": ()})


# ---------------------------------------------------------------- what was heard


def _judge(name: str, verdict: Verdict, made: Case, drawn: Rules, heard: Sequence[bytes], tally: Tally) -> None:
    tally.calls += len(heard)
    tally.denied_targets += not verdict.may
    if not heard:
        return
    where = f"request {tally.requests}, target {name}"
    if not verdict.may:
        tally.violations.append(f"{where}: was called and is denied")
        return
    told = "\n".join(text for raw in heard for text in _texts(raw))
    for value, kind in made.plants.items():
        if value not in told:
            tally.hidden += verdict.hides(kind)
            continue
        tally.shown += 1
        if verdict.hides(kind):
            tally.violations.append(f"{where}: saw {kind}, which is hidden from it")
    _judge_fields(where, verdict, made, drawn.targets[name]["external"], told, tally)


def _judge_fields(where: str, verdict: Verdict, made: Case, external: bool, told: str, tally: Tally) -> None:
    unseen = {name: values for name, values in made.fields.items() if name not in verdict.shown}
    for name, values in unseen.items():
        if any(value in told and not made.beside(value, name) for value in values):
            tally.violations.append(f"{where}: saw {name}, which its provider may not see")
    if external and any(own in told for own in made.ids):
        tally.violations.append(f"{where}: saw the id of a tool call")
    if "request_id" not in verdict.shown and made.request["id"] in told:
        tally.violations.append(f"{where}: saw the id of the request")
    trace = made.request["id"].encode().hex()[:32]
    if "traceparent" not in verdict.shown and trace in told:
        tally.violations.append(f"{where}: saw the trace")


def _texts(raw: bytes) -> Iterator[str]:
    """The head, the body as it came, and every text in it."""
    head, _, body = raw.partition(b"\r\n\r\n")
    yield head.decode("latin-1")
    yield body.decode()
    yield from texts_of(orjson.loads(body))


async def _sinks(
    house: House, made: Case, drawn: Rules, facts: Mapping[str, Any], tally: Tally, before: tuple[int, int, int]
) -> None:
    """The cache and the dead letters keep their ceilings, and the log holds no value at all."""
    dead, log = (await house.bodies("DEAD"))[before[0] :], (await house.bodies("AUDIT"))[before[1] :]
    where, level = f"request {tally.requests}", ORDER.index(facts["data_class"])
    remembered = house.cache.written - before[2]
    tally.remembered += remembered
    if remembered and level > ORDER.index(drawn.cache_up_to):
        tally.violations.append(f"{where}: its answer is remembered above the ceiling")
    for letter in map(orjson.loads, dead):
        tally.dead_letters += 1
        tally.withheld += not letter["envelope"]
        if letter["envelope"] and level > ORDER.index(drawn.dead_up_to):
            tally.violations.append(f"{where}: its dead letter holds the message above the ceiling")
    written = b"\n".join(log).decode()
    if any(value in written for value in made.plants):
        tally.violations.append(f"{where}: the log holds a planted value")


# ---------------------------------------------------------------- all of it


async def fuzz(requests: int, seed: int) -> Tally:
    """Try `requests` requests under a new policy for every twenty of them."""
    tally, draw = Tally(), random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        async with recorder() as server:
            while tally.requests < requests:
                await _one_policy(draw, server, Path(folder), min(PER_POLICY, requests - tally.requests), tally)
    return tally


def main(arguments: Sequence[str] | None = None) -> int:
    """Run from the command line; the number of violations decides the exit code."""
    parser = argparse.ArgumentParser(description="Residency fuzz: what reaches targets under random policies.")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    tally = asyncio.run(fuzz(options.requests, options.seed))
    found = {**dataclasses.asdict(tally), "violations": len(tally.violations), "seed": options.seed}
    if options.json:
        print(json.dumps(found))
    else:
        for name, value in found.items():
            print(f"{name:>15}  {value}")
        for line in tally.violations[:20]:
            print(line)
    return bool(tally.violations)


if __name__ == "__main__":
    sys.exit(main())
