"""Each text is read by the pipeline of its language, or by none."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.nlp

FRENCH = "Hier soir, Amélie Rousseau a écrit à tout le monde que la réunion aurait lieu demain matin."
ENGLISH = "My name is Odalys Brandvold, and I would like to know where the others have gone."
HUNGARIAN = "Légy szíves, válaszolj nekem a hétvége előtt, mert szólnom kell a többieknek is."

PACKAGE = '''
import spacy
from spacy.training import Example

def load(**_):
    """A pipeline that has learnt one sentence by heart."""
    nlp = spacy.blank("fr")
    ner = nlp.add_pipe("ner")
    text = {text!r}
    start = text.index("Amélie")
    example = Example.from_dict(nlp.make_doc(text), {{"entities": [(start, start + 15, "PER")]}})
    nlp.initialize(lambda: [example])
    for _ in range(30):
        nlp.update([example])
    nlp.meta["name"], nlp.meta["version"] = "learnt", "1"
    return nlp
'''


@pytest.fixture(scope="module")
def tongues(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder: Path = tmp_path_factory.mktemp("packages")
    (folder / "fr_core_news_sm").mkdir()
    (folder / "fr_core_news_sm" / "__init__.py").write_text(PACKAGE.format(text=FRENCH))
    (folder / "fr_core_news_sm-1.dist-info").mkdir()
    (folder / "fr_core_news_sm-1.dist-info" / "METADATA").write_text("Name: fr_core_news_sm\nVersion: 1\n")
    sys.path.insert(0, str(folder))

    from pipeline.adapters.pii.languages import LanguageGuess
    from pipeline.adapters.pii.names import SmallEngine
    from pipeline.adapters.pii.tongues import Tongues

    made = Tongues(SmallEngine(), LanguageGuess(["fr"]))
    made.load(["en", "fr", "hu"])
    yield made
    sys.path.remove(str(folder))
    sys.modules.pop("fr_core_news_sm", None)


@pytest.fixture(scope="module")
def analyzer(tongues: Any) -> Any:
    from pipeline.adapters.pii.presidio import Analyzer, registry

    return Analyzer(tongues._english, registry(), tongues)


def scan(analyzer: Any, text: str, languages: tuple[str, ...]) -> Any:
    from pipeline.adapters.pii.steps import drive

    return drive(analyzer.steps(text, names=True, languages=languages), analyzer._alone)


def people(scanned: Any, text: str) -> list[str]:
    return [text[span.start : span.end] for span in scanned.spans if span.type == "PERSON"]


def test_a_french_text_is_read_by_the_french_pipeline(analyzer: Any) -> None:
    scanned = scan(analyzer, FRENCH, ("en", "fr"))
    assert people(scanned, FRENCH) == ["Amélie Rousseau"]
    assert (scanned.languages, scanned.covered) == (("fr",), True)


@pytest.mark.parametrize(
    ("text", "languages", "told"),
    [
        (FRENCH, ("en",), "fr"),
        (HUNGARIAN, ("en", "fr"), "hu"),
        (HUNGARIAN, ("en", "hu"), "hu"),
        (ENGLISH, ("fr",), "en"),
    ],
)
def test_a_language_that_is_not_configured_or_not_installed_is_not_covered(
    analyzer: Any, text: str, languages: tuple[str, ...], told: str
) -> None:
    scanned = scan(analyzer, text, languages)
    assert (scanned.spans, scanned.languages, scanned.covered) == ((), (told,), False)


def test_a_long_text_in_two_languages_is_read_by_both(analyzer: Any) -> None:
    text = f"{ENGLISH}\n" * 30 + f"{FRENCH}\n" * 30
    scanned = scan(analyzer, text, ("en", "fr"))
    assert {"Odalys Brandvold", "Amélie Rousseau"} <= set(people(scanned, text))
    assert (set(scanned.languages), scanned.covered) == ({"en", "fr"}, True)


def test_a_short_text_counts_as_the_first_configured_language(analyzer: Any) -> None:
    assert scan(analyzer, "Odalys Brandvold.", ("en", "fr")).languages == ("en",)


def test_a_text_without_letters_is_in_no_language(analyzer: Any) -> None:
    scanned = scan(analyzer, "1 + 1 = 2", ("hu",))
    assert (scanned.languages, scanned.covered) == ((), True)


def test_signs_in_a_row_hide_no_name_and_never_reach_the_pipeline(
    analyzer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"{'=' * 80}\nHer name is Odalys Brandvold, and she lives in Denver.\n{'(' * 900}a{'🎉' * 90}"
    read: list[str] = []
    entities = analyzer.tongues.entities
    monkeypatch.setattr(
        analyzer.tongues, "entities", lambda language, texts: read.extend(texts) or entities(language, texts)
    )
    assert people(scan(analyzer, text, ("en",)), text) == ["Odalys Brandvold"]
    assert sum(map(len, read)) == len(text)
    assert "((" not in "".join(read)


def test_texts_together_hold_what_each_holds_alone(tongues: Any) -> None:
    texts = [ENGLISH, "Piers Whitlock moved to Denver.", "nothing", "She met Odalys Brandvold of Hartwell Foods."] * 4
    together = tongues.entities("en", texts)
    assert together == [tongues.entities("en", [text])[0] for text in texts]


def test_the_version_names_the_pipelines_that_are_loaded(tongues: Any) -> None:
    english, french, guess = tongues.version.split("+")[0], *tongues.version.split("+")[-2:]
    assert english
    assert (french, guess.partition("-")[0]) == ("fr:fr_learnt-1", "py3langid")
