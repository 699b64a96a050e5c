"""`stepwell policy` says what is wrong, what is in force, and what it would do."""

import asyncio
import json
from pathlib import Path

import pytest
import typer
from policy_files import MODELS, RESIDENCY, ROUTES, swap, write
from typer.testing import CliRunner, Result

from pipeline.adapters.pii import TieredScanner
from pipeline.cli import policy as policy_cli
from pipeline.cli import policy_explain
from pipeline.cli.policy import register
from pipeline.contracts import Request
from pipeline.disclosure.units import units_of
from pipeline.policy import Policy
from pipeline.policy.load import load_folder
from pipeline.ports import ScanReport
from stages.plan import again


def stepwell(*words: str | Path) -> Result:
    root = typer.Typer()
    register(root, again)
    return CliRunner().invoke(root, ["policy", *map(str, words)])


def test_check_says_the_revision_and_what_there_is(tmp_path: Path) -> None:
    result = stepwell("check", write(tmp_path))

    assert result.exit_code == 0
    assert "1 routes, 2 targets, 1 residency rules" in result.stdout


def test_check_prints_every_problem_and_ends_with_1(tmp_path: Path) -> None:
    folder = write(
        tmp_path, routes=swap(ROUTES, "match", "macth"), residency=swap(RESIDENCY, "req.data_class", "req.[red]class")
    )

    result = stepwell("check", folder)

    assert result.exit_code == 1
    assert "routes.yaml:5:5: routes[0].macth: no such key (did you mean match?)" in result.stdout
    assert "residency.yaml:8:34: rules[0].when:" in result.stdout
    assert "2 to mend" in result.stdout


def test_a_place_in_line_100_is_a_place(tmp_path: Path) -> None:
    """Between two colons many a number and word names a picture."""
    before = "#\n" * (99 - ROUTES[: ROUTES.index("match")].count("\n"))
    folder = write(tmp_path, routes=before + swap(ROUTES, "match", "macth"))

    assert "routes.yaml:100:5: routes[0].macth: no such key" in stepwell("check", folder).stdout


def test_check_finds_a_key_in_a_comment_and_show_hides_one_in_an_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "sk-" + "proj-" + "a8Kd93jfL2mQ0xZr7TyVbN4wEuHs6GcP1oI5"
    refused = stepwell("check", write(tmp_path / "one", models=f"# {key}\n{MODELS}"))

    assert refused.exit_code == 1
    assert "models.yaml:1:3: this looks like a key" in refused.stdout
    assert key not in refused.output

    monkeypatch.setenv("NEAR_KEY", "hunter22")
    models = swap(MODELS, "http://127.0.0.1:1/v1", "http://127.0.0.1:1/v1?api-key=${NEAR_KEY}")
    shown = stepwell("show", write(tmp_path / "two", models=models), "--json")
    assert "http://127.0.0.1:1/v1?api-key=***" in shown.stdout
    assert "hunter22" not in shown.output


def test_check_warns_about_what_was_not_said_and_ends_well(tmp_path: Path) -> None:
    folder = write(tmp_path, residency=swap(RESIDENCY, '!= "public"', '== "internal"'))

    result = stepwell("check", folder)

    assert result.exit_code == 0
    assert result.stdout.count("warning:") == 2


def test_check_speaks_json(tmp_path: Path) -> None:
    result = stepwell("check", write(tmp_path, routes=swap(ROUTES, "match", "macth")), "--json")

    found = json.loads(result.stdout)
    assert result.exit_code == 1
    assert found["revision"] is None
    assert (found["problems"][0]["line"], found["problems"][0]["path"]) == (5, "routes[0].macth")


def test_a_folder_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    result = stepwell("check", tmp_path / "absent")

    assert result.exit_code == 1
    assert "there is no such folder" in result.output


def test_show_lists_routes_and_targets(tmp_path: Path) -> None:
    found = json.loads(stepwell("show", write(tmp_path), "--json").stdout)

    assert [(route["route"], route["tiers"]) for route in found["routes"]] == [("chat", "near > far")]
    assert [target["target"] for target in found["targets"]] == ["near", "far"]
    assert "near > far" in stepwell("show", tmp_path).stdout


def test_show_never_shows_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STEPWELL_TEST_KEY", "hunter2")
    write(tmp_path)
    models = (tmp_path / "models.yaml").read_text()
    (tmp_path / "models.yaml").write_text(swap(models, "model: near", "api_key: ${STEPWELL_TEST_KEY}\n    model: near"))

    for words in (["show"], ["show", "--json"], ["check"], ["explain", "--folder"]):
        result = stepwell(*words, tmp_path)
        assert result.exit_code == 0, result.output
        assert "hunter2" not in result.output


def test_explain_says_the_route_and_what_each_target_may_see(tmp_path: Path) -> None:
    folder = write(tmp_path)

    found = json.loads(
        stepwell("explain", "data_class=confidential", "types=PERSON,EMAIL", "--folder", folder, "--json").stdout
    )

    assert found["route"] == "chat"
    assert {row["target"]: (row["action"], row["rule"]) for row in found["targets"]} == {
        "near": ("allow", None),
        "far": ("deny", "stays"),
    }


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("orign=EU", "did you mean origin?"),
        ("origin", "name=value"),
        ("lane=slow", "lane: "),
        ("characters=x", "chara"),
    ],
)
def test_a_fact_that_there_is_not_is_one_sentence(tmp_path: Path, word: str, said: str) -> None:
    result = stepwell("explain", word, "--folder", write(tmp_path))

    assert result.exit_code == 1
    assert said in result.output


