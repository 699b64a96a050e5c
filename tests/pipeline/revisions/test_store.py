"""The bucket of policies: what is written once stays, and a change is one write. In memory and on a real server."""

import asyncio
import random
from pathlib import Path

import pytest
from policy_files import MODELS, swap, write
from revisions import Applier

from pipeline.errors import ChangeRefused, NotFound, TransportUnavailable, Unreadable
from pipeline.ports import Bucket, Entry, Link
from pipeline.revisions import Bundle, Current, RevisionStore
from pipeline.revisions.store import CURRENT


@pytest.fixture
def desk(link: Link, tmp_path: Path) -> Applier:
    return Applier(link.bucket("policy"), tmp_path)


async def test_at_first_there_is_nothing(desk: Applier) -> None:
    assert await desk.store.current() == (Current(), 0)
    assert await desk.store.history(Current()) == []


async def test_what_was_applied_comes_back_byte_by_byte(desk: Applier) -> None:
    made, _ = desk.bundle(3)
    done = await desk.apply(3)

    assert done.current.in_force is not None
    assert (await desk.store.bundle(done.current.in_force.bundle)).files == made.files


async def test_a_tokenizer_of_several_mebibytes_is_stored_in_parts_and_once(link: Link, tmp_path: Path) -> None:
    tokenizer = random.Random(7).randbytes(3 * 2**20)
    store, keys = RevisionStore(link.bucket("policy")), set[str]()
    for text in ("one", "two"):
        bundle = Bundle({"tokenizer.json": tokenizer, "limits.yaml": text.encode()})
        await store.put(bundle)
        assert (await store.bundle(bundle.digest)).files == bundle.files
        keys = {key for key in await link.bucket("policy").keys() if key.startswith("file.")}
    assert len(keys) == 6 + 2


async def test_the_history_is_whole_and_the_newest_comes_first(desk: Applier) -> None:
    for number in (2, 3, 2):
        await desk.apply(number)
    await desk.rollback()
    await desk.release()
    current, _ = await desk.store.current()

    events = await desk.store.history(current)

    assert [(event.number, event.kind) for event in events] == [
        (5, "release"), (4, "rollback"), (3, "apply"), (2, "apply"), (1, "apply"),
    ]  # fmt: skip
    assert [event.number for event in await desk.store.history(current, last=2)] == [5, 4]


async def test_applying_the_same_again_writes_nothing(desk: Applier, link: Link) -> None:
    await desk.apply(2)
    before = await desk.store.current()

    done = await desk.apply(2, who="bob")

    assert done.event is None
    assert await desk.store.current() == before


async def test_of_many_who_apply_at_once_those_who_lose_are_told(desk: Applier) -> None:
    desk.bundle(1)
    made = [desk.bundle(number) for number in range(2, 8)]
    from pipeline.revisions.changes import signed

    outcomes = await asyncio.gather(
        *(desk.desk.apply(*one, signed(f"p{place}", "mine", 1.0)) for place, one in enumerate(made)),
        return_exceptions=True,
    )

    won = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    lost = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(error, ChangeRefused) for error in lost)
    current, _ = await desk.store.current()
    assert [event.number for event in await desk.store.history(current)] == list(range(len(won), 0, -1))


async def test_a_change_that_was_decided_on_an_older_state_is_refused(desk: Applier) -> None:
    await desk.apply(2)
    current, seen = await desk.store.current()
    await desk.apply(3)

    with pytest.raises(ChangeRefused, match="meanwhile"):
        await desk.store.change(current, seen, current.model_copy(update={"number": 2}))


class Dying:
    """A bucket whose writer dies after so many writes."""

    def __init__(self, bucket: Bucket, writes: int) -> None:
        self._bucket = bucket
        self._left = writes
        self.keys = bucket.keys
        self.get = bucket.get
        self.watch = bucket.watch

    async def put(self, key: str, value: bytes, *, expected: int | None = None) -> int:
        if self._left == 0:
            raise TransportUnavailable("killed")
        self._left -= 1
        return await self._bucket.put(key, value, expected=expected)


