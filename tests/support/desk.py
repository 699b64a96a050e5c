"""A command line in front of a real server, for tests of the verbs."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import ModuleType

import pytest
import typer
from click.testing import Result
from servers import NatsServer, provisioned
from typer.testing import CliRunner

from pipeline.ports import Link

Work = Callable[[Link], Awaitable[object]]


class Desk:
    """A command line in front of a server with all its streams."""

    def __init__(self, server: NatsServer, monkeypatch: pytest.MonkeyPatch, *groups: ModuleType) -> None:
        monkeypatch.setenv("STEPWELL_NATS", server.url)
        monkeypatch.setenv("COLUMNS", "200")
        self._server = server
        self._root = typer.Typer()
        for group in groups:
            group.register(self._root)

    def given(self, *works: Work) -> None:
        asyncio.run(self._given(*works))

    async def _given(self, *works: Work) -> None:
        link = await provisioned(self._server)
        try:
            for work in works:
                await work(link)
        finally:
            await link.close()

    def types(self, *words: str) -> Result:
        return CliRunner().invoke(self._root, list(words))

    def reads(self, *words: str, code: int = 0) -> object:
        result = self.types(*words, "--json")
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)
