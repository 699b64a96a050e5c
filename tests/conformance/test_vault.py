"""One suite for every `ports.Vault`: in memory, and in a real Valkey."""

import asyncio
import base64
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest
from clocks import FakeClock
from valkey_server import ValkeyServer, valkey_server

from pipeline.adapters.vault import LONGEST, MOST, PREFIX, ValkeyVault
from pipeline.adapters.vault_keys import Keyring
from pipeline.adapters.vault_memory import MemoryVault
from pipeline.errors import SetupError, StoreUnavailable
from pipeline.ports import Vault

ISSUED = {"<PERSON_K7QM2>": "Ana Alba", "<PERSON_K7QM2_2>": "ANA", "u-x@redacted.invalid": "ana@example.org"}


def key(name: str, byte: int = 7) -> str:
    return f"{name}:{base64.b64encode(bytes([byte]) * 32).decode()}"


def ring(keys: str | None = None, secret: bytes = b"a secret") -> Keyring:
    made = Keyring.of(keys, secret)
    assert made is not None
    return made


@dataclass
class Subject:
    """A vault, and how to let time pass for it."""

    vault: Vault
    wait: Callable[[float], Awaitable[None]]


@pytest.fixture(params=["memory", "valkey"])
async def subject(request: pytest.FixtureRequest) -> AsyncIterator[Subject]:
    if request.param == "memory":
        clock = FakeClock()
        yield Subject(MemoryVault(clock, ring()), clock.pass_by)
        return
    server: ValkeyServer = request.getfixturevalue("valkey")
    vault = ValkeyVault(server.url, ring())
    await vault._client.flushdb()
    yield Subject(vault, asyncio.sleep)
    await vault.close()


# ---------------------------------------------------------------- every vault


async def test_what_was_never_kept_is_not_there(subject: Subject) -> None:
    assert await subject.vault.find("acme", "s:1") == {}
    assert await subject.vault.reveal("acme", "s:1", "<PERSON_K7QM2>") is None
    assert not await subject.vault.forget("acme", "s:1")


async def test_what_was_kept_is_found_and_revealed(subject: Subject) -> None:
    await subject.vault.keep("acme", "s:1", ISSUED, 60)

    assert await subject.vault.find("acme", "s:1") == ISSUED
    assert [await subject.vault.reveal("acme", "s:1", token) for token in ISSUED] == list(ISSUED.values())
    assert await subject.vault.reveal("acme", "s:1", "<PERSON_99999>") is None


async def test_later_turns_add_to_earlier_ones(subject: Subject) -> None:
    await subject.vault.keep("acme", "s:1", {"<A_22222>": "one"}, 60)
    await subject.vault.keep("acme", "s:1", {"<A_33333>": "two", "<A_22222>": "one"}, 60)
    await subject.vault.keep("acme", "s:1", {}, 60)

    assert await subject.vault.find("acme", "s:1") == {"<A_22222>": "one", "<A_33333>": "two"}


@pytest.mark.parametrize(
    "value", ["", "é 🎷\x00\n", "\ud800", "x" * LONGEST], ids=["empty", "odd", "half a character", "long"]
)
async def test_a_value_comes_back_as_it_was(subject: Subject, value: str) -> None:
    await subject.vault.keep("acme", "s:1", {"<A_22222>": value}, 60)

    assert await subject.vault.find("acme", "s:1") == {"<A_22222>": value}


async def test_tenants_and_conversations_are_kept_apart(subject: Subject) -> None:
    await subject.vault.keep("acme", "s:1", ISSUED, 60)

    for tenant, conversation in (("acme", "s:2"), ("other", "s:1"), ("acmes", ":1"), ("acme", "")):
        assert await subject.vault.find(tenant, conversation) == {}
        assert await subject.vault.reveal(tenant, conversation, "<PERSON_K7QM2>") is None


async def test_what_is_forgotten_is_gone(subject: Subject) -> None:
    await subject.vault.keep("acme", "s:1", ISSUED, 60)

    assert await subject.vault.forget("acme", "s:1")
    assert await subject.vault.find("acme", "s:1") == {}


async def test_what_is_not_used_for_its_time_is_gone(subject: Subject) -> None:
    await subject.vault.keep("acme", "s:1", ISSUED, 0.05)
    await subject.wait(0.12)

    assert await subject.vault.find("acme", "s:1") == {}
    assert await subject.vault.reveal("acme", "s:1", "<PERSON_K7QM2>") is None


