"""With the permissions of deploy/: workers and the door follow the policy in force, and only an operator changes it."""

import logging
from pathlib import Path

import pytest
from revisions import Applier
from servers import NatsServer, nats_server, until

from pipeline.adapters.clock import SystemClock
from pipeline.layout import consumers
from pipeline.permissions import USERS, password_variable
from pipeline.revisions import AppliedPolicies
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.provision import apply, compare

ROOT = Path(__file__).resolve().parents[3]


async def as_user(server: NatsServer, user: str) -> NatsLink:
    settings = server.settings(STEPWELL_NATS_USER=user, STEPWELL_NATS_PASSWORD=f"p-{user}")
    return await connect(settings, name=user)


async def test_all_that_run_policies_follow_what_an_operator_applies_within_their_permissions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for user in USERS:
        monkeypatch.setenv(password_variable(user), f"p-{user}")
    caplog.set_level(logging.WARNING)
    with nats_server(tmp_path / "nats", ROOT / "deploy" / "nats" / "nats.conf") as server:
        provisioner, operator = await as_user(server, "provisioner"), await as_user(server, "cli")
        await apply(provisioner, await compare(provisioner, consumers()), consumers())
        desk = Applier(operator.bucket("policy"), tmp_path)
        first = (await desk.apply(1)).current.in_force
        assert first is not None
        for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 2):
            await desk.apply(number)
        followers = [
            await as_user(server, user) for user in ("classify", "plan", "escalate", "audit", "door", "allocate")
        ]
        sources = [AppliedPolicies(desk.folder, link.bucket("policy"), SystemClock(), {}) for link in followers]
        for source in sources:
            await source.start()
            assert await source.catch_up(first.revision) is not None
        await desk.apply(7)
        await until(lambda: all(source.current().limits.retry.tries == 7 for source in sources))
        await desk.rollback()
        current, _ = await desk.store.current()
        assert len(await desk.store.history(current)) == 13
        for source in sources:
            await source.stop()
        for link in (*followers, operator, provisioner):
            await link.close()
    assert not [record for record in caplog.records if "permissions violation" in record.getMessage().lower()]
