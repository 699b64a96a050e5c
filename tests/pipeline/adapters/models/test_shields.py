"""On the way out personal data is hidden, on the way back it is put in again, and the memory holds up nobody."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from cascade import FakeClock
from fakes_models import FakeJournal, FakeModels, answer, shown
from policy_files import write

from pipeline.adapters.models.attempts import Attempts
from pipeline.adapters.models.shields import PATIENCE_S, Shields
from pipeline.adapters.pii.spans import Span
from pipeline.contracts import Attempt, Chunk, Classification, Envelope, Finding, Mark, Plan, Reply, Request, Tier
from pipeline.disclosure.units import fingerprint, units_of
from pipeline.errors import ResidencyRefused, StoreUnavailable
from pipeline.policy import Policy, decided
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Completion, ModelCall, Run

NAME, KEY = "Odalys Brandvold", "AKIAIOSFODNN7EXAMPLE"
RESIDENCY = """\
apiVersion: stepwell/v1
kind: Residency
classes: {restricted: [SECRET], confidential: [PERSON]}
output: {scan: all, mask: [SECRET]}
rules:
  - {id: hide, when: target.external && "PERSON" in req.types, action: pseudonymise, reason: r}
"""


@pytest.fixture(scope="module")
def policy(tmp_path_factory: pytest.TempPathFactory) -> Policy:
    return load_folder(write(tmp_path_factory.mktemp("shields"), residency=RESIDENCY), {})


def keys(text: str) -> Sequence[Span]:
    at = text.find(KEY)
    return [] if at < 0 else [Span("SECRET", at, at + len(KEY), 1.0)]


@dataclass
class Memory:
    """A vault that is slow or away when told."""

    known: dict[str, str] = field(default_factory=dict)
    kept: list[Mapping[str, str]] = field(default_factory=list)
    away: bool = False
    slow: bool = False

    async def _trouble(self) -> None:
        if self.away:
            raise StoreUnavailable("away")
        if self.slow:
            await asyncio.Event().wait()

    async def keep(self, tenant: str, conversation: str, issued: Mapping[str, str], ttl_s: float) -> None:
        await self._trouble()
        self.kept.append(issued)

    async def find(self, tenant: str, conversation: str) -> dict[str, str]:
        await self._trouble()
        return self.known

    async def reveal(self, tenant: str, conversation: str, token: str) -> str | None:
        return self.known.get(token)

    async def forget(self, tenant: str, conversation: str) -> bool:
        return bool(self.known)

    def reference(self, tenant: str, conversation: str) -> str:
        return "0" * 32


@dataclass
class Caller:
    chunks: list[Chunk] = field(default_factory=list)

    async def chunk(self, chunk: Chunk) -> bool:
        self.chunks.append(chunk)
        return True

    async def reply(self, reply: Reply) -> None: ...


def asked(policy: Policy, text: str = f"Who is {NAME}?", name: str = "far", **others: object) -> Envelope:
    request = Request.model_validate({"input": text, **others})
    units = units_of(request)
    marks = tuple(
        Mark(number, unit.find(NAME), unit.find(NAME) + len(NAME), "PERSON", 1.0)
        for number, unit in enumerate(units.texts)
        if NAME in unit
    )
    found = Classification(
        data_class="confidential" if marks else "public",
        findings=(Finding(type="PERSON", count=len(marks)),) if marks else (),
        scan="complete",
        engine="e",
        names_scanned=True,
        units=fingerprint(units),
        marks=marks,
    )
    return Envelope(
        id="r1",
        request=request,
        fingerprint="f",
        lane="interactive",
        received_at=1_000_000.0,
        deadline_at=1_000_010.0,
        policy_revision=policy.revision,
        classification=found.model_copy(update={"residency": decided(request, found, policy)}),
        plan=Plan(route="chat", tiers=(Tier(variant=name, target=name, propensity=1.0),)),
    )


def echo(call: ModelCall) -> Completion:
    """An answer that repeats what it was asked, in pieces that cut tokens."""
    text = f"You asked: {shown(call).messages[-1].content}"
    whole = answer(text)
    first = (whole.tokens or ())[0]
    pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
    return replace(whole, tokens=tuple(first.model_copy(update={"token": piece}) for piece in pieces))


@dataclass
class Bench:
    policy: Policy
    memory: Memory = field(default_factory=Memory)
    models: FakeModels = field(default_factory=lambda: FakeModels(echo))
    journal: FakeJournal = field(default_factory=FakeJournal)

    async def make(self, envelope: Envelope, run: Run | None = None) -> Attempt:
        shields = Shields(b"secret", self.memory, keys)
        attempts = Attempts(self.models, self.journal, FixedPolicy(self.policy), FakeClock(), shields)
        made = (await attempts.make(envelope, run or Run(), "draft", 0)).last
        await asyncio.sleep(0)
        assert made is not None
        return made


@pytest.fixture
def bench(policy: Policy) -> Bench:
    return Bench(policy)


async def test_the_target_sees_a_token_and_the_caller_the_name(bench: Bench) -> None:
    made = await bench.make(asked(bench.policy))
    seen = str(shown(bench.models.calls[0]).messages[-1].content)
    assert NAME not in seen
    assert seen.startswith("Who is <PERSON_")
    assert made.text == f"You asked: Who is {NAME}?"
    assert "".join(token.token for token in made.tokens or ()) == made.text
    assert [(entry.action, entry.what, entry.count) for entry in made.shielded] == [("pseudonymise", "PERSON", 1)]


async def test_what_is_journaled_is_what_the_caller_gets(bench: Bench) -> None:
    made = await bench.make(asked(bench.policy))
    assert list(bench.journal.written.values()) == [made]


async def test_a_stream_is_restored_too_however_it_is_cut(bench: Bench) -> None:
    caller = Caller()
    question = f"Who is {NAME}? " + "I saw it on a list of many names. " * 20
    made = await bench.make(asked(bench.policy, question, stream=True), Run(1, caller))
    assert "".join(chunk.text for chunk in caller.chunks) == made.text == f"You asked: {question}"
    assert len(caller.chunks) > 1
    assert made.streamed


async def test_a_target_of_ours_sees_the_name_and_nothing_is_recorded(bench: Bench) -> None:
    made = await bench.make(asked(bench.policy, name="near"))
    assert NAME in str(shown(bench.models.calls[0]).messages[-1].content)
    assert made.shielded == ()


async def test_a_credential_that_the_model_brings_up_is_masked_and_counted(bench: Bench) -> None:
    bench.models.script = lambda call: answer(f"use {KEY} for it")
    made = await bench.make(asked(bench.policy, "How do I log in?", "near"))
    assert made.text == "use [SECRET] for it"
    assert [(finding.type, finding.count) for finding in made.found] == [("SECRET", 1)]


async def test_a_credential_that_the_caller_gave_may_be_repeated(bench: Bench) -> None:
    made = await bench.make(asked(bench.policy, f"What is wrong with {KEY}?", "near"))
    assert KEY in str(made.text)
    assert made.found == ()


async def test_tokens_of_a_session_are_kept_beside_the_call(bench: Bench) -> None:
    await bench.make(asked(bench.policy, session="s1"))
    (kept,) = bench.memory.kept
    assert list(kept.values()) == [NAME]


async def test_without_a_session_nothing_is_kept(bench: Bench) -> None:
    await bench.make(asked(bench.policy))
    assert bench.memory.kept == []


async def test_a_token_of_an_earlier_turn_is_restored_from_memory(bench: Bench) -> None:
    first = await bench.make(asked(bench.policy, session="s1"))
    assert first.text
    (known,) = bench.memory.kept
    bench.memory.known = dict(known)
    (token,) = known
    bench.journal.written.clear()
    made = await bench.make(asked(bench.policy, f"Is {NAME} the same as {token}?", session="s1"))
    assert made.text == f"You asked: Is {NAME} the same as {NAME}?"


@pytest.mark.parametrize("trouble", ["away", "slow"])
async def test_a_memory_in_trouble_fails_no_request_and_keeps_it_waiting_but_shortly(
    bench: Bench, trouble: str
) -> None:
    setattr(bench.memory, trouble, True)
    begun = asyncio.get_running_loop().time()
    made = await bench.make(asked(bench.policy, session="s1"))
    assert made.text == f"You asked: Who is {NAME}?"
    assert asyncio.get_running_loop().time() - begun < 20 * PATIENCE_S


async def test_a_scan_that_is_gone_sends_nothing(bench: Bench) -> None:
    envelope = asked(bench.policy)
    assert envelope.classification is not None
    forgotten = envelope.classification.model_copy(update={"units": None, "marks": ()})
    with pytest.raises(ResidencyRefused, match="cannot be hidden"):
        await bench.make(envelope.model_copy(update={"classification": forgotten}))
    assert bench.models.calls == []


async def test_workers_without_a_secret_give_each_their_own_tokens(bench: Bench, tmp_path: Path) -> None:
    request = asked(bench.policy).request
    one, other = [await Shields().pseudonyms(request) for _ in range(2)]
    from pipeline.disclosure.pseudonyms import Hidden

    place = Hidden("PERSON", 0, len(NAME))
    assert one.replace(NAME, [place]) != other.replace(NAME, [place])


@pytest.mark.parametrize(("scan", "near", "far"), [("none", 0, 0), ("external", 0, 1), ("all", 1, 1)])
async def test_the_policy_says_whose_answers_are_looked_at(tmp_path: Path, scan: str, near: int, far: int) -> None:
    rules = load_folder(write(tmp_path, residency=RESIDENCY.replace("scan: all", f"scan: {scan}")), {})
    for name, looked_at in (("near", near), ("far", far)):
        bench = Bench(rules, models=FakeModels(lambda _: answer(f"use {KEY}")))
        made = await bench.make(asked(rules, "How?", name))
        assert (made.text == "use [SECRET]") is bool(looked_at)
