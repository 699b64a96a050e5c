"""Nobody learns what a pseudonym stands for without a record that he asked."""

from collections.abc import Mapping

import pytest
from clocks import FakeClock
from decisions import collect, fields, step

from pipeline.adapters.results import StreamResults
from pipeline.adapters.vault_keys import Keyring
from pipeline.adapters.vault_memory import MemoryVault
from pipeline.audit import ChainedAuditLog, verify
from pipeline.audit.read import find, newest
from pipeline.audit.show import row
from pipeline.contracts import AuditRecord, RevealRecord, parse_record
from pipeline.disclosure.reveal import reveal
from pipeline.errors import InvalidRequest, NotFound, StoreUnavailable, TransportUnavailable
from pipeline.ports import AuditReference, Stored
from pipeline.transport.memory import MemoryLink

TOKEN, VALUE = "<PERSON_K7QM2>", "Odalys Brandvold"
STAND_IN = "u-k7qm2abc@redacted.invalid"


class Desk:
    """A vault with two tokens of one conversation, a log, and whoever asks."""

    def __init__(self) -> None:
        keyring = Keyring.of(None, b"a secret")
        assert keyring is not None
        self.clock = FakeClock()
        self.vault = MemoryVault(self.clock, keyring)
        self.streams = MemoryLink().streams
        self.log = ChainedAuditLog(self.streams, "p", self.clock)

    async def ask(self, token: str = TOKEN, *, tenant: str = "acme", why: str = "she asked", who: str = "desk") -> str:
        await self.vault.keep("acme", "s:1", {TOKEN: VALUE, STAND_IN: "odalys@example.org"}, 60)
        return await reveal(
            self.vault, self.log, tenant=tenant, conversation="s:1", token=token, who=who, why=why, clock=self.clock
        )

    async def stored(self) -> list[Stored]:
        return await collect(self.streams.scan("AUDIT"))

    async def records(self) -> list[RevealRecord]:
        records = [parse_record(stored.body) for stored in await self.stored()]
        return [record for record in records if isinstance(record, RevealRecord)]


async def test_a_value_is_revealed_and_the_record_says_who_asked_why_and_never_the_value() -> None:
    desk = Desk()
    assert await desk.ask() == VALUE
    (record,) = await desk.records()
    assert (record.tenant, record.token, record.who, record.why, record.outcome) == (
        "acme", TOKEN, "desk", "she asked", "revealed",
    )  # fmt: skip
    assert record.conversation == desk.vault.reference("acme", "s:1")
    assert record.at == 1000.0
    assert VALUE.encode() not in (await desk.stored())[0].body


@pytest.mark.parametrize(("token", "value"), [("PERSON_K7QM2", VALUE), (STAND_IN, "odalys@example.org")])
async def test_a_token_without_brackets_and_a_stand_in_are_revealed_too(token: str, value: str) -> None:
    assert await Desk().ask(token) == value


@pytest.mark.parametrize("token", ["<PERSON_99999>", "<PERSON_K7QM2_9>"])
async def test_a_question_without_an_answer_is_on_record_too(token: str) -> None:
    desk = Desk()
    with pytest.raises(NotFound):
        await desk.ask(token)
    assert [(record.outcome, record.token) for record in await desk.records()] == [("not_found", token)]


async def test_another_tenant_learns_nothing_and_is_on_record() -> None:
    desk = Desk()
    with pytest.raises(NotFound):
        await desk.ask(tenant="other")
    assert [(record.tenant, record.outcome) for record in await desk.records()] == [("other", "not_found")]


async def test_what_is_no_token_is_not_written_down_since_it_may_be_a_name() -> None:
    desk = Desk()
    with pytest.raises(NotFound) as refused:
        await desk.ask(VALUE)
    assert [(record.outcome, record.token) for record in await desk.records()] == [("not_found", None)]
    assert VALUE.encode() not in (await desk.stored())[0].body
    assert VALUE not in str(refused.value)


async def test_a_vault_that_is_away_is_told_and_on_record() -> None:
    desk = Desk()

    async def away(*_: object) -> str:
        raise StoreUnavailable("away")

    desk.vault.reveal = away  # type: ignore[method-assign]  # a fault
    with pytest.raises(StoreUnavailable):
        await desk.ask()
    assert [record.outcome for record in await desk.records()] == ["unavailable"]


async def test_without_a_durable_record_nothing_is_revealed() -> None:
    class Mute:
        async def append(self, fields: Mapping[str, object]) -> AuditReference:
            raise TransportUnavailable("the record was not confirmed")

    desk = Desk()
    desk.log = Mute()  # type: ignore[assignment]  # a fake
    with pytest.raises(TransportUnavailable):
        await desk.ask()


@pytest.mark.parametrize("wrong", [{"who": " "}, {"why": ""}, {"token": ""}, {"why": "x" * 1025}, {"token": "x" * 129}])
async def test_whoever_gives_no_name_or_no_reason_is_refused_at_once(
    wrong: dict[str, str],
) -> None:
    desk = Desk()
    with pytest.raises(InvalidRequest):
        await desk.ask(**wrong)  # type: ignore[arg-type]  # fields by name
    assert await desk.stored() == []


# ---------------------------------------------------------------- in the chain


async def test_reveals_are_links_of_the_same_chain_as_decisions() -> None:
    desk = Desk()
    await desk.log.append(fields("r1"))
    await desk.ask()
    await desk.log.append(fields("r2"))
    stored = await desk.stored()
    report = verify(stored)
    assert report.ok, report.findings
    assert [each.subject for each in stored] == ["audit.acme.decision", "audit.acme.reveal", "audit.acme.decision"]


async def test_a_changed_or_dropped_reveal_is_found() -> None:
    desk = Desk()
    for _ in range(3):
        await desk.ask()
    stored = await desk.stored()
    changed = Stored(stored[1].subject, 2, stored[1].body.replace(b"she asked", b"I was bored.."))
    assert [found.problem for found in verify([stored[0], changed, stored[2]]).findings] == ["changed"]
    assert {found.problem for found in verify([stored[0], stored[2]]).findings} >= {"missing"}
    elsewhere = Stored("audit.acme.decision", 2, stored[1].body)
    assert [found.problem for found in verify([stored[0], elsewhere, stored[2]]).findings] == ["misplaced"]


async def test_the_list_of_records_shows_reveals_and_the_search_for_a_request_passes_them_by() -> None:
    desk = Desk()
    await desk.ask(why="about request r1")
    await desk.log.append(fields("r1"))
    listed = [row(record, stored.sequence) for record, stored in await newest(desk.streams, 5)]
    assert [(line.get("kind"), line["status"], line.get("who")) for line in listed] == [
        ("reveal", "revealed", "desk"),
        (None, "answered", None),
    ]
    record, _ = await find(desk.streams, StreamResults(desk.streams), "acme", "r1")
    assert isinstance(record, AuditRecord)


async def test_a_decision_that_holds_the_words_of_a_reveal_is_still_a_decision() -> None:
    desk = Desk()
    trail = [step("plan", "planned", kind="reveal")]
    await desk.log.append({**fields("r1"), "trail": trail})
    stored = await desk.stored()
    assert b'"kind":"reveal"' in stored[0].body
    assert isinstance(parse_record(stored[0].body), AuditRecord)
    assert verify(stored).ok
