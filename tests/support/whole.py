"""The whole cascade in one process, on real parts: nats-server, Valkey, the scripted models over HTTP."""

import contextlib
import shutil
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from ruamel.yaml import YAML
from servers import NatsServer, provisioned

from pipeline.adapters.clock import SystemClock
from pipeline.client import Client
from pipeline.contracts import AuditRecord, Lane, StageName
from pipeline.embedded.scripted.server import ScriptedServer
from pipeline.revisions import AppliedPolicies
from pipeline.settings import Settings
from pipeline.topology import LANES, STAGES
from pipeline.transport.nats import NatsLink, connect
from stages.app import build_worker

ROOT = Path(__file__).parents[2]


@dataclass
class Whole:
    """A running cascade and the ways to look at it."""

    link: NatsLink
    client: Client
    models: ScriptedServer
    policies: Path
    settings: Settings
    environment: Mapping[str, str] = field(default_factory=dict)
    sources: Sequence[AppliedPolicies] = ()

    def calls(self) -> Mapping[str, object]:
        return self.models.ledger.stats()

    async def records(self) -> list[AuditRecord]:
        return [AuditRecord.model_validate_json(stored.body) async for stored in self.link.streams.scan("AUDIT")]


def policies_for(folder: Path, small: str, large: str) -> Path:
    """The default policies with scripted models and without the names tier, which takes seconds to load."""
    shutil.copytree(ROOT / "policies", folder)
    yaml = YAML()
    models = yaml.load(folder / "models.yaml")
    for name, target in models["targets"].items():
        target["slots"] = 32
        if "embedding" not in target["capabilities"]:
            target["model"] = small if name == "small" else large
    yaml.dump(models, folder / "models.yaml")
    residency = yaml.load(folder / "residency.yaml")
    residency["scan"]["names"] = False
    yaml.dump(residency, folder / "residency.yaml")
    return folder


@contextlib.asynccontextmanager
async def whole(
    tmp_path: Path,
    nats: NatsServer,
    valkey_url: str,
    *,
    sets: Sequence[Sequence[StageName]] = (STAGES,),
    lanes: Sequence[Sequence[Lane]] = (LANES,),
    small: str = "mini",
    large: str = "maxi",
    models: ScriptedServer | None = None,
    change: Callable[[Path], None] = lambda _: None,
) -> AsyncIterator[Whole]:
    """Start everything; one worker for each set of stages and lanes, in this process. `change` may edit policies."""
    link = await provisioned(nats)
    async with models or ScriptedServer() as server:
        environment = {
            "STEPWELL_SMALL_URL": server.url,
            "STEPWELL_LARGE_URL": server.url,
            "STEPWELL_US_URL": server.url,
        }
        folder = policies_for(tmp_path / "policies", small, large)
        change(folder)
        settings = nats.settings(STEPWELL_VALKEY=valkey_url, STEPWELL_POLICIES=folder)
        async with contextlib.AsyncExitStack() as running:  # a test that fails leaves nothing running either
            running.push_async_callback(link.close)
            workers, sources = [], []
            for names, served in product(sets, lanes):
                own = await connect(settings, name="worker", patient=True)
                source = AppliedPolicies(folder, own.bucket("policy"), SystemClock(), environment)
                await source.start()
                worker = build_worker(list(names), own, settings, source, lanes=served)
                await worker.start()
                workers.append(worker)
                sources.append(source)
            for worker in workers:
                running.push_async_callback(worker.stop, 2)
            for source in sources:
                running.push_async_callback(source.stop)
            yield Whole(link, Client(link), server, folder, settings, environment, sources)
