"""What users of NATS may do with keys: an operator makes them, a door follows them and notes when they were used."""

import asyncio
import time
from pathlib import Path

import pytest
from keys_made import made
from servers import NatsServer, nats_server

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.keys import KeyBook, KeyStore
from pipeline.layout import consumers
from pipeline.permissions import USERS, password_variable, render_nats_conf
from pipeline.settings import Settings
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.provision import apply, compare


async def as_user(server: NatsServer, user: str) -> NatsLink:
    named = {"STEPWELL_NATS": server.url, "STEPWELL_NATS_USER": user, "STEPWELL_NATS_PASSWORD": f"p{user}"}
    return await connect(Settings.from_environment(named), name=user)


async def test_a_door_follows_keys_and_notes_their_use_as_its_own_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for user in USERS:
        monkeypatch.setenv(password_variable(user), f"p{user}")
    (tmp_path / "nats.conf").write_text(render_nats_conf())
    with nats_server(tmp_path / "nats", tmp_path / "nats.conf") as server:
        links = [await as_user(server, user) for user in ("provisioner", "cli", "door")]
        await apply(links[0], await compare(links[0], consumers()), consumers())
        store, book = KeyStore(links[1].bucket("keys")), KeyBook(links[2].bucket("keys"), SystemClock(), flush_s=0.05)
        _, record = made()
        await store.add(record)
        await book.start()
        assert book.find(record.id) == record
        book.used(record.id, time.time())
        await until_used(store, record.id)
        await book.stop()
        for link in links:
            await link.close()


async def until_used(store: KeyStore, public: str) -> None:
    async with asyncio.timeout(5):
        while await store.used_at(public) is None:
            await asyncio.sleep(0.02)


def test_nobody_but_an_operator_writes_a_key() -> None:
    writers = {
        user
        for user, granted in USERS.items()
        if any(subject in ("$KV.keys.>", "$KV.>", ">") for subject in granted.publish)
    }
    assert writers == {"cli"}
    assert "$KV.keys.used.*" in USERS["door"].publish
