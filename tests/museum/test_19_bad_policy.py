"""Museum 19: a bad policy file is refused whole and the last good one stays; unknown keys are errors.

The digest of the policy is on everything that a request leaves behind.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest
from policy_files import DEFAULTS, LIMITS
from stairs_house import House, Plans, house

from pipeline.contracts import Reply, Request
from pipeline.policy.load import check_bundle, read_folder
from pipeline.policy.source import PolicySource, WatchedFolder
from pipeline.policy.text import read_text
from pipeline.policy.validate import validated

PLANS = Plans({"first": "mini", "second": "maxi"}, ("{variants: {first: 1}}", "{variants: {second: 1}}"))
FREE = frozenset({"extra", "metadata", "thresholds", "user_tiers"})
"""Mappings whose keys are anybody's."""
NAMED = frozenset({"targets", "variants", "tenants", "special", "providers"})
"""Mappings from names to something: another key is another name."""
GOOD, BAD = LIMITS + "retry: {tries: 2}\n", LIMITS + "retry: {tries: 2}\nbreakr: {streak: 3}\n"


async def ask(home: House, text: str = "How deep is the well?") -> Reply:
    return await home.client.ask(Request(input=text, cache="off"))


async def test_while_a_bad_file_lies_there_requests_are_answered_under_the_last_good_revision(tmp_path: Path) -> None:
    folders: list[WatchedFolder] = []

    def watched(folder: Path) -> PolicySource:
        folders.append(WatchedFolder(folder, {}))
        return folders[0]

    async with house(tmp_path, PLANS, source=watched) as home:
        folder, limits = folders[0], tmp_path / "policies" / "limits.yaml"
        first = folder.current().revision
        before = await ask(home)

        limits.write_text(BAD)
        assert not folder.reload()
        assert folder.trouble is not None
        assert folder.trouble.endswith("limits.yaml:4:1: breakr: no such key (did you mean breaker?)")
        meanwhile = await ask(home)

        limits.write_text(GOOD)
        assert folder.reload()
        second = folder.current().revision
        after = await ask(home)

        assert first != second
        assert [reply.status for reply in (before, meanwhile, after)] == ["answered"] * 3
        assert [reply.policy_revision for reply in (before, meanwhile, after)] == [first, first, second]
        assert [record.policy_revision for record in await home.records()] == [first, first, second]


async def test_a_request_that_is_refused_carries_the_digest_too(tmp_path: Path) -> None:
    folders: list[WatchedFolder] = []

    def watched(folder: Path) -> PolicySource:
        folders.append(WatchedFolder(folder, {}))
        return folders[0]

    only = Plans({"first": "mini"}, ("{variants: {first: 1}}",), route="    max_price: {input: 1}\n")
    async with house(tmp_path, only, source=watched) as home:
        reply = await home.client.ask(Request(input="x" * 200_000))

        assert reply.status == "refused"
        assert reply.policy_revision == folders[0].current().revision
        assert [record.policy_revision for record in await home.records()] == [reply.policy_revision]


def test_of_a_set_with_one_bad_file_nothing_takes_force() -> None:
    files = read_folder(DEFAULTS)
    for name in files:
        wrong = {**files, name: files[name] + b"\nsurprise: 1\n"}
        checked = check_bundle(wrong, {})
        assert checked.policy is None
        assert [(one.file, one.path) for one in checked.problems] == [(name, "surprise")]


def mappings(value: Any, here: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every mapping with fixed keys."""
    if isinstance(value, list):
        return [path for at, child in enumerate(value) for path in mappings(child, (*here, at))]
    last = here[-1] if here else ""
    if not isinstance(value, dict) or last in FREE:
        return []
    fixed = last not in NAMED and last != "classes"
    below = [path for key, child in value.items() for path in mappings(child, (*here, key))]
    return [here, *below] if fixed else below


@pytest.mark.parametrize("name", sorted(path.name for path in DEFAULTS.glob("*.yaml")))
def test_an_unknown_key_is_an_error_wherever_it_stands(name: str) -> None:
    data = read_text(name, (DEFAULTS / name).read_bytes()).data

    for way in mappings(data):
        changed = orjson.loads(orjson.dumps(data))
        part = changed
        for step in way:
            part = part[step]
        part["surprise"] = 1
        document, problems = validated(read_text(name, orjson.dumps(changed)))
        assert document is None
        assert [one.text.startswith("no such key") for one in problems] == [True], way
