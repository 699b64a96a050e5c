"""Who comes in with a key, and to what."""

import logging
from typing import Any

import pytest
from keys_made import KeysInMemory, made

from pipeline.contracts import Usage
from pipeline.errors import (
    AuthenticationRequired,
    InvalidApiKey,
    PermissionDenied,
    RateLimited,
    StepwellError,
    TransportUnavailable,
)
from pipeline.gateway.access import KeyAccess, Quotas
from pipeline.keys import KeyLimits, KeyRecord, digest_of, token_of


class Time:
    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> float:
        return self.at

    def monotonic(self) -> float:
        return self.at


def door(*records: KeyRecord) -> tuple[KeyAccess, KeysInMemory, Time]:
    keys, time = KeysInMemory(*records), Time()
    return KeyAccess(keys, time, Quotas()), keys, time


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", **{name.replace("_", "-"): value for name, value in more.items()}}


async def refused(access: KeyAccess, headers: dict[str, str], scope: Any = "chat") -> StepwellError:
    with pytest.raises(StepwellError) as caught:
        await access.admit(headers, scope)
    return caught.value


async def test_the_holder_of_a_key_is_let_in_as_its_tenant() -> None:
    token, record = made(routes=("support",), lanes=("interactive",), scopes=("chat",))
    access, keys, _ = door(record)
    for headers in (
        bearer(token),
        {"x-api-key": token},
        {"authorization": f"bearer  {token} "},
        bearer(token) | {"x-api-key": token},
    ):
        caller = await access.admit(headers, "chat")
        assert (caller.tenant, caller.key_id) == ("acme", record.id)
        assert (caller.routes, caller.lanes, caller.scopes) == ({"support"}, {"interactive"}, {"chat"})
    assert keys.uses == [record.id] * 4


@pytest.mark.parametrize("said", [None, "", "Bearer ", "Basic eDp5"])
async def test_nobody_comes_in_without_a_key(said: str | None) -> None:
    access, _, _ = door()
    headers = {} if said is None else {"authorization": said}
    assert isinstance(await refused(access, headers), AuthenticationRequired)


async def test_what_is_no_key_of_ours_is_refused_and_said_how() -> None:
    token, record = made()
    access, _, _ = door(record)
    other = token_of(record.id, b"\x01" * 24)
    for wrong, said in (
        ("sk-1234", "no key of this door"),
        (token[:-1], "mistyped or cut off"),
        (token[:-1] + ("a" if token[-1] != "a" else "b"), "mistyped or cut off"),
        (other, "not known"),
        (made()[0], "not known"),
        ("sk-sw-" + "\udcff" * 53, "mistyped"),
        ("x" * 9000, "longer than"),
    ):
        error = await refused(access, bearer(wrong))
        assert isinstance(error, InvalidApiKey)
        assert said in error.message
        assert wrong[19:] not in error.message or len(wrong) < 20


async def test_two_different_keys_are_none() -> None:
    token, record = made()
    access, _, _ = door(record)
    error = await refused(access, bearer(token) | {"x-api-key": "sk-other"})
    assert isinstance(error, InvalidApiKey)


async def test_a_key_ends_when_it_expires_and_when_it_is_revoked() -> None:
    token, record = made(expires_at=2000.0)
    access, keys, time = door(record)
    await access.admit(bearer(token), "chat")
    time.at = 2000.0
    assert "expired" in (await refused(access, bearer(token))).message
    time.at = 1000.0
    keys.put(record.model_copy(update={"revoked_at": 1.0}))
    assert "revoked" in (await refused(access, bearer(token))).message


async def test_after_a_rotation_both_secrets_are_taken_and_then_the_new_one_alone() -> None:
    token, record = made()
    access, keys, time = door(record)
    await access.admit(bearer(token), "chat")
    newer = token_of(record.id, b"\x07" * 24)
    keys.put(record.with_secret(digest_of(newer).hex(), 1000.0, 1500.0))
    for secret in (token, newer):
        assert (await access.admit(bearer(secret), "chat")).key_id == record.id
    time.at = 1500.0
    assert (await access.admit(bearer(newer), "chat")).key_id == record.id
    assert isinstance(await refused(access, bearer(token)), InvalidApiKey)


