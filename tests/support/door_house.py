"""The HTTP door before a cascade in memory whose models are scripted: everything but the transport is real."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import openai
from stairs_house import House, Plans, house

from pipeline.client import Client
from pipeline.embedded.scripted import server
from pipeline.embedded.scripted.answers import answer
from pipeline.gateway import Limits, build_door
from pipeline.gateway.server import listening
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Link

__all__ = ["Front", "door_on", "front"]


@dataclass
class Front:
    """A cascade, the address of its door, the official client before it, and what its models were sent."""

    home: House
    url: str
    official: openai.AsyncOpenAI
    bodies: list[dict[str, Any]]


@contextlib.asynccontextmanager
async def door_on(link: Link, policies: FixedPolicy) -> AsyncIterator[str]:
    """A door before a cascade that runs already; gives its address."""
    app = build_door(lambda tenant: Client(link, tenant), policies)
    runner = await listening(app, "127.0.0.1", 0, Limits(), grace_s=0.5)
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    await runner.cleanup()


@contextlib.asynccontextmanager
async def front(
    tmp_path: Path, plans: Plans, valkey_url: str | None = None, change: Callable[[Path], None] = lambda _: None
) -> AsyncIterator[Front]:
    """Start cascade and door, and the official client before them. `change` may edit the policies before."""
    made: list[FixedPolicy] = []

    def source(folder: Path) -> FixedPolicy:
        change(folder)
        made.append(FixedPolicy(load_folder(folder, {})))
        return made[0]

    bodies: list[dict[str, Any]] = []

    def noted(body: dict[str, Any], *others: Any) -> Any:
        bodies.append(body)
        return answer(body, *others)

    with mock.patch.object(server, "answer", noted):
        async with (
            house(tmp_path, plans, valkey_url, source=source) as home,
            door_on(home.link, made[0]) as url,
            openai.AsyncOpenAI(base_url=url, api_key="none", max_retries=0) as official,
        ):
            yield Front(home, url, official, bodies)
