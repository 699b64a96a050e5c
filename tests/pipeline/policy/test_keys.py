"""A key stands in no policy file, and is filled in where it runs."""

from pathlib import Path

import pytest
from policy_files import MODELS, swap, write

from pipeline.errors import PolicyInvalid
from pipeline.policy.keys import is_a_key, masked, masked_address
from pipeline.policy.load import check_folder, load_folder

ADDRESS = "http://127.0.0.1:1/v1"
REFUSED = "a key does not belong into a file; write ${NAME} and set NAME where it runs"


def told(folder: Path, models: str) -> list[str]:
    return [str(one).replace(f"{folder}/", "") for one in check_folder(write(folder, models=models), {}).problems]


def with_extra(text: str) -> str:
    return swap(MODELS, "model: near-model", f"model: near-model\n    extra: {{{text}}}")


@pytest.mark.parametrize("name", ["api-key", "key", "token", "sig", "subscription-key", "access_token"])
def test_a_key_among_the_parameters_of_an_address_is_refused_where_it_stands(tmp_path: Path, name: str) -> None:
    (problem,) = told(tmp_path, swap(MODELS, ADDRESS, f"{ADDRESS}?api-version=2024-10-21&{name}=hunter22"))

    column = 15 + len(f"{ADDRESS}?api-version=2024-10-21&{name}=")
    assert problem == f"models.yaml:5:{column}: targets.near.endpoint: {REFUSED}"
    assert "hunter22" not in problem


@pytest.mark.parametrize(
    ("extra", "path"),
    [
        ("api_key: hunter22", "extra.api_key"),
        ("headers: {Authorization: Bearer hunter22}", "extra.headers.Authorization"),
        ("more: [{clientSecret: hunter22}]", "extra.more[0].clientSecret"),
        ("note: sk-abcdefghijklmnop1234", "extra.note"),
        ("token: '${K:-hunter22}'", "extra.token"),
    ],
)
def test_a_key_among_the_extra_fields_is_refused(tmp_path: Path, extra: str, path: str) -> None:
    (problem,) = told(tmp_path, with_extra(extra))

    assert problem.endswith(f"targets.near.{path}: {REFUSED}")


def test_what_only_sounds_like_a_key_is_none(tmp_path: Path) -> None:
    extra = "prompt_cache_key: labels, max_tokens: 5, stop_token_ids: [1], token_format: words, keyboard: qwerty"

    assert told(tmp_path, with_extra(extra)) == []


def test_keys_are_filled_in_and_count_for_the_revision_as_written(tmp_path: Path) -> None:
    models = swap(with_extra("x: {api_key: '${EXTRA}'}, y: 'a ${EXTRA}'"), ADDRESS, f"{ADDRESS}?api-key=${{QUERY}}")
    write(tmp_path, models=models)

    one = load_folder(tmp_path, {"EXTRA": "e", "QUERY": "q"})
    other = load_folder(tmp_path, {"EXTRA": "f", "QUERY": "r"})

    assert one.targets["near"].endpoint == f"{ADDRESS}?api-key=q"
    assert one.targets["near"].extra == {"x": {"api_key": "e"}, "y": "a ${EXTRA}"}
    assert one.revision == other.revision
    with pytest.raises(PolicyInvalid) as caught:
        load_folder(tmp_path, {})
    assert "near.extra.x.api_key: the variable EXTRA is not set; export EXTRA=" in caught.value.message
    assert "near.endpoint: the variable QUERY is not set; export QUERY=" in caught.value.message


def test_what_is_shown_holds_no_key() -> None:
    assert masked_address("https://u:p@h/v1?a=1&sig=s&b=2") == "https://***@h/v1?a=1&sig=***&b=2"
    assert masked({"headers": {"X-Api-Key": "k"}, "a": ["b", 1]}) == {"headers": {"X-Api-Key": "***"}, "a": ["b", 1]}
    assert not is_a_key("api_key", "${NAME}")
