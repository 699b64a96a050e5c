"""`stepwell policy import` writes a folder that passes the check, lists the rest, and overwrites nothing unasked."""

import json
from pathlib import Path

import pytest
import typer
from migration import CONFIGS
from typer.testing import CliRunner, Result

from pipeline.cli.policy import register


def stepwell(*words: str | Path) -> Result:
    root = typer.Typer()
    register(root)
    return CliRunner().invoke(root, ["policy", *map(str, words)])


@pytest.mark.parametrize("name", sorted(path.name for path in CONFIGS.iterdir()))
def test_what_was_imported_passes_the_check(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "policies"
    result = stepwell("import", CONFIGS / name, "--to", folder, "--json")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["problems"] == []
    for variable in told["variables"]:
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    checked = stepwell("check", folder, "--json")
    assert checked.exit_code == 0, checked.output
    assert (folder / "schemas" / "models.schema.json").exists()


def test_people_read_what_was_left_where_it_stood_and_what_to_set(tmp_path: Path) -> None:
    result = stepwell("import", CONFIGS / "litellm_awkward.yaml", "--to", tmp_path / "p")
    assert result.exit_code == 0
    assert "litellm_awkward.yaml:3: model_list[0]: a pattern stands for models that are not named" in result.stdout
    assert "set CLAUDE_ANTHROPIC_API_KEY: the key of claude-anthropic" in result.stdout
    assert "planted" not in result.output.lower()


def test_strict_ends_with_1_when_anything_was_left(tmp_path: Path) -> None:
    assert stepwell("import", CONFIGS / "litellm_awkward.yaml", "--to", tmp_path / "a", "--strict").exit_code == 1
    assert stepwell("import", CONFIGS / "litellm_simple.yaml", "--to", tmp_path / "b", "--strict").exit_code == 0


def test_files_that_are_there_are_kept_unless_forced_and_a_residency_policy_always(tmp_path: Path) -> None:
    own = "# mine\n" + (Path(__file__).parents[3] / "policies" / "residency.yaml").read_text()
    (tmp_path / "residency.yaml").write_text(own)
    (tmp_path / "models.yaml").write_text("# mine too\n")
    refused = stepwell("import", CONFIGS / "litellm_simple.yaml", "--to", tmp_path)
    assert refused.exit_code == 1
    assert "models.yaml stands there already" in refused.stderr
    assert (tmp_path / "models.yaml").read_text() == "# mine too\n"
    stepwell("import", CONFIGS / "litellm_simple.yaml", "--to", tmp_path, "--force")
    assert "mine too" not in (tmp_path / "models.yaml").read_text()
    assert (tmp_path / "residency.yaml").read_text() == own


def test_a_wrong_gateway_or_file_is_one_sentence(tmp_path: Path) -> None:
    result = stepwell("import", CONFIGS / "litellm_simple.yaml", "--from", "bifrost", "--to", tmp_path / "p")
    assert result.exit_code == 1
    assert "there is litellm, portkey" in result.stderr
    result = stepwell("import", tmp_path / "nothing.yaml")
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
