"""Which policy governs a process: what was applied, else the folder; and never one that it cannot know or load."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from policy_files import MODELS, swap, write
from revisions import Applier, tries
from servers import NatsServer, provisioned, until

from pipeline.adapters.clock import SystemClock
from pipeline.errors import PolicyInvalid, TransportUnavailable
from pipeline.policy import Policy
from pipeline.ports import Bucket, Link
from pipeline.revisions import AppliedPolicies, Bundle
from pipeline.revisions.changes import KEPT, signed
from pipeline.revisions.store import CURRENT
from pipeline.transport.memory import MemoryLink

pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")


@pytest.fixture
def desk(link: Link, tmp_path: Path) -> Applier:
    return Applier(link.bucket("policy"), tmp_path)


@contextlib.asynccontextmanager
async def source(bucket: Bucket, folder: Path, **environment: str) -> AsyncIterator[AppliedPolicies]:
    policies = AppliedPolicies(folder, bucket, SystemClock(), environment, look_s=0.2)
    try:
        await policies.start()
        yield policies
    finally:
        await policies.stop()


def governs(policies: AppliedPolicies) -> int:
    return policies.current().limits.retry.tries


# ---------------------------------------------------------------- what governs


async def test_while_nothing_is_applied_the_folder_governs(desk: Applier, link: Link) -> None:
    async with source(link.bucket("policy"), desk.folder) as policies:
        assert governs(policies) == 3
        assert (policies.standing().origin, policies.standing().who) == ("folder", None)
        (desk.folder / "limits.yaml").write_text(tries(9))
        await until(lambda: governs(policies) == 9, 20)


async def test_what_is_applied_takes_force_while_the_process_runs_and_stays_so_whatever_the_folder_says(
    desk: Applier, link: Link
) -> None:
    async with source(link.bucket("policy"), desk.folder) as policies:
        await desk.apply(5)
        await until(lambda: governs(policies) == 5)
        (desk.folder / "limits.yaml").write_text(tries(9))
        await asyncio.sleep(1.0)
        assert governs(policies) == 5
        standing = policies.standing()
        assert (standing.origin, standing.who, standing.why, standing.trouble) == (
            "applied", "ann", "try 5 times", None,
        )  # fmt: skip


async def test_a_rollback_takes_force_and_a_release_hands_back_to_the_folder(desk: Applier, link: Link) -> None:
    async with source(link.bucket("policy"), desk.folder) as policies:
        await desk.apply(5)
        await desk.apply(6)
        await desk.rollback()
        await until(lambda: governs(policies) == 5)
        await desk.release()
        await until(lambda: governs(policies) == 3)
        assert policies.standing().origin == "folder"


async def test_a_process_that_starts_later_has_what_was_applied_and_what_governed_lately(
    desk: Applier, link: Link
) -> None:
    digests = []
    for number in range(1, KEPT + 2):
        done = await desk.apply(number)
        assert done.current.in_force is not None
        digests.append(done.current.in_force.revision)

    async with source(link.bucket("policy"), desk.folder) as policies:
        assert governs(policies) == KEPT + 1
        await until(lambda: all(policies.revision(digest) for digest in digests[1:]))
        assert policies.revision(digests[0]) is None


async def test_a_proposal_changes_nothing_in_force(desk: Applier, link: Link) -> None:
    await desk.apply(5, "changes: {approvals: 1}\n")
    async with source(link.bucket("policy"), desk.folder) as policies:
        done = await desk.apply(6)
        assert done.event is not None
        assert done.event.to is not None
        await asyncio.sleep(0.5)
        assert governs(policies) == 5
        await desk.approve(done.event.to.revision)
        await until(lambda: governs(policies) == 6)


# ---------------------------------------------------------------- requests end under the revision they began with


async def test_the_revision_before_can_still_be_had(desk: Applier, link: Link) -> None:
    async with source(link.bucket("policy"), desk.folder) as policies:
        folder = policies.current().revision
        await desk.apply(5)
        await until(lambda: governs(policies) == 5)
        fifth = policies.current().revision
        await desk.apply(6)
        await until(lambda: governs(policies) == 6)
        assert [policies.revision(digest) is not None for digest in (folder, fifth)] == [True, True]


async def test_memory_holds_those_that_governed_lately_and_a_few_more(tmp_path: Path) -> None:
    bucket = MemoryLink().bucket("policy")
    desk = Applier(bucket, tmp_path)
    async with source(bucket, desk.folder) as policies:
        digests = []
        for number in range(20):
            done = await desk.apply(number % 10 + 1, f"breaker: {{streak: {number + 1}}}\n")
            assert done.current.in_force is not None
            digests.append(done.current.in_force.revision)
            await until(lambda: policies.current().revision == digests[-1])
        await until(lambda: policies.revision(digests[0]) is None)
        held = [policies.revision(digest) is not None for digest in digests]
        assert held == [False] * (20 - len(policies._held)) + [True] * len(policies._held)
        assert KEPT <= len(policies._held) <= 2 * KEPT + 1


class Deaf:
    """A bucket whose watch hears nothing, until it is told to."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.get, self.put, self.keys = bucket.get, bucket.put, bucket.keys

    async def watch(self, key: str | None = None) -> AsyncIterator[None]:
        yield None
        await asyncio.Event().wait()


