"""Models of names on disk: whole or refused, switched in one step, and the stock pipeline when none is sound."""

import json
from pathlib import Path

import pytest

from pipeline.adapters.pii import models
from pipeline.adapters.pii.labels import MODEL
from pipeline.adapters.pii.models import SHIPPED, ModelRefused, Trained, activate, active, best, install, open_model
from pipeline.adapters.pii.names import roots_from

SMALL = Trained({"format": 1, "base": MODEL, "base_version": "3.8.0", "labels": []}, b"not weights at all")


def test_what_is_installed_is_read_back(tmp_path: Path) -> None:
    folder = install(tmp_path, SMALL)
    assert folder.name == SMALL.digest
    assert open_model(tmp_path, SMALL.digest) == SMALL


def test_installing_twice_is_installing_once(tmp_path: Path) -> None:
    assert install(tmp_path, SMALL) == install(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == [SMALL.digest]


@pytest.mark.parametrize("file", [models.MANIFEST, models.WEIGHTS])
def test_a_changed_file_is_refused(tmp_path: Path, file: str) -> None:
    path = install(tmp_path, SMALL) / file
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(ModelRefused, match="changed"):
        open_model(tmp_path, SMALL.digest)


@pytest.mark.parametrize("file", [models.MANIFEST, models.WEIGHTS])
def test_a_missing_file_is_refused(tmp_path: Path, file: str) -> None:
    (install(tmp_path, SMALL) / file).unlink()
    with pytest.raises(ModelRefused, match="cannot be read"):
        open_model(tmp_path, SMALL.digest)


@pytest.mark.parametrize("name", ["", "../elsewhere", "f" * 63, "F" * 64])
def test_only_a_digest_names_a_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelRefused):
        open_model(tmp_path, name)


def test_a_format_of_another_version_is_refused(tmp_path: Path) -> None:
    other = Trained(SMALL.manifest | {"format": 2}, b"")
    install(tmp_path, other)
    with pytest.raises(ModelRefused, match="format"):
        open_model(tmp_path, other.digest)


def test_nothing_is_active_until_it_is_made_so(tmp_path: Path) -> None:
    install(tmp_path, SMALL)
    assert active(tmp_path) is None
    activate(tmp_path, SMALL.digest)
    assert active(tmp_path) == SMALL.digest


def test_what_is_not_there_cannot_be_made_active(tmp_path: Path) -> None:
    with pytest.raises(ModelRefused):
        activate(tmp_path, "0" * 64)
    assert active(tmp_path) is None


def test_the_home_folder_comes_before_what_stepwell_brings_along() -> None:
    assert roots_from({"STEPWELL_HOME": "/h"}) == (Path("/h/models/names"), SHIPPED)
    assert roots_from({})[-1] == SHIPPED


def test_a_wish_comes_before_the_home_folder() -> None:
    assert roots_from({"STEPWELL_HOME": "/h", "STEPWELL_NAMES": "/m"}) == (Path("/m"), SHIPPED)
    assert roots_from({"STEPWELL_HOME": "/h", "STEPWELL_NAMES": "stock"}) == ()


@pytest.mark.nlp
def test_the_stock_pipeline_can_be_chosen_instead_of_any_model(tmp_path: Path) -> None:
    models.activate_stock(tmp_path)
    nlp, version, troubles = best((tmp_path, SHIPPED))
    assert version == f"{MODEL}-{nlp.meta['version']}"
    assert not troubles


@pytest.mark.nlp
def test_a_damaged_model_gives_way_to_the_stock_one_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    install(tmp_path, SMALL)
    activate(tmp_path, SMALL.digest)
    nlp, version, troubles = best((tmp_path,))
    assert version == f"{MODEL}-{nlp.meta['version']}"
    assert len(troubles) == 1
    assert str(tmp_path / SMALL.digest[:12]) in troubles[0]
    assert "not used" in caplog.text


@pytest.mark.nlp
def test_a_model_for_another_version_of_the_base_is_not_used(tmp_path: Path) -> None:
    digest = active(SHIPPED)
    assert digest is not None
    shipped = open_model(SHIPPED, digest)
    other = Trained(shipped.manifest | {"base_version": "2.0"}, shipped.packed)
    install(tmp_path, other)
    activate(tmp_path, other.digest)
    assert "made for" in best((tmp_path,))[2][0]


@pytest.mark.nlp
def test_the_model_that_stepwell_brings_along_is_sound_and_named_in_the_version() -> None:
    digest = active(SHIPPED)
    assert digest is not None
    nlp, version, troubles = best((SHIPPED,))
    assert not troubles
    assert version.endswith(f"+{digest[:12]}")
    assert "ADDRESS" in nlp.get_pipe("ner").labels  # type: ignore[attr-defined]


def test_the_model_that_stepwell_brings_along_fits_into_a_repository() -> None:
    digest = active(SHIPPED)
    assert digest is not None
    folder = SHIPPED / digest
    assert sum(path.stat().st_size for path in folder.iterdir()) < 4 * 2**20
    assert json.loads((folder / models.MANIFEST).read_text())["scores"]["PERSON"]["f2"] > 0.8
