"""All examinations, in the order a person would make them."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from pipeline.embedded.doctor import installation, machine, services
from pipeline.embedded.doctor.finding import Finding, attention
from pipeline.embedded.doctor.lanes import lanes
from pipeline.embedded.here import environment_here
from pipeline.embedded.home import Home
from pipeline.embedded.options import Ports
from pipeline.embedded.state import running
from pipeline.settings import Settings

__all__ = ["examine"]


async def examine(home: Path | None, *, deep: bool = False) -> list[Finding]:
    """Look at everything. `deep` also reads the weights through, to compare their hashes."""
    environment = environment_here(home)
    settings = Settings.from_environment(environment)
    place = Home(settings.home)
    return [
        *(installation.python(), installation.packages(), *installation.programs()),
        await asyncio.to_thread(installation.nlp),
        *(machine.disk(place), machine.memory()),
        *await asyncio.to_thread(lambda: list(machine.weights(place, deep=deep))),
        *machine.ports(place),
        *await _reached(settings, environment, place),
    ]


async def _reached(settings: Settings, environment: dict[str, str], place: Home) -> list[Finding]:
    state = running(place.state)
    valid, policy = services.policies(settings, environment, datetime.now(UTC).date())
    found = (valid, installation.languages(policy.residency.scan.languages)) if policy else (valid,)
    if state is None and "STEPWELL_NATS" not in environment:
        counted = (*services.tokenizers(policy), *services.encoder(policy)) if policy else ()
        return [*found, *counted, attention("services", f"nothing runs in {place.root}", "start it with stepwell up")]
    monitor = (state.options.ports if state else Ports()).monitor
    bus = await services.nats(settings)
    disk: tuple[Finding, ...] = ()
    governs: tuple[Finding, ...] = ()
    taken: tuple[Finding, ...] = ()
    if bus[0].condition == "good":
        disk = (await services.durability(f"http://127.0.0.1:{monitor}"),)
        governs, policy = await services.in_force(settings, environment, policy)
        taken = await lanes(settings)
    seen = await services.workers(state.parts) if state else ()
    targets = (
        (*services.tokenizers(policy), *services.encoder(policy), *await services.endpoints(policy)) if policy else ()
    )
    return [*found, *bus, *disk, *governs, *taken, *seen, await services.valkey(settings, policy), *targets]