async def test_a_request_that_is_ahead_of_its_worker_brings_the_revision_along(desk: Applier, link: Link) -> None:
    policies = AppliedPolicies(desk.folder, Deaf(link.bucket("policy")), SystemClock(), {}, look_s=600)  # type: ignore[arg-type]
    await policies.start()
    try:
        done = await desk.apply(5)
        assert done.current.in_force is not None
        assert governs(policies) == 3
        found = await policies.catch_up(done.current.in_force.revision)
        assert found is policies.current()
        assert governs(policies) == 5
    finally:
        await policies.stop()


async def test_a_request_that_waited_for_long_ends_under_the_revision_it_began_with(desk: Applier, link: Link) -> None:
    first = (await desk.apply(1)).current.in_force
    assert first is not None
    for number in (2, 3, 4, 5, 6, 7, 8, 9, 10, 2):
        await desk.apply(number)
    async with source(link.bucket("policy"), desk.folder) as policies:
        found = await policies.catch_up(first.revision)
        assert found is not None
        assert (found.revision, found.limits.retry.tries) == (first.revision, 1)
        assert governs(policies) == 2
        assert policies.revision(first.revision) is found


async def test_what_was_only_proposed_is_never_loaded_for_a_request(desk: Applier, link: Link) -> None:
    await desk.apply(5, "changes: {approvals: 1}\n")
    done = await desk.apply(6)
    assert done.event is not None
    assert done.event.to is not None
    async with source(link.bucket("policy"), desk.folder) as policies:
        assert await policies.catch_up(done.event.to.revision) is None


async def test_a_revision_that_nobody_knows_is_asked_for_once_in_a_while(desk: Applier, link: Link) -> None:
    async with source(link.bucket("policy"), desk.folder) as policies:
        asked = 0
        fetch = policies._fetch

        async def counting(digest: str) -> Any:
            nonlocal asked
            asked += 1
            return await fetch(digest)

        policies._fetch = counting  # type: ignore[method-assign]
        for digest in ("f" * 16, "f" * 16, "../current", "f" * 16):
            assert await policies.catch_up(digest) is None
        assert asked == 2


# ---------------------------------------------------------------- what cannot be loaded never takes force


