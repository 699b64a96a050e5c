"""Same person, same token; other tenant or conversation, another one; and everything comes back as it stood there."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import ImagePart, Message, Request, TextPart
from pipeline.disclosure.pseudonyms import (
    Hidden,
    Pseudonyms,
    conversation_of,
    mask_of,
    remembered,
    session_conversation,
    word_of,
)
from pipeline.disclosure.restore import TOKEN, Restorer

SECRET = b"a key of thirty-two random bytes"


def pseudonyms(tenant: str = "acme", conversation: str = "s:1", known: dict[str, str] | None = None) -> Pseudonyms:
    return Pseudonyms(SECRET, tenant, conversation, known)


def places(text: str, *values: str, kind: str = "PERSON", **more: object) -> list[Hidden]:
    """Every place where one of `values` stands."""
    found = [match.span() for value in values for match in re.finditer(re.escape(value), text)]
    return [Hidden(kind, start, end, **more) for start, end in found]  # type: ignore[arg-type]  # fields by name


def token(value: str, kind: str = "PERSON", of: Pseudonyms | None = None) -> str:
    return (of or pseudonyms()).replace(value, [Hidden(kind, 0, len(value))])


# ---------------------------------------------------------------- who has which token


def test_the_same_person_has_the_same_token_in_turn_one_and_turn_nine_without_any_memory() -> None:
    one = token("Nadia Brekke")
    nine = pseudonyms()
    nine.replace("what came between: Olu Adeyemi", places("what came between: Olu Adeyemi", "Olu Adeyemi"))
    assert token("Nadia Brekke", of=nine) == one
    assert re.fullmatch(r"<PERSON_[2-9B-DF-HJ-KMNP-TV-Z]{5}>", one)


def test_another_tenant_conversation_secret_kind_or_person_has_another_token() -> None:
    tokens = {
        token("Nadia Brekke"),
        token("Nadia Brekke", of=pseudonyms(tenant="other")),
        token("Nadia Brekke", of=pseudonyms(conversation="s:2")),
        token("Nadia Brekke", of=Pseudonyms(b"another key", "acme", "s:1")),
        token("Nadia Brekke", kind="ORG"),
        token("Nadia Brekka"),
    }
    assert len({made.partition("_")[2] for made in tokens}) == 6


def test_a_token_says_nothing_that_can_be_computed_without_the_secret() -> None:
    with pytest.raises(ValueError):
        Pseudonyms(b"", "acme", "s:1")


def test_ways_to_write_one_value_share_a_code_and_each_comes_back_as_it_stood_there() -> None:
    text = "John Smith, JOHN SMITH, john  smith's, Mr. John Smith; John Smith"
    shown = pseudonyms()
    seen = shown.replace(text, places(text, "John Smith", "JOHN SMITH", "john  smith's")[:4])
    bases = {re.sub(r"(_\d+)?>$", "", made[0]) for made in TOKEN.finditer(seen)}
    assert len(bases) == 1
    assert "_2>" in seen
    assert Restorer(shown.issued).whole(seen) == text


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("PHONE", "+1 (212) 555-0187", "+1 212 555 0187"),
        ("CREDIT_CARD", "4000 0000 0000 0002", "4000000000000002"),
        ("EMAIL", "Ana@Example.org", "ana@example.org"),
        ("IBAN", "DE00 1234 5678", "de0012345678"),
        ("ADDRESS", "1 Long  Road", "1 long road"),
    ],
)
def test_forms_of_a_value_share_a_code(kind: str, one: str, other: str) -> None:
    both = pseudonyms()
    first, second = token(one, kind, both), token(other, kind, both)
    assert second == first[:-1] + "_2>"
    assert (both.issued[first], both.issued[second]) == (one, other)


def test_secrets_that_differ_in_case_are_different_secrets() -> None:
    both = pseudonyms()
    assert token("aBcDeFgH", "SECRET", both)[:14] != token("abcdefgh", "SECRET", both)[:14]


def test_a_first_name_or_surname_alone_is_the_person_met_before() -> None:
    text = "John Smith wrote. Smith's friend saw John."
    shown = pseudonyms()
    seen = shown.replace(text, places(text, "John Smith", "Smith's") + places(text, "John")[1:])
    full = token("John Smith")
    assert seen == f"{full} wrote. {full[:-1]}_2> friend saw {full[:-1]}_3>."
    assert Restorer(shown.issued).whole(seen) == text


@pytest.mark.parametrize("name", ["Mr. Smith", "Dr Smith", "Herr Smith", "smith", "SMITH,"])
def test_a_title_or_a_comma_is_no_part_of_a_name(name: str) -> None:
    shown = pseudonyms()
    assert token(name, of=shown) != token("John Smith", of=shown)[:-1] + "_2>", (
        "before the full name it is nobody we know"
    )
    known = pseudonyms()
    full = token("John Smith", of=known)
    assert token(name, of=known) == full[:-1] + "_2>"


def test_a_name_that_two_people_have_is_neither_of_them() -> None:
    shown = pseudonyms()
    codes = {token(name, of=shown)[8:13] for name in ("John Smith", "Mary Smith", "Smith")}
    assert len(codes) == 3


def test_what_follows_in_a_conversation_changes_no_token_before_it() -> None:
    """A provider's prefix cache stays warm, and what a model said about a token stays true."""
    texts = ["Smith called.", "John Smith called SMITH.", "Mary Smith called Smith and <PERSON_99>."]
    everything = pseudonyms()
    seen = [everything.replace(text, places(text, *_names(text))) for text in texts]
    for count in (1, 2):
        fewer = pseudonyms()
        assert [fewer.replace(text, places(text, *_names(text))) for text in texts[:count]] == seen[:count]


