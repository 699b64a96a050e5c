"""Which policy is in force, as somebody sees it who stands beside: of the bucket, the folder, and each worker."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from policy_files import write
from prometheus_client import CollectorRegistry
from revisions import Applier
from servers import NatsServer, free_port, provisioned

from pipeline.embedded.doctor import services
from pipeline.embedded.in_force import in_force_here, sentence, standing_here, workers_see
from pipeline.embedded.state import PartState
from pipeline.errors import StepwellError
from pipeline.settings import Settings
from pipeline.telemetry.exposition import serve_metrics
from pipeline.telemetry.in_force import PolicyCollector


@dataclass
class Standing:
    revision: str = "a" * 16
    origin: str = "applied"
    trouble: str | None = None


def settings(folder: Path, url: str) -> Settings:
    return Settings.from_environment({"STEPWELL_NATS": url, "STEPWELL_POLICIES": str(folder)})


async def test_without_nats_it_is_the_folder_and_that_nobody_was_asked_is_known(tmp_path: Path) -> None:
    found = await in_force_here(settings(write(tmp_path), f"nats://127.0.0.1:{free_port()}"), {})

    assert (found.asked, found.standing.origin) == (False, "folder")
    assert sentence(found.standing) == f"the folder of policies governs, revision {found.policy.revision}"


async def test_what_is_applied_is_in_force_with_who_and_why(nats: NatsServer, tmp_path: Path) -> None:
    link = await provisioned(nats)
    desk = Applier(link.bucket("policy"), tmp_path)
    place = settings(desk.folder, nats.url)
    assert (await in_force_here(place, {})).standing.origin == "folder"
    assert await standing_here(place) is None
    assert sentence(None) == "the folder of policies governs"
    await desk.apply(5)

    found = await in_force_here(place, {})

    assert (found.asked, found.policy.limits.retry.tries) == (True, 5)
    assert sentence(found.standing) == f"policy revision {found.policy.revision} is in force, by ann: try 5 times"
    assert await standing_here(place) == found.standing
    (finding,), policy = await services.in_force(place, {}, None)
    assert (finding.condition, finding.sentence) == ("good", sentence(found.standing))
    assert policy is not None
    await link.close()


async def test_a_server_without_the_bucket_is_an_error_and_not_the_folder(nats: NatsServer, tmp_path: Path) -> None:
    place = settings(write(tmp_path), nats.url)

    with pytest.raises(StepwellError, match="stepwell provision"):
        await in_force_here(place, {})
    (finding,), policy = await services.in_force(place, {}, None)
    assert (finding.condition, policy) == ("problem", None)


async def test_a_worker_says_itself_what_it_runs_and_whether_a_newer_one_cannot_be_loaded() -> None:
    standing, registry, port = Standing(), CollectorRegistry(), free_port()
    registry.register(PolicyCollector(lambda: standing))
    server = await serve_metrics(port, ready=lambda: True, host="127.0.0.1", registry=registry)
    parts = [PartState("worker", "ready", port=port), PartState("nats", "ready", port=4222)]
    try:
        seen = await workers_see([*parts, PartState("worker-2", "gone", port=free_port())])
        assert list(seen) == ["worker"]
        assert (seen["worker"].revision, seen["worker"].origin, seen["worker"].trouble) == ("a" * 16, "applied", False)
        assert await services.workers(parts) == ()
        standing.trouble = "a variable is not set"
        assert (await workers_see(parts))["worker"].trouble
        (finding,) = await services.workers(parts)
        assert "a newer policy cannot be loaded by worker" in finding.sentence
    finally:
        await server.stop()


async def test_a_page_that_is_no_metrics_of_ours_says_nothing() -> None:
    port = free_port()
    server = await serve_metrics(port, ready=lambda: True, host="127.0.0.1", registry=CollectorRegistry())
    try:
        assert await workers_see([PartState("worker", "ready", port=port)]) == {}
    finally:
        await server.stop()
