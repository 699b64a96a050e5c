"""A few small words of another language tell it; names and English do not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.pii.foreign import UNKNOWN, ForeignWords

WORDS = ForeignWords()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Frag mal Günther Österreicher.", "de"),
        ("Frag Günther Österreicher.", "de"),
        ("FRAG MAL GÜNTHER", "de"),
        ("Wer ist Günther Brandvold?", "de"),
        ("Pregunta a Íñigo Urdangarín", "es"),
        ("Habla con Íñigo", "es"),
        ("¿Quién es Íñigo?", "es"),
        ("Appelle Amélie Brandvold", "fr"),
        ("Qui est Amélie ?", "fr"),
        ("Chi è Odalys?", "it"),
        ("Quem é João?", "pt"),
        ("Wie is Odalys de Vries?", "nl"),
        ("Zadzwoń do Łukasza", "pl"),
        ("Jag heter Björn", "sv"),
        ("Ruf Günther unter 0171 5550123 an", "de"),
    ],
)
def test_a_short_request_in_another_language_is_told(text: str, language: str) -> None:
    assert WORDS.language(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "", "Jane Doe", "Odalys Brandvold", "ODALYS MARIA QUINTERO", "odalys quintero", "Ask Günther about it",
        "Please call José", "Odalys is a nurse", "call Juan de la Cruz", "Vincent van Gogh", "hi José",
        "Mr. Brandvold met Dr. Quintero", "las vegas hotels", "who is Jürgen Müller-O'Brien?", "id sku",
        "17 rue des Odalys", "thx, it doesn't work", "Réservation: Amélie Brandvold",
        "odalys brandvold\n\nphone: 555 0123\n\naddress: 17 trg begunjevo na gorenjskem", "meet me at 12 tawasti, sé",
        '{"bitte": 1, "wegen": "nicht"}',
    ],
)  # fmt: skip
def test_names_and_english_with_foreign_names_are_not_foreign(text: str) -> None:
    assert WORDS.language(text) is None


def test_words_of_no_list_are_a_language_nobody_knows() -> None:
    assert WORDS.language("nuqneh tlhingan hol dajatlh") == UNKNOWN


@given(st.text(max_size=60))
def test_no_text_is_trouble(text: str) -> None:
    assert WORDS.language(text) is None or len(WORDS.language(text) or "") in (2, 3)