def _names(text: str) -> list[str]:
    found = re.findall(r"(?:John |Mary )?(?:Smith|SMITH)", text)
    return [name for name in found if not any(name != other and name in other for other in found)] or found


def test_two_values_whose_codes_collide_get_longer_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.disclosure.pseudonyms._code", lambda digest: "SAMES" + f"{digest[0]:08d}")
    shown = pseudonyms()
    first, second = token("Ana Alba", of=shown), token("Bo Borg", of=shown)
    assert first == "<PERSON_SAMES>"
    assert second.startswith("<PERSON_SAMES")
    assert second.count("_") == 1, "another person, and no other form of the first"
    assert first != second
    assert (shown.issued[first], shown.issued[second]) == ("Ana Alba", "Bo Borg")


# ---------------------------------------------------------------- what is hidden for good


def test_masked_places_say_their_kind_alone_and_are_not_issued() -> None:
    text = "Ana Alba and Bo Borg"
    shown = pseudonyms()
    seen = shown.replace(text, [Hidden("PERSON", 0, 8, mask=True), Hidden("PERSON", 13, 20)])
    assert seen == f"[PERSON] and {token('Bo Borg')}"
    assert set(shown.issued.values()) == {"Bo Borg"}
    assert (dict(shown.masked), dict(shown.replaced)) == ({"PERSON": 1}, {"PERSON": 1})


def test_places_that_overlap_or_lie_outside_hide_all_that_they_cover() -> None:
    text = "Ana Alba Borg, Oslo"
    shown = pseudonyms()
    seen = shown.replace(
        text, [Hidden("PERSON", 0, 8), Hidden("PERSON", 4, 13), Hidden("X", 5, 6), Hidden("PLACE", 15, 99)]
    )
    assert not any(word in seen for word in ("Ana", "Alba", "Borg", "Oslo"))
    assert Restorer(shown.issued).whole(seen) == text


@pytest.mark.parametrize("kind", ["CREDIT_CARD", "PERSON", "something odd", "", "X" * 40])
def test_words_are_short_so_that_the_longest_token_is_short(kind: str) -> None:
    assert re.fullmatch(r"[A-Z]{1,12}", word_of(kind))
    assert mask_of(kind) == f"[{word_of(kind)}]"
    assert TOKEN.fullmatch(token("some value", kind))


# ---------------------------------------------------------------- literal tokens in the text


def test_a_literal_token_that_was_never_issued_stays_literal() -> None:
    text = "Repeat <PERSON_99> and <PERSON_K7QM2>. I am Ana Alba."
    shown = pseudonyms()
    seen = shown.replace(text, places(text, "Ana Alba"))
    assert seen.startswith("Repeat <PERSON_99> and <PERSON_K7QM2>. I am <PERSON_")
    assert Restorer(shown.issued).whole(seen) == text


@pytest.mark.parametrize("text", ["{} is Ana Alba", "Ana Alba is {}", "{} {} Ana Alba {}_2> <{}>"])
def test_a_literal_that_equals_a_token_of_this_very_request_comes_back_as_a_literal(text: str) -> None:
    """Whoever guessed or saw a token cannot make us write a name where he put the token."""
    shown, literal = pseudonyms(), token("Ana Alba")
    injected = text.replace("{}", literal)
    seen = shown.replace(injected, places(injected, "Ana Alba"))
    assert Restorer(shown.issued).whole(seen) == injected


def test_a_literal_in_an_earlier_text_keeps_its_meaning_when_the_value_comes_later() -> None:
    shown, literal = pseudonyms(), token("Ana Alba")
    first = shown.replace(f"say {literal}")
    second = token("Ana Alba", of=shown)
    assert first == f"say {literal}"
    assert second == f"{literal[:-1]}_2>"
    assert literal not in shown.issued


