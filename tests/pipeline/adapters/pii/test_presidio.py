"""Presidio's registry stays the interface: recognisers of others stand beside ours."""

from typing import Any

import pytest

pytestmark = pytest.mark.nlp

VIN = "presidio_analyzer.predefined_recognizers:UrlRecognizer"


@pytest.fixture(scope="module")
def presidio() -> Any:
    from pipeline.adapters.pii import presidio

    presidio.stay_offline()
    return presidio


def test_a_stock_recogniser_is_named_by_its_path_and_finds_beside_ours(presidio: Any) -> None:
    from pipeline.adapters.pii.names import SmallEngine

    analyzer = presidio.Analyzer(SmallEngine(), presidio.registry(presidio.plugged_in([VIN])))
    text = "see http://www.example.org/x and write to a@example.net, card 4111 1111 1111 1111"
    found = {(span.type, text[span.start : span.end]) for span in analyzer.scan_text(text, names=False)}
    assert {("URL", "http://www.example.org/x"), ("CREDIT_CARD", "4111 1111 1111 1111")} <= found
    assert ("EMAIL", "a@example.net") in found
    assert "UrlRecognizer" in analyzer.version


def test_a_function_may_make_several(presidio: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    made = presidio.plugged_in([VIN])
    monkeypatch.setattr(presidio, "several", lambda: [made[0], made[0]], raising=False)
    assert len(presidio.plugged_in([VIN, "pipeline.adapters.pii.presidio:several"])) == 3


@pytest.mark.parametrize(
    ("path", "error"),
    [
        ("no.such.module:Name", ImportError),
        ("presidio_analyzer:NoSuchName", AttributeError),
        ("presidio_analyzer", AttributeError),
        ("collections:OrderedDict", TypeError),
    ],
)
def test_what_is_no_recogniser_is_refused(presidio: Any, path: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        presidio.plugged_in([path])


def test_each_of_our_detectors_answers_to_presidio_by_itself(presidio: Any) -> None:
    text = "mail ｏdalys@example.org, card 4111 1111 1111 1111"
    found = {
        (result.entity_type, text[result.start : result.end])
        for recognizer in presidio.registry().recognizers
        for result in recognizer.analyze(text, recognizer.supported_entities, None)
    }
    assert {("EMAIL", "ｏdalys@example.org"), ("CREDIT_CARD", "4111 1111 1111 1111")} <= found
