"""`stepwell policy import` writes a folder that passes the check, lists the rest, and overwrites nothing unasked."""

import json
import re
from pathlib import Path

import pytest
import typer
from migration import CONFIGS
from typer.testing import CliRunner, Result

from pipeline.cli.policy import register
from stages.plan import again


def stepwell(*words: str | Path) -> Result:
    root = typer.Typer()
    register(root, again)
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


GUIDE = (Path(__file__).parents[3] / "docs" / "how-to" / "import-a-gateway-config.md").read_text()


def test_the_guide_imports_its_own_example_and_shows_what_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of the guide is run, in its order; every line it shows is printed."""
    config, shown = (re.search(rf"^```{kind}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL) for kind in ("yaml", "text"))
    assert config is not None
    assert shown is not None
    monkeypatch.chdir(tmp_path)
    for variable in ("AZURE_EU_BASE", "AZURE_EU_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    Path("litellm-config.yaml").write_text(config[1])
    printed = ""
    for line in re.findall(r"^stepwell policy (.*)$", GUIDE, re.MULTILINE):
        result = stepwell(*line.split())
        assert result.exit_code == 0, result.output
        printed += result.output
        monkeypatch.setenv("GPT_4O_OPENAI_API_KEY", "k")
    for line in shown[1].splitlines():
        assert line in printed
    assert "sk-do-not-do-this" not in printed
    assert "sk-do-not-do-this" not in "".join(path.read_text() for path in Path("policies-imported").glob("*.yaml"))


def test_a_file_that_is_far_too_large_is_refused_and_not_read(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    with config.open("wb") as opened:
        opened.truncate(1 << 40)  # a hole of a terabyte: no memory holds it
    result = stepwell("import", config, "--to", tmp_path / "p")
    assert result.exit_code == 1
    assert "larger than 524288 bytes" in result.stderr