def test_a_quoted_token_of_an_earlier_turn_is_restored_where_it_is_remembered() -> None:
    old = token("Ana Alba")
    shown = pseudonyms(known={old: "Ana Alba"})
    seen = shown.replace(f"You wrote {old}: who is that?")
    assert seen == f"You wrote {old}: who is that?"
    assert Restorer(shown.issued).whole(seen) == "You wrote Ana Alba: who is that?"


def test_remembered_tokens_are_given_again_though_the_history_was_cut() -> None:
    before = pseudonyms()
    first, second, alias = (token(name, of=before) for name in ("Ana Alba", "ANA ALBA", "Alba"))
    after = pseudonyms(known=dict(before.issued))
    assert [token(name, of=after) for name in ("Alba", "ANA ALBA", "Ana Alba")] == [alias, second, first]
    assert token("ana alba", of=after) == f"{first[:-1]}_4>"


def test_a_remembered_token_is_never_given_to_anything_else() -> None:
    first = token("Ana Alba")
    taken = pseudonyms(known={first: "Somebody Else", f"{token('Bo Borg')[:-1]}_2>": "BO BORG"})
    assert token("Ana Alba", of=taken) != first
    assert token("Bo Borg", of=taken) == token("Bo Borg")
    assert token("bo borg", of=taken) == f"{token('Bo Borg')[:-1]}_3>"


def test_what_is_remembered_is_issued_only_when_it_is_used() -> None:
    assert dict(pseudonyms(known={"<PERSON_K7QM2>": "Somebody Else"}).issued) == {}


NAMES = st.sampled_from(["Ana Alba", "ANA ALBA", "Alba", "Bo Borg", "bo", 'Dwayne "The" Rock', "Łukasz", "Ana\nAlba"])
BITS = st.one_of(NAMES, st.sampled_from(["<PERSON_K7QM2>", "<PERSON_", "_2>", "<", ">", " ", "x<y", "[PERSON]", "5"]))


@given(st.lists(st.tuples(BITS, st.sampled_from([None, "PERSON", "ORG"])), max_size=12), st.data())
def test_restoring_what_was_replaced_gives_the_text_again(
    bits: list[tuple[str, str | None]], data: st.DataObject
) -> None:
    """Also with literal tokens in it, those that this very request issues among them."""
    guess = pseudonyms()
    known = [token(bit, kind, guess) for bit, kind in bits if kind]
    literals = data.draw(st.lists(st.sampled_from(known), max_size=4)) if known else []
    text, hidden = "", []
    for bit, kind in [*bits, *((literal, None) for literal in literals)]:
        if kind:
            hidden.append(Hidden(kind, len(text), len(text) + len(bit)))
        text += bit
    shown = pseudonyms()
    seen = shown.replace(text, hidden)
    assert Restorer(shown.issued).whole(seen) == text


# ---------------------------------------------------------------- stand-ins of the same form


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        ("EMAIL", "ana@example.org", r"u-[a-z0-9]{8}@redacted\.invalid"),
        ("PHONE", "+1 (212) 999-7711", r"\+1 \(\d{3}\) 555-01\d{2}"),
        ("CREDIT_CARD", "4000 0000 0000 0002", r"9\d{3} \d{4} \d{4} \d{4}"),
        ("IP", "10.20.30.40", r"192\.0\.2\.\d{1,3}"),
        ("IP", "fe80::1", r"2001:db8::[0-9a-f:]+"),
        ("URL", "https://ana.example.org/x", r"https://[a-z0-9]{8}\.invalid/"),
        ("MAC", "00-11-22-33-44-55", r"02(-[0-9a-f]{2}){5}"),
        ("IBAN", "DE00123456789012345678", r"[A-Z]{2}\d{20}"),
        ("US_SSN", "123-45-6789", r"9\d{2}-\d{2}-\d{4}"),
        ("DATE_OF_BIRTH", "1988-02-29", r"19\d{2}-\d{2}-\d{2}"),
    ],
)
def test_a_stand_in_has_the_form_of_its_value_and_comes_back(kind: str, value: str, form: str) -> None:
    shown = pseudonyms()
    seen = shown.replace(value, [Hidden(kind, 0, len(value), style="format")])
    assert re.fullmatch(form, seen), seen
    assert Restorer(shown.issued).whole(f"It is {seen}.") == f"It is {value}."
    assert pseudonyms().replace(value, [Hidden(kind, 0, len(value), style="format")]) == seen