@pytest.mark.parametrize("writes", range(14))
async def test_wherever_a_writer_dies_the_history_holds_what_is_in_force(
    link: Link, tmp_path: Path, writes: int
) -> None:
    bucket = link.bucket("policy")
    survivor, dying = Applier(bucket, tmp_path), Applier(Dying(bucket, writes), tmp_path)
    await survivor.apply(2)
    try:
        await dying.apply(3)
    except TransportUnavailable:
        assert (await survivor.store.current())[0].number == 1
    current, _ = await survivor.store.current()
    assert [event.number for event in await survivor.store.history(current)] == list(range(current.number, 0, -1))
    assert current.in_force is not None
    await survivor.store.bundle(current.in_force.bundle)
    await survivor.apply(4)
    current, _ = await survivor.store.current()
    assert [event.number for event in await survivor.store.history(current)] == list(range(current.number, 0, -1))


async def test_only_what_governed_has_a_name_that_a_request_may_call(desk: Applier) -> None:
    pair = "changes: {approvals: 1}\n"
    first = await desk.apply(2, pair)
    second = await desk.apply(3, pair)

    assert first.current.in_force is not None
    assert await desk.store.governed(first.current.in_force.revision) == first.current.in_force.bundle
    assert second.waits
    assert second.event is not None
    assert second.event.to is not None
    assert await desk.store.governed(second.event.to.revision) is None
    await desk.approve(second.event.to.revision)
    assert await desk.store.governed(second.event.to.revision) == second.event.to.bundle
    assert await desk.store.governed("no.such > thing") is None


async def test_a_history_without_what_is_in_force_is_told_and_not_taken_for_nothing(desk: Applier, link: Link) -> None:
    await link.bucket("policy").put("event.00000001", b"{}", expected=0)

    with pytest.raises(Unreadable, match="somebody deleted it"):
        await desk.store.current()


async def test_what_is_in_force_and_cannot_be_read_is_told(desk: Applier, link: Link) -> None:
    await link.bucket("policy").put(CURRENT, b"")

    with pytest.raises(Unreadable, match="cannot be read"):
        await desk.store.current()


async def test_a_missing_event_is_told(desk: Applier) -> None:
    await desk.apply(2)
    current, _ = await desk.store.current()

    with pytest.raises(Unreadable, match="event 2 of the history is missing"):
        await desk.store.history(current.model_copy(update={"number": 3, "last": None}))


async def test_a_file_that_somebody_changed_is_never_read(desk: Applier, link: Link) -> None:
    done = await desk.apply(2)
    bucket = link.bucket("policy")
    for key in await bucket.keys():
        if key.startswith("file."):
            stored = await bucket.get(key)
            assert isinstance(stored, Entry)
            await bucket.put(key, stored.value[:-1] + b"x")

    assert done.current.in_force is not None
    with pytest.raises(Unreadable, match="damaged"):
        await desk.store.bundle(done.current.in_force.bundle)
    with pytest.raises(Unreadable, match="somebody wrote over it"):
        await desk.apply(3)


async def test_a_part_that_is_not_there_is_told(desk: Applier) -> None:
    with pytest.raises(NotFound):
        await desk.store.bundle("0" * 64)


async def test_what_is_in_memory_is_not_fetched_again(desk: Applier, tmp_path: Path) -> None:
    models = swap(MODELS, "near: {target: near}", "near: {target: near, system: Be brief.}")
    bundle = Bundle.of_folder(write(tmp_path / "set", models=models))
    await desk.store.put(bundle)
    held = bundle.by_digest()

    again = await desk.store.bundle(bundle.digest, held)

    assert all(again.files[name] is bundle.files[name] for name in bundle.files)