async def test_finding_begins_its_time_anew_and_revealing_does_not(subject: Subject) -> None:
    for use, there in ((subject.vault.find, True), (None, False)):
        await subject.vault.keep("acme", "s:1", ISSUED, 0.6)
        await subject.wait(0.35)
        if use is not None:
            await use("acme", "s:1")
        else:
            await subject.vault.reveal("acme", "s:1", "<PERSON_K7QM2>")
        await subject.wait(0.35)
        assert bool(await subject.vault.reveal("acme", "s:1", "<PERSON_K7QM2>")) is there
        await subject.vault.forget("acme", "s:1")


async def test_a_conversation_keeps_a_bounded_number_of_tokens_and_no_very_long_value(subject: Subject) -> None:
    many = {f"<A_{number:05d}>": "value" for number in range(MOST + 100)}
    await subject.vault.keep("acme", "s:1", {"<A_LONGX>": "x" * (LONGEST + 1)} | many, 60)
    await subject.vault.keep("acme", "s:1", {"<B_22222>": "late"}, 60)

    found = await subject.vault.find("acme", "s:1")

    assert len(found) == MOST
    assert "<A_LONGX>" not in found


async def test_many_may_keep_at_the_same_time(subject: Subject) -> None:
    """Also those who meet a conversation for the first time at once: one data key counts."""
    await asyncio.gather(*(subject.vault.keep("acme", "s:1", {f"<A_{n:05d}>": str(n)}, 60) for n in range(40)))

    assert await subject.vault.find("acme", "s:1") == {f"<A_{n:05d}>": str(n) for n in range(40)}


async def test_the_reference_of_a_conversation_tells_nothing_about_it(subject: Subject) -> None:
    reference = subject.vault.reference("acme", "s:1")
    assert len(bytes.fromhex(reference)) == 16
    assert reference == subject.vault.reference("acme", "s:1")
    assert reference not in {subject.vault.reference("acme", "s:2"), subject.vault.reference("other", "s:1")}


# ---------------------------------------------------------------- what Valkey sees


async def _everything(vault: ValkeyVault) -> bytes:
    names = await vault._client.keys("*")
    return b"|".join([name + repr(await vault._client.hgetall(name)).encode() for name in names])


@pytest.fixture
async def vault(valkey: ValkeyServer) -> AsyncIterator[ValkeyVault]:
    made = ValkeyVault(valkey.url, ring(key("one")))
    await made._client.flushdb()
    yield made
    await made.close()


async def test_valkey_sees_neither_values_nor_tenants_nor_sessions(vault: ValkeyVault) -> None:
    await vault.keep("acme", 's:[null, "my session"]', ISSUED, 60)

    seen = await _everything(vault)

    assert seen.startswith(PREFIX.encode())
    for word in (b"Ana", b"ana@", b"acme", b"session", b"\x07\x07"):
        assert word not in seen


async def test_nothing_stays_in_valkey_without_an_end(vault: ValkeyVault) -> None:
    await vault.keep("acme", "s:1", ISSUED, 60)
    await vault.find("acme", "s:1")

    (name,) = await vault._client.keys("*")

    assert 0 < await vault._client.pttl(name) <= 60_000


async def test_a_value_that_was_moved_to_another_token_or_conversation_is_not_read(vault: ValkeyVault) -> None:
    await vault.keep("acme", "s:1", {"<A_22222>": "one", "<A_33333>": "two"}, 60)
    await vault.keep("acme", "s:2", {"<A_22222>": "three"}, 60)
    one, two = (PREFIX + vault.reference("acme", conversation) for conversation in ("s:1", "s:2"))
    stored = await vault._client.hgetall(one)
    await vault._client.hset(
        one, mapping={"t:<A_33333>": stored[b"t:<A_22222>"], "t:<A_44444>": b"", "t:<A_55555>": b"x"}
    )

    assert await vault.find("acme", "s:1") == {"<A_22222>": "one"}
    assert await vault.reveal("acme", "s:1", "<A_33333>") is None

    await vault._client.hset(two, mapping=stored)
    with pytest.raises(StoreUnavailable):
        await vault.find("acme", "s:2")


# ---------------------------------------------------------------- keys