@given(st.integers(10**11, 10**19 - 1))
def test_a_stand_in_for_a_card_never_passes_the_check(number: int) -> None:
    value = str(number)
    seen = pseudonyms().replace(value, [Hidden("CREDIT_CARD", 0, len(value), style="format")])
    doubled = [int(digit) * (1 + at % 2) for at, digit in enumerate(reversed(seen))]
    assert len(seen) == len(value)
    assert sum(n // 10 + n % 10 for n in doubled) % 10 != 0


@given(st.dates())
def test_a_stand_in_for_a_date_is_a_date(born: date) -> None:
    value = born.isoformat()
    date.fromisoformat(pseudonyms().replace(value, [Hidden("DATE_OF_BIRTH", 0, len(value), style="format")]))


def test_what_has_no_form_of_its_own_gets_a_token() -> None:
    assert TOKEN.fullmatch(pseudonyms().replace("Ana Alba", [Hidden("PERSON", 0, 8, style="format")]))


@pytest.mark.parametrize("text", ["x{}", "{}9", "1.{}"])
def test_a_stand_in_that_would_run_into_its_neighbour_gives_way_to_a_token(text: str) -> None:
    value = "4000000000000002"
    start, shown = text.index("{"), pseudonyms()
    whole = text.replace("{}", value)
    seen = shown.replace(whole, [Hidden("CREDIT_CARD", start, start + len(value), style="format")])
    assert TOKEN.search(seen)
    assert Restorer(shown.issued).whole(seen) == whole


def test_an_issued_number_inside_a_longer_number_is_not_touched() -> None:
    shown = pseudonyms()
    made = shown.replace("4000000000000002", [Hidden("CREDIT_CARD", 0, 16, style="format")])
    for inside in (f"1{made}", f"{made}1", f"a{made}", f"0.{made}"):
        assert Restorer(shown.issued).whole(inside) == inside


def test_a_stand_in_that_stands_in_a_later_text_comes_back_as_it_stood_there() -> None:
    shown = pseudonyms()
    made = shown.replace("ana@example.org", [Hidden("EMAIL", 0, 15, style="format")])
    later = f"write to {made} now"
    seen = shown.replace(later)
    assert made not in seen
    assert Restorer(shown.issued).whole(seen) == later


def test_a_stand_in_that_stands_in_an_earlier_text_is_not_used() -> None:
    made = pseudonyms().replace("ana@example.org", [Hidden("EMAIL", 0, 15, style="format")])
    shown = pseudonyms()
    assert shown.replace(f"write to {made}") == f"write to {made}"
    assert shown.replace("ana@example.org", [Hidden("EMAIL", 0, 15, style="format")]) != made


def test_a_mask_of_the_same_form_says_nothing_about_its_value() -> None:
    masked = [
        pseudonyms(tenant).replace(value, [Hidden("EMAIL", 0, len(value), mask=True, style="format")])
        for tenant, value in (("acme", "ana@example.org"), ("other", "bo@example.com"))
    ]
    assert masked[0] == masked[1]
    assert masked[0].endswith("@redacted.invalid")


# ---------------------------------------------------------------- conversations


def _request(*contents: object, **more: object) -> Request:
    roles = ["user", "assistant"]
    messages = tuple(Message(role=roles[at % 2], content=content) for at, content in enumerate(contents))  # type: ignore[arg-type]  # roles and contents are right
    return Request(messages=messages, **more)  # type: ignore[arg-type]  # fields by name


def test_turn_nine_belongs_to_the_conversation_of_turn_one() -> None:
    one = _request("hello, I am Ana")
    nine = _request("hello, I am Ana", "hello", "and then?")
    assert conversation_of(one) == conversation_of(nine) == conversation_of(Request(input="hello, I am Ana"))
    assert conversation_of(one) != conversation_of(_request("hello, I am Bo"))
    assert conversation_of(one) != conversation_of(_request("hello, I am Ana", user="u2"))


def test_a_named_session_is_the_conversation_whatever_is_said() -> None:
    named = conversation_of(_request("hello", session="7", user="u1"))
    assert named == conversation_of(_request("other words", session="7", user="u1"))
    assert named == session_conversation("7", "u1")
    assert named != conversation_of(_request("hello", session="7", user="u2"))


def test_only_a_named_session_is_remembered_since_first_words_may_be_shared_by_strangers() -> None:
    assert remembered(conversation_of(_request("hi", session="7")))
    assert not remembered(conversation_of(_request("hi")))


def test_a_conversation_may_begin_with_parts_or_without_a_user() -> None:
    parts = (TextPart(type="text", text="hi"), ImagePart(type="image_url", image_url={"url": "data:,x"}))
    assert conversation_of(_request(parts)) != conversation_of(_request("hi"))
    assert conversation_of(Request(messages=(Message(role="system", content="be brief"),))).startswith("m:")
