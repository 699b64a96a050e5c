"""The catalogue says what a file must be, to the byte."""

import pytest

from pipeline.embedded.catalogue import CATALOGUE, DEFAULT_PAIR, find
from pipeline.errors import UnknownModel


@pytest.mark.parametrize("model", CATALOGUE, ids=lambda model: model.name)
def test_the_pieces_of_a_model_add_up_to_its_size(model):
    assert sum(part.size for part in model.parts) == model.size
    assert all(part.size > 0 for part in model.parts)


@pytest.mark.parametrize("model", CATALOGUE, ids=lambda model: model.name)
def test_every_hash_is_pinned_and_no_two_wheels_share_one(model):
    hashes = [model.sha256, *(part.sha256 for part in model.parts)]
    assert all(len(digest) == 64 and int(digest, 16) for digest in hashes)
    assert len(set(hashes)) == len(hashes)


def test_the_default_pair_is_in_the_catalogue():
    assert [find(name).name for name in DEFAULT_PAIR] == list(DEFAULT_PAIR)


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(UnknownModel, match=r"gpt-9 is not in the catalogue, which has qwen2\.5-coder-0\.5b-instruct, "):
        find("gpt-9")