async def test_a_new_key_encrypts_and_the_old_one_still_decrypts(valkey: ValkeyServer, vault: ValkeyVault) -> None:
    await vault.keep("acme", "s:1", ISSUED, 60)
    both = ValkeyVault(valkey.url, ring(f"{key('two', 9)}, {key('one')}"))
    assert await both.find("acme", "s:1") == ISSUED

    await both.keep("acme", "s:1", {"<A_22222>": "late"}, 60)

    only_new = ValkeyVault(valkey.url, ring(key("two", 9)))
    assert await only_new.find("acme", "s:1") == ISSUED | {"<A_22222>": "late"}
    with pytest.raises(StoreUnavailable, match="STEPWELL_VAULT_KEYS"):
        await vault.find("acme", "s:1")
    await both.close()
    await only_new.close()


async def test_a_vault_with_the_wrong_key_neither_reads_nor_destroys(valkey: ValkeyServer, vault: ValkeyVault) -> None:
    await vault.keep("acme", "s:1", ISSUED, 60)
    wrong = ValkeyVault(valkey.url, ring(key("one", 9)))

    for attempt in (
        wrong.find("acme", "s:1"),
        wrong.reveal("acme", "s:1", "<PERSON_K7QM2>"),
        wrong.keep("acme", "s:1", {"<A_22222>": "x"}, 60),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert await vault.find("acme", "s:1") == ISSUED
    await wrong.close()


def test_keys_come_from_the_secret_where_none_are_given_and_from_nowhere_without_both() -> None:
    assert Keyring.of(None, b"") is None
    assert Keyring.of("", b"") is None
    wrapped = ring(None, b"a secret").wrap(b"data", ("acme", "s:1"))
    assert ring(None, b"a secret").unwrap(wrapped, ("acme", "s:1")) == b"data"


def test_names_stay_while_keys_are_changed() -> None:
    assert ring(key("one"), b"").name("acme", "s:1") == ring(f"{key('two', 9)},{key('one')}", b"").name("acme", "s:1")
    assert ring(key("one")).name("acme", "s:1") == ring(key("two", 9)).name("acme", "s:1")


@pytest.mark.parametrize(
    "keys",
    ["one", "one:", "one:AAAA", ":" + key("")[1:], f"{key('one')},{key('one', 9)}", key("o/ne"), "one:" + "=" * 43],
)
def test_keys_of_another_form_are_refused_and_not_repeated(keys: str) -> None:
    with pytest.raises(SetupError) as refused:
        Keyring.of(keys, b"a secret")
    assert "STEPWELL_VAULT_KEYS" in str(refused.value)
    assert base64.b64encode(bytes([7]) * 32).decode() not in str(refused.value)


# ---------------------------------------------------------------- trouble


async def test_a_valkey_that_is_not_there_is_unavailable_at_once() -> None:
    vault = ValkeyVault("redis://127.0.0.1:1/0", ring())
    started = time.monotonic()

    for attempt in (
        vault.keep("acme", "s:1", ISSUED, 60),
        vault.find("acme", "s:1"),
        vault.reveal("acme", "s:1", "<A_22222>"),
        vault.forget("acme", "s:1"),
    ):
        with pytest.raises(StoreUnavailable):
            await attempt

    assert time.monotonic() - started < 2
    await vault.close()


async def test_a_valkey_that_hangs_or_was_killed_is_unavailable_and_serves_again_once_it_is_back() -> None:
    with valkey_server() as server:
        vault = ValkeyVault(server.url, ring())
        await vault.keep("acme", "s:1", ISSUED, 60)
        server.pause()
        with pytest.raises(StoreUnavailable):
            await vault.find("acme", "s:1")
        server.resume()
        assert await vault.find("acme", "s:1") == ISSUED
        server.kill()
        with pytest.raises(StoreUnavailable):
            await vault.find("acme", "s:1")
        server.start()
        assert await vault.find("acme", "s:1") == {}
        await vault.close()


async def test_a_full_valkey_is_unavailable_for_keeping() -> None:
    with valkey_server() as server:
        vault = ValkeyVault(server.url, ring())
        await vault._client.config_set("maxmemory", "1")
        with pytest.raises(StoreUnavailable):
            await vault.keep("acme", "s:1", ISSUED, 60)
        await vault.close()


async def test_the_memory_keeps_the_newest_conversations_only() -> None:
    vault = MemoryVault(FakeClock(), ring(), capacity=2)
    for conversation in ("a", "b", "c"):
        await vault.keep("acme", conversation, ISSUED, 60)

    assert [bool(await vault.find("acme", conversation)) for conversation in ("a", "b", "c")] == [False, True, True]