async def test_a_key_of_several_tenants_names_one_and_no_other() -> None:
    token, record = made(tenants=("acme", "globex"))
    access, _, _ = door(record)
    assert (await access.admit(bearer(token), "chat")).tenant == "acme"
    assert (await access.admit(bearer(token, x_stepwell_tenant="globex"), "chat")).tenant == "globex"
    for tenant in ("initech", "", "*", "acme "):
        assert isinstance(await refused(access, bearer(token, x_stepwell_tenant=tenant)), PermissionDenied)


async def test_what_a_key_does_not_open_is_denied() -> None:
    token, record = made(scopes=("models",), routes=("support",), lanes=("interactive",))
    access, _, _ = door(record)
    assert isinstance(await refused(access, bearer(token), "chat"), PermissionDenied)
    caller = await access.admit(bearer(token), "models")
    caller.check_model("support")
    caller.check_lane("interactive")
    for deny in (
        lambda: caller.check_model("auto"),
        lambda: caller.check_model("large"),
        lambda: caller.check_lane("batch"),
    ):
        with pytest.raises(PermissionDenied):
            deny()


async def test_before_keys_are_read_nobody_is_called_unknown() -> None:
    token, record = made()
    access, keys, _ = door()
    keys.ready = False
    assert isinstance(await refused(access, bearer(token)), TransportUnavailable)
    keys.put(record)
    assert await access.admit(bearer(token), "chat")


async def test_more_requests_at_a_time_than_the_key_may_have_are_refused_until_one_ends() -> None:
    token, record = made(limits=KeyLimits(concurrent=2))
    access, _, _ = door(record)
    first, second = [await access.admit(bearer(token), "chat") for _ in range(2)]
    error = await refused(access, bearer(token))
    assert isinstance(error, RateLimited)
    assert error.retry_after_s
    assert first.done is not None
    first.done()
    third = await access.admit(bearer(token), "chat")
    for caller in (second, third):
        assert caller.done is not None
        caller.done()
    assert not access._quotas._running


async def test_more_requests_in_a_minute_than_the_key_may_have_are_refused() -> None:
    token, record = made(limits=KeyLimits(requests_per_minute=3, concurrent=100))
    access, _, _ = door(record)
    for _ in range(3):
        await access.admit(bearer(token), "chat")
    error = await refused(access, bearer(token))
    assert isinstance(error, RateLimited)
    assert error.rule == "key.requests"
    assert access._quotas._running == {record.id: 3}


async def test_tokens_that_were_used_count_against_the_minute_of_the_key() -> None:
    token, record = made(limits=KeyLimits(tokens_per_minute=100))
    access, _, _ = door(record)
    caller = await access.admit(bearer(token), "chat")
    assert access.counts_tokens(caller.key_id)
    access.used(caller.key_id, Usage(input_tokens=80, output_tokens=40))
    for task in set(access._quotas._settling):
        await task
    error = await refused(access, bearer(token))
    assert isinstance(error, RateLimited)
    assert error.rule == "key.tokens"


async def test_a_key_without_limits_counts_nothing() -> None:
    token, record = made()
    access, _, _ = door(record)
    caller = await access.admit(bearer(token), "chat")
    assert caller.done is None
    assert not access.counts_tokens(caller.key_id)
    assert await access.admit(bearer(token), "chat") is caller


async def test_no_log_holds_a_key(caplog: pytest.LogCaptureFixture) -> None:
    token, record = made()
    access, _, _ = door(record)
    with caplog.at_level(logging.DEBUG):
        await access.admit(bearer(token), "chat")
        error = await refused(access, bearer(token[:-1] + "_"))
    assert token[20:40] not in caplog.text + repr(error) + error.message
