"""Policies that are applied in tests: small sets that differ in one number, and a desk in front of a bucket."""

from pathlib import Path

from policy_files import LIMITS, write

from pipeline.policy import Policy
from pipeline.ports import Bucket
from pipeline.revisions import Bundle, Desk, Done, RevisionStore
from pipeline.revisions.changes import signed


def tries(number: int, more: str = "") -> str:
    """A limits file of which `retry.tries` tells which revision it is (1 to 10)."""
    return LIMITS + f"retry: {{tries: {number}}}\n{more}"


def bundle(folder: Path, number: int, more: str = "") -> Bundle:
    return Bundle.of_folder(write(folder, limits=tries(number, more)))


class Applier:
    """Applies the small set to a bucket."""

    def __init__(self, bucket: Bucket, tmp_path: Path) -> None:
        self.store = RevisionStore(bucket)
        self.folder = write(tmp_path / "folder")
        self._drafts = tmp_path / "draft"
        self.desk = Desk(self.store, self.folder)

    def bundle(self, number: int, more: str = "") -> tuple[Bundle, Policy]:
        made = bundle(self._drafts, number, more)
        return made, made.policy({})

    async def apply(self, number: int, more: str = "", *, who: str = "ann", expect: str | None = None) -> Done:
        made, policy = self.bundle(number, more)
        return await self.desk.apply(made, policy, signed(who, f"try {number} times", float(number)), expect=expect)

    async def release(self, who: str = "ann") -> Done:
        return await self.desk.release(signed(who, "back to the folder", 99.0))

    async def rollback(self, word: str | None = None, who: str = "ann") -> Done:
        return await self.desk.rollback(word, signed(who, "it was worse", 99.0))

    async def approve(self, word: str, who: str = "bob") -> Done:
        return await self.desk.approve(word, signed(who, "looks right", 99.0))
