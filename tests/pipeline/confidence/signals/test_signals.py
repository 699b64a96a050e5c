"""Signals of an answer: each is a share or nothing, whatever the answer is, and says what its name says."""

from math import exp, log

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.confidence import signals
from pipeline.confidence.signals import FAMILIES, NAMES, RAW, Seen, Usual, probabilities, signals_of
from pipeline.contracts import TokenLogprob, ToolCall

TEXTS = st.text(max_size=300) | st.text(alphabet="0123456789+-*/=().,%$x <>{}[]\":'", max_size=200)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
TOKENS = st.lists(
    st.builds(
        TokenLogprob,
        token=st.text(max_size=6),
        logprob=st.floats(-50, 0),
        top=st.lists(st.floats(-50, 0), max_size=4).map(lambda top: tuple(sorted(top, reverse=True))),
    ),
    max_size=30,
)


def of(**fields: object) -> dict[str, float | None]:
    return signals_of(Seen(**fields))  # type: ignore[arg-type]


@settings(max_examples=300)
@given(TEXTS, TEXTS, JSON, JSON, TOKENS, st.lists(TEXTS, max_size=3), st.none() | st.floats(0, 1))
def test_every_signal_is_a_share_or_nothing_whatever_comes(
    text: str, question: str, document: object, schema: object, tokens: list[TokenLogprob], others: list[str], p: float
) -> None:
    seen = Seen(
        text=text,
        question=question,
        document=document,  # type: ignore[arg-type]
        has_document=True,
        schema=schema if isinstance(schema, dict) else None,
        tokens=tokens,
        samples=tuple(others),
        opinions=tuple(others),
        verified=p,
        difficulty=p,
        usual=Usual(3.0, 0.5, 50),
    )
    found = signals_of(seen)
    assert set(NAMES) <= set(found)
    assert set(found) <= {*NAMES, *RAW}
    for name in NAMES:
        value = found[name]
        assert value is None or 0.0 <= value <= 1.0, name


def test_each_name_is_given_by_one_family() -> None:
    """Names stand in records and in files of calibrators: none is given twice."""
    assert len(set(NAMES)) == len(NAMES)
    assert set(NAMES).isdisjoint(RAW)
    for family, names in FAMILIES.items():
        assert set(names) <= set(family(Seen()))


# ---------------------------------------------------------------- tokens


def test_quantiles_and_margins_of_the_value_tokens() -> None:
    scores = [-0.1, -0.2, -0.4, -0.8, -1.6]
    tokens = [TokenLogprob(token=f" w{n}", logprob=score, top=(score, score - 1)) for n, score in enumerate(scores)]
    found = of(text=" w0 w1 w2 w3 w4", tokens=tokens)
    assert found["token_mean"] == pytest.approx(exp(-0.62))
    assert found["token_min"] == pytest.approx(exp(-1.6))
    assert found["token_q50"] == pytest.approx(exp(-0.4))
    assert found["token_q25"] == pytest.approx(exp(-0.8))
    assert found["token_margin_min"] == pytest.approx(exp(-1.6) - exp(-2.6))
    assert found["token_margin"] is not None
    assert found["token_margin"] > found["token_margin_min"]


def test_without_tokens_nothing_is_said_of_them_and_without_alternatives_nothing_of_margins() -> None:
    assert {value for name, value in of(text="seven").items() if name.startswith("token_")} == {None}
    alone = of(text="seven", tokens=[TokenLogprob(token="seven", logprob=-0.5)])
    assert alone["token_margin"] is None
    assert alone["token_sureness"] is None


def test_recorded_probabilities_of_options_give_the_same_signals() -> None:
    found = probabilities([(0.1, 0.7, 0.15, 0.05)])
    assert found["token_mean"] == pytest.approx(0.7)
    assert found["token_margin"] == pytest.approx(0.55)
    even = probabilities([(0.25, 0.25, 0.25, 0.25)])
    assert even["token_sureness"] == pytest.approx(0.0, abs=1e-9)
    assert found["token_sureness"] is not None
    assert found["token_sureness"] > 0.3
    assert set(probabilities([]).values()) == {None}


# ---------------------------------------------------------------- form


def test_schema_coverage_and_ends() -> None:
    schema = {"type": "object", "required": ["a", "b", "c"], "properties": {"a": {"type": "object", "required": ["x"]}}}
    found = of(
        document={"a": {"x": ""}, "b": 0, "c": " "},
        has_document=True,
        schema=schema,
        schema_state="repaired",
        repairs=("one",),
        finish_reason="length",
        text="{",
    )
    assert (found["schema_ok"], found["unrepaired"], found["cut_off"], found["finished"]) == (0.5, 0.5, 1.0, 0.0)
    assert found["coverage"] == pytest.approx(2 / 4)
    call = ToolCall(id="c", function={"name": "f"})
    assert of(text=" ", tool_calls=(call,))["answered"] == 1.0
    assert of(text=" ")["answered"] == 0.0
    assert of(finish_reason="stop")["finished"] == 1.0
    assert of(finish_reason="whatever")["finished"] is None


# ---------------------------------------------------------------- grounding


INVOICE = "Invoice of 3 May 2024 to Odalys   Quintero, Berlin: 1,234.50 EUR for 12 ropes."


@pytest.mark.parametrize(
    ("document", "name", "share"),
    [
        ({"who": "odalys quintero"}, "grounded_strings", 1.0),
        ({"who": "Odalys Quintana"}, "grounded_strings", 0.0),
        ({"sum": 1234.5, "n": 12}, "grounded_numbers", 1.0),
        ({"sum": 1234.5, "n": 2}, "grounded_numbers", 0.5),
        ({"day": "2024-05-03"}, "grounded_dates", 1.0),
        ({"day": "2024-06-03"}, "grounded_dates", 0.0),
        ({"list": ["Berlin", "Bonn"]}, "grounded", 0.5),
        ({"ok": True, "none": None}, "grounded", None),
    ],
)
def test_what_was_extracted_stands_in_the_question(document: object, name: str, share: float | None) -> None:
    assert of(document=document, has_document=True, question=INVOICE)[name] == share


