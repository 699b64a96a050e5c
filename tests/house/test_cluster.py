"""The three-node profile of docker-compose.yml, on three real servers of this machine."""

import asyncio
import contextlib
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from servers import binary, free_port

from pipeline.errors import StepwellError
from pipeline.layout import consumers
from pipeline.permissions import USERS, password_variable
from pipeline.settings import Settings
from pipeline.transport.nats import NatsLink, connect
from pipeline.transport.nats.provision import apply, compare

ROOT = Path(__file__).resolve().parents[2]
NODES = ("nats-1", "nats-2", "nats-3")


@dataclass
class Node:
    """One server of the cluster, started with the configuration of deploy/ and ports of this test."""

    name: str
    store: Path
    port: int
    route: int
    routes: str
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        surroundings = {password_variable(user): f"p{user}" for user in USERS}
        surroundings |= {"STEPWELL_NATS_NODE": self.name, "STEPWELL_NATS_PASSWORD_ROUTE": "proute"}
        command = [binary("nats-server"), "--config", str(ROOT / "deploy" / "nats" / "cluster.conf")]
        command += ["--store_dir", str(self.store), "--routes", self.routes, "-a", "127.0.0.1", "-p", str(self.port)]
        command += ["--cluster_listen", f"nats://127.0.0.1:{self.route}"]
        self.process = subprocess.Popen(
            command, env={**os.environ, **surroundings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[list[Node]]:
    ports = {name: free_port() for name in NODES}
    routes = ",".join(f"nats://route:proute@127.0.0.1:{port}" for port in ports.values())
    made = [Node(name, tmp_path / name, free_port(), ports[name], routes) for name in NODES]
    for node in made:
        node.start()
    yield made
    for node in made:
        node.kill()


async def joined(node: Node, user: str) -> NatsLink:
    environment = {
        "STEPWELL_NATS": f"nats://127.0.0.1:{node.port}",
        "STEPWELL_NATS_USER": user,
        "STEPWELL_NATS_PASSWORD": f"p{user}",
    }
    return await connect(Settings.from_environment(environment), name=user, patient=True)


async def made(link: NatsLink) -> None:
    """Provision with three replicas, once the servers have found each other."""
    wanted = consumers()
    async with asyncio.timeout(40):
        while True:
            with contextlib.suppress(Exception):
                await apply(link, await compare(link, wanted, replicas=3), wanted, replicas=3)
                return
            await asyncio.sleep(0.5)


@pytest.mark.slow
async def test_what_was_confirmed_survives_the_death_of_any_server(nodes: list[Node]) -> None:
    """Each server is killed in turn while records are appended: every confirmed one is there afterwards."""
    provisioner = await joined(nodes[0], "provisioner")
    await made(provisioner)
    await provisioner.close()
    links = [await joined(node, "audit") for node in nodes]
    confirmed: list[str] = []
    for turn, node in enumerate(nodes):
        witness = links[(turn + 1) % len(nodes)]
        node.kill()
        for number in range(20):
            subject = f"result.default.r{turn}-{number}"
            async with asyncio.timeout(30):
                while subject not in confirmed:
                    with contextlib.suppress(StepwellError):
                        await witness.streams.append(subject, b"{}", once=subject)
                        confirmed.append(subject)
        node.start()
        await asyncio.sleep(3)
    for subject in confirmed:
        async with asyncio.timeout(30):
            while await found(links[0], subject) is None:
                await asyncio.sleep(0.2)
    assert len(confirmed) == 60
    for link in links:
        await link.close()


async def found(link: NatsLink, subject: str) -> object:
    with contextlib.suppress(StepwellError):
        return await link.streams.last(subject)
    return None
