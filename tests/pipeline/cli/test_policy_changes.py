"""`stepwell policy diff, apply, rollback, approve, release, history`, typed in front of a real server."""

from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from policy_files import MODELS, ROUTES, swap, write
from revisions import tries
from servers import NatsServer

from pipeline.cli import policy
from pipeline.errors import StepwellError
from pipeline.policy.load import load_folder


class Town(Desk):
    """The desk, with a folder that governs and a draft of another policy."""

    def __init__(self, nats: NatsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        super().__init__(nats, monkeypatch, policy)
        self.draft = tmp_path / "draft"
        self.folder = write(tmp_path / "folder")
        monkeypatch.setenv("STEPWELL_POLICIES", str(self.folder))
        monkeypatch.setenv("STEPWELL_HOME", str(tmp_path / "home"))
        monkeypatch.setenv("STEPWELL_WHO", "ann")

    def drafts(self, number: int, more: str = "") -> str:
        """Write a draft; return the revision it will have."""
        return load_folder(write(self.draft, limits=tries(number, more)), {}).revision

    def applies(self, number: int, more: str = "", *words: str) -> str:
        revision = self.drafts(number, more)
        done = self.types("policy", "apply", str(self.draft), "--why", f"try {number} times", *words)
        assert done.exit_code == 0, done.output
        return revision


@pytest.fixture
def town(nats: NatsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Town:
    town = Town(nats, monkeypatch, tmp_path)
    town.given()
    return town


def history(town: Town) -> Any:
    return town.reads("policy", "history")


def test_at_first_the_folder_governs_and_there_is_no_history(town: Town) -> None:
    assert history(town) == {"in_force": "folder", "events": [], "proposals": []}
    assert "the folder governs, no changes in all" in town.types("policy", "history").stdout


def test_a_difference_is_told_in_words_and_as_data(town: Town) -> None:
    town.drafts(5)

    shown = town.types("policy", "diff", str(town.draft))
    assert "the folder in force → " in shown.stdout
    assert "1 changed" in shown.stdout
    assert "~ limits retry changed\n    tries: 3 → 5" in shown.stdout
    found: Any = town.reads("policy", "diff", str(town.draft))
    assert found["differences"] == [
        {
            "what": "limits",
            "name": "retry",
            "how": "changed",
            "details": [{"path": "tries", "before": 3, "after": 5}],
        }
    ]


def test_a_difference_can_be_told_line_by_line(town: Town) -> None:
    town.drafts(5)

    shown = town.types("policy", "diff", str(town.draft), "--text").stdout

    assert "--- a/limits.yaml" in shown
    assert "+retry: {tries: 5}" in shown


def test_two_folders_are_compared_without_a_server(
    town: Town, nats: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    town.drafts(5)
    nats.stop()

    shown = town.types("policy", "diff", str(town.draft), "--against", str(town.folder))

    assert shown.exit_code == 0
    assert "tries: 3 → 5" in shown.stdout


def test_an_apply_says_what_changes_and_is_in_the_history_with_who_and_why(town: Town) -> None:
    revision = town.drafts(5)

    done = town.types("policy", "apply", str(town.draft), "--why", "slow evenings")

    assert "tries: 3 → 5" in done.stdout
    assert f"done: revision {revision} is in force" in done.stdout
    (event,) = history(town)["events"]
    assert (event["who"], event["why"], event["what"], event["revision"], event["in_force"]) == (
        "ann", "slow evenings", "apply", revision, revision,
    )  # fmt: skip
    table = town.types("policy", "history").stdout
    assert revision in table
    assert "slow evenings" in table


def test_a_key_in_a_prompt_is_neither_applied_nor_shown(town: Town) -> None:
    key = "sk-" + "proj-" + "a8Kd93jfL2mQ0xZr7TyVbN4wEuHs6GcP1oI5"
    write(town.draft, models=swap(MODELS, "{target: far}", f"{{target: far, system: use {key}}}"))

    refused = town.types("policy", "apply", str(town.draft), "--why", "x")
    told = town.types("policy", "diff", str(town.draft))
    lines = town.types("policy", "diff", str(town.draft), "--text")

    assert refused.exit_code == 1
    assert "models.yaml:22:34: this looks like a key" in refused.stderr
    assert "***" in told.stdout
    assert "***" in lines.stdout
    assert key not in refused.output + told.output + lines.output
    assert history(town)["events"] == []


def test_a_reason_is_shown_as_it_was_written(town: Town) -> None:
    town.drafts(6)
    assert town.types("policy", "apply", str(town.draft), "--why", ":100: [b]").exit_code == 0
    assert ":100: [b]" in town.types("policy", "history").stdout


def test_show_says_what_is_in_force_and_where_it_is_from(town: Town) -> None:
    shown: Any = town.reads("policy", "show")
    assert shown["origin"] == "folder"
    revision = town.applies(5)

    shown = town.reads("policy", "show")
    assert (shown["revision"], shown["origin"]) == (revision, "applied")
    told = town.types("policy", "show").stdout
    assert f"policy revision {revision} is in force, by ann: try 5 times" in told
    named: Any = town.reads("policy", "show", str(town.folder))
    assert named["revision"] != revision
    assert named["origin"] is None


def test_the_same_files_again_change_nothing(town: Town) -> None:
    revision = town.applies(5)

    again = town.types("policy", "apply", str(town.draft), "--why", "again")

    assert f"nothing was changed: revision {revision} is in force" in again.stdout
    assert len(history(town)["events"]) == 1


def test_a_wrong_folder_is_refused_whole_and_every_problem_is_named(town: Town) -> None:
    write(town.draft, routes=swap(ROUTES, "{near: 1}", "{naer: 1}"), models=swap(MODELS, "here", "[here"))

    refused = town.types("policy", "apply", str(town.draft), "--why", "x")

    assert refused.exit_code == 1
    assert "policy_invalid" in refused.stderr
    assert "models.yaml" in refused.stderr
    assert history(town)["events"] == []


def test_an_apply_that_expects_something_else_is_refused(town: Town) -> None:
    town.applies(5)
    town.drafts(6)

    refused = town.types("policy", "apply", str(town.draft), "--why", "x", "--expect", "folder")

    assert refused.exit_code == 1
    assert "change_refused" in refused.stderr
    assert "is in force and not folder" in refused.stderr


def test_why_is_asked_for(town: Town) -> None:
    town.drafts(5)

    assert town.types("policy", "apply", str(town.draft)).exit_code == 2
    blank = town.types("policy", "apply", str(town.draft), "--why", " ")
    assert "why: say why" in blank.stderr


def test_a_rollback_goes_to_the_last_but_one_or_to_the_beginning_of_a_name(town: Town) -> None:
    first, second, third = town.applies(5), town.applies(6), town.applies(7)

    back = town.types("policy", "rollback", "--why", "worse")
    assert f"done: revision {second} is in force" in back.stdout
    assert "tries: 7 → 6" in back.stdout
    named: Any = town.reads("policy", "rollback", third[:6], "--why", "better after all", "--who", "bob")
    assert (named["in_force"], named["event"]["who"], named["event"]["what"]) == (third, "bob", "rollback")
    assert [event["in_force"] for event in history(town)["events"]] == [third, second, third, second, first]


def test_a_revision_that_nobody_knows_is_told(town: Town) -> None:
    town.applies(5)

    assert "not_found" in town.types("policy", "rollback", "ffff0000", "--why", "x").stderr
    assert "at least 4 digits" in town.types("policy", "rollback", "ff", "--why", "x").stderr


def test_a_folder_and_a_word_are_no_revisions_to_go_back_to(town: Town) -> None:
    town.applies(5)

    word = town.types("policy", "rollback", "nowhere", "--why", "x").stderr
    assert "nowhere is no revision that was in force" in word
    assert "folder" not in word
    folder = town.types("policy", "rollback", str(town.draft), "--why", "x").stderr
    assert f"is a folder, which takes force by `stepwell policy apply {town.draft}`" in " ".join(folder.split())
    assert "policy release" in town.types("policy", "rollback", "folder", "--why", "x").stderr


def test_a_rollback_after_a_release_and_an_apply_goes_to_what_governed_before(town: Town) -> None:
    first = town.applies(5)
    town.types("policy", "release", "--why", "by GitOps")
    town.applies(6)

    assert f"done: revision {first} is in force" in town.types("policy", "rollback", "--why", "worse").stdout


def test_a_revision_of_the_history_can_be_compared(town: Town) -> None:
    first = town.applies(5)
    town.applies(6)

    shown = town.types("policy", "diff", first[:8])

    assert "tries: 6 → 5" in shown.stdout


def test_where_two_are_needed_the_second_puts_it_into_force(town: Town) -> None:
    governs = town.applies(5, "changes: {approvals: 1}\n")
    proposed = town.drafts(6)

    asked = town.types("policy", "apply", str(town.draft), "--why", "please")
    assert f"stepwell policy approve {proposed}" in asked.stdout
    assert history(town)["in_force"] == governs
    waiting: Any = town.reads("policy", "approve")
    assert [(row["revision"], row["who"], row["why"]) for row in waiting] == [(proposed, "ann", "please")]
    assert proposed in town.types("policy", "approve").stdout

    himself = town.types("policy", "approve", proposed)
    assert himself.exit_code == 1
    assert "somebody else must approve it" in himself.stderr
    approved = town.types("policy", "approve", proposed[:6], "--who", "bob", "--why", "read it")
    assert "tries: 5 → 6" in approved.stdout
    assert f"done: revision {proposed} is in force" in approved.stdout
    event = history(town)["events"][0]
    assert (event["what"], event["who"], event["consent"]) == ("approve", "bob", ["bob"])
    assert "nothing waits" in town.types("policy", "approve").stdout


def test_what_was_proposed_and_never_in_force_is_no_place_to_go_back_to(town: Town) -> None:
    town.applies(5, "changes: {approvals: 1}\n")
    proposed = town.applies(6)

    refused = town.types("policy", "rollback", proposed, "--why", "a way around")

    assert refused.exit_code == 1
    assert "never in force" in refused.stderr


def test_a_release_hands_back_to_the_folder(town: Town) -> None:
    town.applies(5)

    done = town.types("policy", "release", "--why", "by GitOps")

    assert "done: the folder governs" in done.stdout
    assert history(town)["in_force"] == "folder"


def test_a_desk_without_keys_can_apply_and_is_told_what_workers_need(town: Town) -> None:
    models = swap(MODELS, "endpoint: http://127.0.0.1:2/v1", "endpoint: ${FAR_URL}\n    api_key: ${FAR_KEY}")
    write(town.draft, models=models)

    done = town.types("policy", "apply", str(town.draft), "--why", "x")

    assert done.exit_code == 0
    assert "needed where workers run: FAR_KEY, FAR_URL" in done.stdout


def test_at_a_terminal_it_is_asked_before_and_no_means_no(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.cli import policy_office

    town.drafts(5)

    class Terminal:
        def isatty(self) -> bool:
            return True

    asked: list[str] = []

    def confirm(question: str, abort: bool) -> None:
        asked.append(question)
        raise StepwellError("no")

    monkeypatch.setattr(policy_office.sys, "stdin", Terminal())
    monkeypatch.setattr(policy_office.typer, "confirm", confirm)
    assert policy_office.agreed("sure?", yes=True) is None
    with pytest.raises(StepwellError):
        policy_office.agreed("sure?", yes=False)
    assert asked == ["sure?"]


def test_two_who_apply_at_once_do_not_both_win_silently(town: Town) -> None:
    """The second one saw another difference than it would make."""
    first = town.applies(5)
    town.applies(6)
    town.drafts(7)

    refused = town.types("policy", "apply", str(town.draft), "--why", "x", "--expect", first)

    assert refused.exit_code == 1
    assert "look at the difference again" in refused.stderr
