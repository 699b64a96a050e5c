"""A change of the files takes force while requests go on, or is refused and changes nothing."""

import logging
import threading
from pathlib import Path

import pytest
from policy_files import LIMITS, MODELS, swap, write

from pipeline.errors import PolicyInvalid
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.policy.source import KEPT, FixedPolicy, WatchedFolder


def tries(number: int) -> str:
    return LIMITS + f"retry: {{tries: {number}}}\n"


def test_a_fixed_policy_is_always_in_force(tmp_path: Path) -> None:
    policy = load_folder(write(tmp_path), {})
    source = FixedPolicy(policy)

    assert source.current() is policy
    assert source.revision(policy.revision) is policy
    assert source.revision("0" * 16) is None


def test_a_folder_that_is_wrong_at_the_start_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid):
        WatchedFolder(write(tmp_path, limits="kind: x"), {})


def test_a_change_takes_force_and_the_revision_before_can_still_be_had(tmp_path: Path) -> None:
    source = WatchedFolder(write(tmp_path), {})
    before = source.current()
    write(tmp_path, limits=tries(5))

    assert source.reload()

    assert source.current().limits.retry.tries == 5
    assert source.revision(before.revision) is before


def test_a_broken_change_is_refused_told_and_logged_and_the_last_good_revision_stays(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[PolicyInvalid] = []
    source = WatchedFolder(write(tmp_path), {}, on_refused=told.append)
    before = source.current()
    write(tmp_path, limits=tries(0))

    with caplog.at_level(logging.ERROR, "stepwell.policy"):
        assert not source.reload()

    assert source.current() is before
    assert source.trouble is not None
    assert "limits.yaml:3:16: retry.tries" in source.trouble
    assert [error.message for error in told] == [source.trouble]
    assert source.trouble in caplog.text


def test_the_trouble_is_over_once_the_files_are_right_again(tmp_path: Path) -> None:
    source = WatchedFolder(write(tmp_path), {})
    write(tmp_path, limits=tries(0))
    source.reload()
    write(tmp_path)

    assert source.reload()

    assert source.trouble is None


def test_a_folder_that_vanishes_leaves_the_policy_in_force(tmp_path: Path) -> None:
    folder = write(tmp_path / "set")
    source = WatchedFolder(folder, {})
    folder.rename(tmp_path / "elsewhere")

    assert not source.reload()
    assert source.current().routes


def test_the_last_revisions_are_kept_and_no_more(tmp_path: Path) -> None:
    source = WatchedFolder(write(tmp_path, limits=tries(1)), {})
    seen = [source.current().revision]
    for number in range(2, KEPT + 2):
        write(tmp_path, limits=tries(number))
        source.reload()
        seen.append(source.current().revision)

    assert [source.revision(digest) is not None for digest in seen] == [False] + [True] * KEPT


def test_a_revision_that_comes_back_is_the_newest_again(tmp_path: Path) -> None:
    source = WatchedFolder(write(tmp_path, limits=tries(1)), {})
    first = source.current().revision
    for number in (2, 1):
        write(tmp_path, limits=tries(number))
        source.reload()

    assert source.current().revision == first
    for number in range(3, KEPT + 2):
        write(tmp_path, limits=tries(number))
        source.reload()
    assert source.revision(first) is not None


def test_saving_a_file_is_enough(tmp_path: Path) -> None:
    changed, refused = threading.Event(), threading.Event()

    def on_changed(policy: Policy) -> None:
        if policy.limits.retry.tries == 7:
            changed.set()

    folder = write(tmp_path)
    source = WatchedFolder(folder, {}, on_changed=on_changed, on_refused=lambda _: refused.set())
    source.start()
    try:
        (folder / "limits.yaml").write_text(tries(7))
        assert changed.wait(20)
        (folder / "limits.yaml").write_text(swap(tries(7), "tries", "trise"))
        assert refused.wait(20)
        assert source.current().limits.retry.tries == 7
    finally:
        source.stop()


def test_a_file_below_the_folder_that_a_policy_names_is_watched_too(tmp_path: Path) -> None:
    changed = threading.Event()
    models = swap(MODELS, "near: {target: near}", "near: {target: near, system_file: prompts/near.txt}")
    (tmp_path / "prompts").mkdir()
    (tmp_path / "prompts" / "near.txt").write_text("Be brief.")
    source = WatchedFolder(write(tmp_path, models=models), {}, on_changed=lambda _: changed.set())
    source.start()
    try:
        (tmp_path / "prompts" / "near.txt").write_text("Be kind.")
        assert changed.wait(20)
    finally:
        source.stop()

    assert source.current().variants["near"].system == "Be kind."


def test_a_change_before_the_watch_has_begun_is_not_missed(tmp_path: Path) -> None:
    changed = threading.Event()
    source = WatchedFolder(write(tmp_path), {}, on_changed=lambda _: changed.set())
    write(tmp_path, limits=tries(7))
    source.start()
    try:
        assert changed.wait(20)
    finally:
        source.stop()

    assert source.current().limits.retry.tries == 7


def test_stopping_ends_the_watch(tmp_path: Path) -> None:
    """Of this source: others may still be watching, in threads of their own."""
    before = set(threading.enumerate())
    source = WatchedFolder(write(tmp_path), {})
    source.start()
    own = {thread for thread in threading.enumerate() if thread.name == "policies"} - before
    assert len(own) == 1
    source.stop()

    assert not own & set(threading.enumerate())
