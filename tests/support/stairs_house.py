"""A cascade in one process with models that fail as a test says: a link in memory, scripted models over real HTTP."""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from policy_files import write

from pipeline.client import Client
from pipeline.contracts import AuditRecord
from pipeline.embedded.scripted.server import ScriptedServer
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy, PolicySource
from pipeline.settings import Settings
from pipeline.topology import STAGES
from pipeline.transport.memory import MemoryLink
from stages.app import build_worker

TARGET = """\
  {name}:
    endpoint: {url}
    model: "{model}"
    provider: local
    region: here
    jurisdiction: EU
    external: false
    context_window: 8192
    capabilities: [chat, logprobs, json_schema, stream]
    price: {{input: 1, output: 10, source: a list, as_of: "2026-01-31"}}
    slots: 16
    timeouts: {{connect: 1, first_token: 2, idle: 1, total: 5}}
"""
RESIDENCY = """\
apiVersion: stepwell/v1
kind: Residency
scan: {names: false}
classes:
  restricted: [SECRET]
"""


@dataclass
class House:
    """A running cascade, its models, and what it wrote down."""

    client: Client
    models: ScriptedServer
    link: MemoryLink

    def called(self) -> Mapping[str, int]:
        """Calls that each model answered in full."""
        return dict(self.models.ledger.stats()["billed"])  # type: ignore[call-overload]

    async def records(self) -> list[AuditRecord]:
        return [AuditRecord.model_validate_json(stored.body) async for stored in self.link.streams.scan("AUDIT")]


@dataclass
class Plans:
    """The policies: targets by name with the model that each plays, the tiers of the one route, and budgets if any."""

    targets: Mapping[str, str]
    tiers: Sequence[str]
    route: str = ""
    limits: str = "retry: {tries: 1}"
    urls: Mapping[str, str] = field(default_factory=dict)
    budgets: str = ""

    def files(self, url: str) -> dict[str, str]:
        targets = "".join(
            TARGET.format(name=name, model=model, url=self.urls.get(name, url)) for name, model in self.targets.items()
        )
        variants = "".join(f"  {name}: {{target: {name}}}\n" for name in self.targets)
        tiers = "".join(f"      - {tier}\n" for tier in self.tiers)
        head = "apiVersion: stepwell/v1\nkind: "
        paid = {"budgets": f"{head}Budgets\n{self.budgets}"} if self.budgets else {}
        return {
            **paid,
            "models": f"{head}Models\ntargets:\n{targets}variants:\n{variants}",
            "routes": f"{head}Routes\nroutes:\n  - name: chat\n    tiers:\n{tiers}{self.route}",
            "limits": f"{head}Limits\n{self.limits}\n",
            "residency": RESIDENCY,
        }


@contextlib.asynccontextmanager
async def house(
    tmp_path: Path,
    plans: Plans,
    valkey_url: str | None = None,
    source: Callable[[Path], PolicySource] = lambda folder: FixedPolicy(load_folder(folder, {})),
) -> AsyncIterator[House]:
    """Start it; everything in this process, with one worker for all stages. `source`: policies out of their folder."""
    link = MemoryLink()
    async with ScriptedServer() as server:
        policies = source(write(tmp_path / "policies", **plans.files(server.url)))
        settings = replace(Settings.from_environment({}), valkey_url=valkey_url, policies=tmp_path / "policies")
        worker = build_worker(list(STAGES), link, settings, policies)
        await worker.start()
        try:
            yield House(Client(link), server, link)
        finally:
            await worker.stop(1)
