"""Dates of birth in eight languages, and ages, which count only where a policy asks."""

import pytest
from scan_pii import said, types


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("born on 12 March 1985", "12 March 1985"),
        ("She was born March 12th, 1985 in Ohio", "March 12th, 1985"),
        ("DOB: 12/03/1985", "12/03/1985"),
        ("D.O.B. 1985-03-12", "1985-03-12"),
        ("date of birth 19850312", "19850312"),
        ("birthdate: 12-Mar-1985", "12-Mar-1985"),
        ("her birthday is the 12th of March, 1985", "12th of March, 1985"),
        ("born in 1985", "1985"),
        ("geboren am 12.03.1985", "12.03.1985"),
        ("Geburtsdatum: 12. März 1985", "12. März 1985"),
        ("geb. 12.3.85", "12.3.85"),
        ("née le 3 août 1971", "3 août 1971"),
        ("date de naissance : 03/08/1971", "03/08/1971"),
        ("né le 1er juin 1990", "1er juin 1990"),
        ("nacida el 3 de agosto de 1971", "3 de agosto de 1971"),
        ("fecha de nacimiento 03/08/1971", "03/08/1971"),
        ("nato il 3 agosto 1971", "3 agosto 1971"),
        ("data di nascita 03.08.1971", "03.08.1971"),
        ("urodzona 3 sierpnia 1971", "3 sierpnia 1971"),
        ("data urodzenia: 1971-08-03", "1971-08-03"),
        ("geboren op 3 augustus 1971", "3 augustus 1971"),
        ("geboortedatum 03-08-1971", "03-08-1971"),
        ("nascido em 3 de agosto de 1971", "3 de agosto de 1971"),
        ("data de nascimento 03/08/1971", "03/08/1971"),
        ("Jahrgang 1971", "1971"),
        ("née en 1971", "1971"),
        ("March 3, 1990 is my birthday", "march 3, 1990"),
        ("please give your date of birth. It's 8/12/1991", "8/12/1991"),
    ],
)
def test_a_date_that_is_said_to_be_one_of_birth_is_found(text: str, date: str) -> None:
    assert [found.lower() for found in said(text, "DATE_OF_BIRTH")] == [date.lower()]


@pytest.mark.parametrize(
    "text",
    [
        "on 12 March 1985 the wall fell", "12/03/1985", "the invoice of 2024-01-01", "born to be wild",
        "she was born " + "and so on " * 12 + "12/03/1985", "version 19850312",
    ],
)  # fmt: skip
def test_any_other_date_is_no_date_of_birth(text: str) -> None:
    assert "DATE_OF_BIRTH" not in types(text)


def test_the_date_of_a_birth_is_the_next_one_behind_the_word_and_no_further() -> None:
    assert said("born 2/8/1935, married 3/4/1960", "DATE_OF_BIRTH") == ["2/8/1935"]


@pytest.mark.parametrize(
    "text",
    ["she is 34 years old", "a 34-year-old man", "aged 34", "age: 34", "34 y/o", "34 Jahre alt", "34 años",
        "34 anni di età",
     "34 jaar oud", "I am 34."],
)  # fmt: skip
def test_an_age_is_reported_below_the_usual_threshold(text: str) -> None:
    assert "AGE" in types(text, threshold=0.4)
    assert "AGE" not in types(text)


@pytest.mark.parametrize("text", ["34 apples", "3.34 years", "page 34", "I am 34% sure", "34 lateral moves"])
def test_other_numbers_are_no_ages(text: str) -> None:
    assert "AGE" not in types(text, threshold=0.1)