async def test_what_cannot_be_loaded_here_leaves_the_last_good_revision_and_is_told(
    desk: Applier, link: Link, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    models = swap(MODELS, "model: near-model", "model: ${ONLY_ELSEWHERE}")
    made = desk.bundle(6)[0]
    elsewhere = type(made)({**made.files, "models.yaml": models.encode()})
    async with source(link.bucket("policy"), desk.folder) as policies:
        await desk.apply(5)
        await until(lambda: governs(policies) == 5)
        with caplog.at_level(logging.ERROR, "stepwell.policy"):
            policy = elsewhere.policy({"ONLY_ELSEWHERE": "m"})
            await desk.desk.apply(elsewhere, policy, signed("ann", "needs a variable", 1.0))
            await until(lambda: policies.trouble is not None)
        assert governs(policies) == 5
        assert policies.trouble is not None
        assert "the variable ONLY_ELSEWHERE is not set" in policies.trouble
        assert policies.standing().trouble == policies.trouble
        assert "ONLY_ELSEWHERE" in caplog.text
        await desk.apply(7)
        await until(lambda: governs(policies) == 7)
        assert policies.trouble is None


async def test_what_cannot_be_loaded_here_is_not_tried_again_and_again(
    desk: Applier, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same files in the same environment: another try would end the same, and costs the worker its time."""
    made, policy = desk.bundle(6)
    tried: list[str] = []

    def refuse(self: Bundle, environment: object, name: str = "") -> Policy:
        tried.append(name)
        raise PolicyInvalid("a variable is not set")

    async with source(link.bucket("policy"), desk.folder) as policies:
        monkeypatch.setattr(Bundle, "policy", refuse)
        await desk.desk.apply(made, policy, signed("ann", "w", 1.0))
        await until(lambda: policies.trouble is not None)
        await asyncio.sleep(1.0)
        assert len(tried) == 1
        assert policies.trouble is not None


async def test_a_process_that_cannot_load_what_governs_takes_no_work_until_it_can(
    desk: Applier, link: Link, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from pipeline.revisions import source as module

    monkeypatch.setattr(module, "TELL_S", 0.1)
    made = desk.bundle(6)[0]
    models = swap(MODELS, "model: near-model", "model: ${ONLY_ELSEWHERE}")
    elsewhere = type(made)({**made.files, "models.yaml": models.encode()})
    await desk.desk.apply(elsewhere, elsewhere.policy({"ONLY_ELSEWHERE": "m"}), signed("ann", "w", 1.0))
    policies = AppliedPolicies(desk.folder, link.bucket("policy"), SystemClock(), {}, look_s=0.2)
    starting = asyncio.create_task(policies.start())
    await until(lambda: "no work is taken" in caplog.text and "ONLY_ELSEWHERE" in caplog.text)
    assert not starting.done()
    with pytest.raises(PolicyInvalid, match="not known yet"):
        policies.current()
    await desk.apply(7)
    await asyncio.wait_for(starting, 10)
    assert governs(policies) == 7
    await policies.stop()


async def test_with_something_applied_the_folder_may_be_wrong_or_missing(
    desk: Applier, link: Link, tmp_path: Path
) -> None:
    await desk.apply(5)
    async with source(link.bucket("policy"), tmp_path / "nowhere") as policies:
        assert governs(policies) == 5
        await desk.release()
        await until(lambda: policies.trouble is not None)
        assert governs(policies) == 5
        assert policies.trouble is not None
        assert "the folder governs and is wrong" in policies.trouble
        write(tmp_path / "nowhere", limits=tries(8))
        await until(lambda: governs(policies) == 8, 10)
        assert policies.trouble is None


async def test_with_nothing_applied_a_wrong_folder_ends_the_start(desk: Applier, link: Link, tmp_path: Path) -> None:
    policies = AppliedPolicies(write(tmp_path / "bad", limits="kind: x"), link.bucket("policy"), SystemClock(), {})
    with pytest.raises(PolicyInvalid, match="no such kind: x"):
        await policies.start()


async def test_a_pointer_that_somebody_deleted_never_hands_over_to_the_folder(desk: Applier, link: Link) -> None:
    async with source(link.bucket("policy"), desk.folder) as policies:
        await desk.apply(5)
        await until(lambda: governs(policies) == 5)
        await link.bucket("policy").put(CURRENT, b"")
        await until(lambda: policies.trouble is not None)
        assert governs(policies) == 5


async def test_a_server_that_lags_behind_takes_nothing_back(desk: Applier, link: Link) -> None:
    bucket = Away(link.bucket("policy"))
    bucket.back = True
    await desk.apply(5)
    old = await link.bucket("policy").get(CURRENT)
    policies = AppliedPolicies(desk.folder, bucket, SystemClock(), {}, look_s=0.05)
    await policies.start()
    await desk.apply(6)
    await until(lambda: governs(policies) == 6)
    bucket.answers = old
    await asyncio.sleep(0.5)
    assert governs(policies) == 6
    await policies.stop()


# ---------------------------------------------------------------- when NATS is away


class Away:
    """A bucket that does not answer until it is back."""

    def __init__(self, bucket: Bucket) -> None:
        self._bucket = bucket
        self.back = False
        self.answers: Any = None
        self.keys = bucket.keys

    async def get(self, key: str) -> Any:
        if not self.back:
            raise TransportUnavailable("away")
        return self.answers or await self._bucket.get(key)

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        return await self._bucket.put(key, value, expected=expected)

    async def watch(self, key: str | None = None) -> AsyncIterator[Any]:
        if not self.back:
            raise TransportUnavailable("away")
        async for entry in self._bucket.watch(key):
            yield entry


async def test_while_the_bucket_is_away_nothing_governs_and_the_folder_is_not_taken_instead(
    desk: Applier, link: Link
) -> None:
    await desk.apply(5)
    bucket = Away(link.bucket("policy"))
    policies = AppliedPolicies(desk.folder, bucket, SystemClock(), {}, look_s=0.2)
    starting = asyncio.create_task(policies.start())
    await asyncio.sleep(0.8)
    assert not starting.done()
    bucket.back = True
    await asyncio.wait_for(starting, 10)
    assert governs(policies) == 5
    await policies.stop()


async def test_a_trouble_that_passed_is_told_no_longer(desk: Applier, link: Link) -> None:
    await desk.apply(5)
    bucket = Away(link.bucket("policy"))
    bucket.back = True
    policies = AppliedPolicies(desk.folder, bucket, SystemClock(), {}, look_s=0.05)
    await policies.start()
    bucket.back = False
    await until(lambda: policies.standing().trouble == "away")
    bucket.back = True
    await until(lambda: policies.standing().trouble is None)
    assert governs(policies) == 5
    await policies.stop()


async def test_a_trouble_that_passed_hides_no_lasting_one(desk: Applier, link: Link) -> None:
    await desk.apply(5)
    bucket = Away(link.bucket("policy"))
    bucket.back = True
    policies = AppliedPolicies(desk.folder, bucket, SystemClock(), {}, look_s=0.05)
    await policies.start()
    policies._hopeless, policies._why_hopeless = policies._seen, "it cannot be loaded here"
    bucket.back = False
    await until(lambda: policies.standing().trouble == "away")
    bucket.back = True
    await until(lambda: policies.standing().trouble == "it cannot be loaded here")
    await policies.stop()


async def test_a_running_process_keeps_its_revision_while_nats_is_away_and_hears_of_changes_afterwards(
    nats: NatsServer, tmp_path: Path
) -> None:
    link = await provisioned(nats)
    desk = Applier(link.bucket("policy"), tmp_path)
    await desk.apply(5)
    async with source(link.bucket("policy"), desk.folder) as policies:
        nats.kill()
        await asyncio.sleep(0.5)
        assert governs(policies) == 5
        nats.start()
        await until(lambda: link.connected, 10)
        for _ in range(20):
            with contextlib.suppress(TransportUnavailable):
                await desk.apply(6)
                break
        await until(lambda: governs(policies) == 6, 10)
    await link.close()