def test_the_class_and_what_is_special_follow_from_the_types(tmp_path: Path) -> None:
    text = swap(RESIDENCY, "rules:", "special: {body: [SECRET]}\nrules:")
    folder = write(tmp_path, residency=text)

    found = json.loads(stepwell("explain", "types=SECRET", "--folder", folder, "--json").stdout)

    assert (found["data_class"], found["special"]) == ("restricted", ["body"])
    assert [row["action"] for row in found["targets"]] == ["allow", "deny"]


def test_a_scan_that_failed_is_restricted_data(tmp_path: Path) -> None:
    found = json.loads(stepwell("explain", "scan=failed", "--folder", write(tmp_path), "--json").stdout)

    assert found["data_class"] == "restricted"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["types=EMIAL"], "did you mean EMAIL?"),
        (["special=helth"], "knows helth"),
        (["types=PERSON", "data_class=public"], "is confidential, not public"),
    ],
)
def test_facts_that_no_request_can_have_are_refused(tmp_path: Path, words: list[str], said: str) -> None:
    result = stepwell("explain", *words, "--folder", write(tmp_path))

    assert result.exit_code == 1
    assert said in result.output


def test_what_cannot_be_hidden_is_refused_as_it_is_for_a_request(tmp_path: Path) -> None:
    text = swap(RESIDENCY, "action: deny", "action: mask")
    folder = write(tmp_path, residency=text)

    found = json.loads(stepwell("explain", "scan=failed", "--folder", folder, "--json").stdout)["targets"][1]

    assert (found["action"], found["may serve"], found["rule"]) == ("deny", False, "stays")
    assert found["reason"] == "personal data cannot be hidden from it: the scan failed"


def test_the_revision_is_that_of_the_running_stepwell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write(tmp_path)
    models = (folder / "models.yaml").read_text()
    (folder / "models.yaml").write_text(swap(models, "model: near-model", "model: ${STEPWELL_TEST_MODEL:-plain}"))
    environment = {"STEPWELL_TEST_MODEL": "of-the-worker"}
    monkeypatch.setattr(policy_cli, "environment_here", lambda: environment)

    assert (
        json.loads(stepwell("check", folder, "--json").stdout)["revision"] == load_folder(folder, environment).revision
    )


# ---------------------------------------------------------------- explain with a text


MAIL = "odalys@example.org"
TRANSFORM = """\
apiVersion: stepwell/v1
kind: Residency
scan: {names: false}
classes: {restricted: [SECRET], confidential: [PERSON, EMAIL]}
rules:
  - {id: hide, when: target.external && req.origin == "US", action: pseudonymise, types: [EMAIL], reason: no need}
  - {id: stay, when: target.external && req.origin == "EU", action: deny, reason: it stays}
"""


@pytest.fixture
def texts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A policy folder, with the real pattern tier in place of the scan processes."""

    def scan(request: Request, policy: Policy) -> ScanReport:
        units = units_of(request, policy.sometimes_seen()).texts
        return asyncio.run(TieredScanner().scan(units, names=False))

    monkeypatch.setattr(policy_explain, "scanned", scan)
    return write(tmp_path / "policies", residency=TRANSFORM)


def test_explain_of_a_text_says_what_is_found_and_done_and_never_the_text(texts: Path) -> None:
    result = stepwell("explain", "--folder", texts, "--text", f"Write to {MAIL}.", "--origin", "US", "--json")

    told = json.loads(result.stdout)
    near, far = told["targets"]
    assert [(one["type"], one["count"], one["class"]) for one in told["findings"]] == [("EMAIL", 1, "confidential")]
    assert (near["action"], near["may_serve"], near["hidden"], near["tiers"]) == ("allow", True, [], [1])
    assert (far["action"], far["rule"], far["reason"], far["tiers"]) == ("pseudonymise", "hide", "no need", [2])
    assert far["hidden"] == ["pseudonymise EMAIL 1"]
    assert (told["route"], told["tiers"], told["data_class"]) == ("chat", [["near"], ["far"]], "confidential")
    assert MAIL not in result.stdout


def test_explain_shows_the_text_as_each_target_would_see_it_when_asked(texts: Path) -> None:
    result = stepwell("explain", "--folder", texts, "--text", f"Write to {MAIL}.", "--origin", "US", "--json", "--show")

    near, far = json.loads(result.stdout)["targets"]
    assert near["sees"] == [f"Write to {MAIL}."]
    assert far["sees"][0].startswith("Write to <EMAIL_")


def test_explain_of_a_text_prints_tables(texts: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text(f"Write to {MAIL}.")
    result = stepwell("explain", "--folder", texts, "--file", letter, "--origin", "EU", "--show")

    assert result.exit_code == 0
    assert "scan complete, confidential data" in result.stdout
    assert "far: it stays" in result.stdout
    assert "far would see:\nnothing" in result.stdout


@pytest.mark.parametrize("word", ["types=EMAIL", "data_class=public", "nothing"])
def test_explain_of_a_text_takes_no_facts_that_the_scan_finds(texts: Path, word: str) -> None:
    result = stepwell("explain", word, "--folder", texts, "--text", "hello")

    assert result.exit_code != 0
    assert f"{word}: with a text" in " ".join(result.output.split())


def test_facts_that_follow_from_others_may_be_given_too(texts: Path) -> None:
    result = stepwell("explain", "--folder", texts, "identifiable=true", "names_covered=false", "--json")

    assert result.exit_code == 0, result.output


def test_explain_of_facts_says_what_would_be_hidden(texts: Path) -> None:
    found = json.loads(stepwell("explain", "--folder", texts, "origin=US", "--json").stdout)

    assert [(row["target"], row["pseudonymise"], row["mask"]) for row in found["targets"]] == [
        ("near", [], []),
        ("far", ["EMAIL"], []),
    ]
    assert "pseudonymise" in stepwell("explain", "--folder", texts, "origin=US").stdout
