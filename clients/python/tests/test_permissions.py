"""The client as a NATS user of one tenant, with the rendered permissions: what it may do, and what it may not."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from servers import NatsServer, nats_server
from small_cascade import SmallCascade

from pipeline.layout import consumers
from pipeline.permissions import USERS, password_variable, render_nats_conf, tenant, user_of
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.provision import apply, compare
from stepwell import AsyncClient, Client, NotPermitted, Unreachable

PASSWORD = "letters"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    """A nats-server with the users of deploy/, and one of a tenant."""
    folder = tmp_path_factory.mktemp("guarded")
    users = render_nats_conf().replace("  users: [\n", "  users: [\n" + user_of("tenant_shop", tenant("shop")))
    (folder / "nats.conf").write_text(users)
    with pytest.MonkeyPatch.context() as patch:
        for user in (*USERS, "tenant_shop"):
            patch.setenv(password_variable(user), PASSWORD)
        with nats_server(folder / "store", folder / "nats.conf") as server:
            yield server


async def as_user(server: NatsServer, user: str) -> NatsLink:
    return await connect(server.settings(STEPWELL_NATS_USER=user, STEPWELL_NATS_PASSWORD=PASSWORD), name=user)


@asynccontextmanager
async def running(server: NatsServer) -> AsyncIterator[SmallCascade]:
    link = await as_user(server, "provisioner")
    wanted = consumers(ack_wait_s=1.0)
    await apply(link, await compare(link, wanted), wanted)
    await link.close()
    async with SmallCascade(server, await as_user(server, "fused")) as cascade:
        yield cascade


def shop(server: NatsServer, **options: object) -> AsyncClient:
    user = {"user": "tenant_shop", "password": PASSWORD, **options}
    return AsyncClient(server.url, **{"tenant": "shop", **user})  # type: ignore[arg-type]


async def test_a_tenants_user_may_do_all_that_a_caller_does(
    guarded: NatsServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(guarded) as cascade, shop(guarded) as client:
        cascade.pieces = ["he"]
        assert (await client.ask("hello")).content == "hello"
        assert [getattr(item, "text", None) for item in [each async for each in client.stream("hello")]][:1] == ["he"]
        reply = await client.wait(await client.submit("hello"))
        assert await client.outcome(reply.id, 1.0)
        await client.cancel("r1")
    assert not [record for record in caplog.records if "permissions" in record.getMessage().lower()]


async def test_it_may_not_write_into_the_bucket_that_holds_everybodys_large_bodies(guarded: NatsServer) -> None:
    """Whoever may write there may remove what others left."""
    async with running(guarded), shop(guarded) as client:
        with pytest.raises(NotPermitted):
            await client.submit("x" * 2_000_000)


async def test_it_may_ask_for_no_other_tenant_and_read_no_log(guarded: NatsServer) -> None:
    other = shop(guarded, tenant="other", inbox_prefix="_INBOX_tenant.shop")
    async with running(guarded), other, shop(guarded) as client:
        with pytest.raises(NotPermitted):
            await other.ask("hello")
        with pytest.raises(NotPermitted):
            await other.result("r1")
        with pytest.raises(NotPermitted):
            _ = [record async for record in client.audit()]


async def test_who_may_read_the_log_reads_the_records_of_its_tenant(guarded: NatsServer, root: Path) -> None:
    example = (root / "schemas" / "examples" / "audit_record" / "1.0" / "accepted").glob("*.json")
    raw = sorted(example)[0].read_bytes()
    async with running(guarded):
        writer = await as_user(guarded, "fused")
        for name in ("shop", "other", "shop"):
            await writer.streams.append(f"audit.{name}.decision", raw)
        reader = {"user": "auditor", "password": PASSWORD, "inbox_prefix": "_INBOX_auditor"}
        async with AsyncClient(guarded.url, tenant="shop", **reader) as client:  # type: ignore[arg-type]
            records = [record async for record in client.audit()]
            later = [record async for record in client.audit(after=records[0].sequence)]

        def program() -> list[int]:
            with Client(guarded.url, tenant="shop", **reader) as client:  # type: ignore[arg-type]
                return [record.sequence for record in client.audit()]

        sync = await asyncio.get_running_loop().run_in_executor(None, program)
        await writer.close()
    assert [record.raw for record in records] == [raw, raw]
    assert sync == [record.sequence for record in records]
    assert [record.sequence for record in later] == sync[1:]


async def test_a_wrong_password_is_said_to_be_so(guarded: NatsServer) -> None:
    with pytest.raises(Unreachable, match=r"(?i)authorization"):
        async with shop(guarded, password="wrong", connect_timeout_s=1.0):
            pass