def test_a_choice_from_a_list_need_not_stand_in_the_question() -> None:
    schema = {"properties": {"label": {"enum": ["invoice", "letter"]}}}
    assert of(document={"label": "letter"}, has_document=True, schema=schema, question=INVOICE)["grounded"] is None


def test_numbers_and_quotations_of_a_text() -> None:
    found = of(text='He ordered 12 ropes, 99 nails; it says "for 12 ropes".', question=INVOICE)
    assert found["grounded_numbers"] == 0.5
    assert found["grounded_quotes"] == 1.0


def test_of_a_very_long_question_nothing_is_said() -> None:
    assert of(text="12", question="12 " * 20_000)["grounded"] is None


# ---------------------------------------------------------------- sums


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("3 + 4 = 7", 1.0),
        ("3 + 4 = 8", 0.0),
        ("So 48/2 = <<48/2=24>>24 clips", 1.0),
        ("2 + 3 x 4 = 14 and (2 + 3) × 4 = 20", 1.0),
        ("20% of 50 = 10, 15/60 = 25%", 1.0),
        ("$1,200 * 2 = $2,400", 1.0),
        ("10 / 3 = 3.33 and 10/3 = 3", 1.0),
        ("7 - -2 = 9", 1.0),
        ("5 − 7 = −2", 1.0),
        ("1 / 0 = 3", None),
        ("x = 5", None),
        ("Step 2. 3 + 4 = 7", 1.0),
        ("no sums here", None),
        ("9" * 400 + " + 1 = 3", None),
    ],
)
def test_sums_are_computed_again(text: str, share: float | None) -> None:
    assert of(text=text)["arithmetic"] == share


@given(st.integers(0, 9999), st.integers(1, 9999), st.sampled_from("+-*"), st.integers(1, 9))
def test_a_true_sum_is_right_and_a_false_one_wrong(a: int, b: int, sign: str, off: int) -> None:
    right = {"+": a + b, "-": a - b, "*": a * b}[sign]
    assert of(text=f"It is {a} {sign} {b} = {right}.")["arithmetic"] == 1.0
    assert of(text=f"It is {a} {sign} {b} = {right + off}.")["arithmetic"] == 0.0


def test_reasoning_comes_to_an_answer_or_does_not() -> None:
    assert of(text="3 + 4 = 7\n#### 7")["concluded"] == 1.0
    assert of(text="3 + 4 = 7 and then there is")["concluded"] == 0.0
    assert of(text="Paris")["concluded"] is None


# ---------------------------------------------------------------- words and length


def test_declining_and_hedging_are_told() -> None:
    assert of(text="I'm sorry, but I cannot help.")["declines"] == 1.0
    assert of(text="It is seven.")["declines"] == 0.0
    assert of(text="I think it is seven.")["hedges"] == 1.0


def test_a_length_is_usual_or_not() -> None:
    usual = Usual(log(101), 0.5, 50)
    assert of(text="a" * 100, usual=usual)["length_usual"] == pytest.approx(1.0)
    long = of(text="a" * 1000, usual=usual)["length_usual"]
    assert long is not None
    assert long < 0.01
    assert of(text="a", usual=Usual(1.0, 1.0, 3))["length_usual"] is None
    assert of(text="a")["length_usual"] is None


@pytest.mark.parametrize(
    "text",
    [
        "I’m sorry",
        "I cannot",
        "I can’t",
        "I am unable",
        "I am not able",
        "As an AI",
        "Es tut mir leid",
        "Ich kann dir dabei nicht",
        "Je suis désolée",
        "Je ne peux pas",
        "Lo siento",
        "No puedo",
    ],
)
def test_every_way_of_declining_is_heard(text: str) -> None:
    assert of(text=f"Well, {text} …")["declines"] == 1.0
    assert of(text="x" * 300 + text)["declines"] == 0.0


@pytest.mark.parametrize(
    "text",
    [
        "I'm not sure",
        "I am not certain",
        "I don’t know",
        "It depends",
        "It is unclear",
        "I think",
        "I believe",
        "I guess",
        "Ich weiß es nicht",
        "Ich weiss nicht",
        "Vermutlich",
        "Je ne sais pas",
        "Peut-être",
        "No sé",
        "Quizás",
    ],
)
def test_every_way_of_hedging_is_heard(text: str) -> None:
    assert of(text=f"Well, {text} …")["hedges"] == 1.0


@pytest.mark.parametrize("digits", [4_300, 4_301, 6_000, 100_000])
@pytest.mark.parametrize(
    "shape", ["{}", "-{}", "1{}.5", "The sum is 1 + {} = {}", "{}%", "2,{}", "{0} = {0}", "#### {}"]
)
def test_a_number_too_long_to_convert_is_no_trouble(shape: str, digits: int) -> None:
    long = "7" * digits
    found = of(text=shape.replace("{0}", "{}").replace("{}", long), question=f"What is {long}?", samples=(long, long))
    assert all(value is None or 0 <= value <= 1 for name, value in found.items() if name in NAMES)


def test_a_signal_with_a_defect_is_left_out_and_told_of_by_its_name_alone(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(seen: Seen) -> dict[str, float | None]:
        raise ValueError(seen.text)

    monkeypatch.setattr(signals, "FAMILIES", {**FAMILIES, broken: ("first", "second")})
    found = of(text="the secret answer")
    assert (found["first"], found["second"], found["answered"]) == (None, None, 1.0)
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text
