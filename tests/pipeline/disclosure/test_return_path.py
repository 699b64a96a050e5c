"""The way back of an answer: masked, restored, and the same whether it is streamed or whole."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.contracts import Finding, TokenLogprob, ToolCall, Usage
from pipeline.disclosure.pseudonyms import Hidden, Pseudonyms
from pipeline.disclosure.redact import Found, Redactor, Windows
from pipeline.disclosure.return_path import ReturnPath
from pipeline.ports import Completion

AWKWARD = 'Dwayne "The" Rock,\n1 Long Road'
ISSUED = {
    "<PERSON_K7QM2>": "Ana Alba",
    "<ADDRESS_22222>": AWKWARD,
    "<EMAIL_BCDFG>": "ana@example.org",
    "u-bcdfghjk@redacted.invalid": "bo@example.org",
}
CUTS = st.lists(st.integers(0, 300), max_size=40)
_FORMS = re.compile(r"(?P<EMAIL>[\w-]{1,20}@[\w.]{3,30})|(?P<PHONE>\d{10})")


class Hit(NamedTuple):
    type: str
    start: int
    end: int
    score: float = 0.9


def scan(text: str) -> Sequence[Found]:
    return [Hit(match.lastgroup or "", *match.span()) for match in _FORMS.finditer(text)]


def masking() -> Redactor:
    return Redactor(scan, lambda _: True, Windows(step=8, left=32, right=80, most=128))


def completion(text: str | None, **more: object) -> Completion:
    return Completion("m", text, "stop", Usage(), **more)  # type: ignore[arg-type]  # fields by name


class Caller:
    """Who the text is for; he hangs up after `patience` pieces."""

    def __init__(self, patience: int = 10_000) -> None:
        self.heard: list[str] = []
        self.patience = patience

    async def __call__(self, text: str) -> bool:
        self.heard.append(text)
        return len(self.heard) < self.patience


async def streamed(back: ReturnPath, pieces: Sequence[str], caller: Caller) -> list[bool]:
    sink = back.sink(caller)
    answers = [await sink(piece) for piece in pieces]
    return [*answers, await back.finish()]


BITS = st.one_of(
    st.sampled_from([*ISSUED, "eva@example.com", "<PERSON_99>", "<PER", "{", " ", "\n", "word ", "\\", '"', "é"]),
    st.text(max_size=3),
)
TEXTS = st.lists(BITS, max_size=15).map("".join)


@given(TEXTS, CUTS, st.booleans(), st.sampled_from([None, True, False]))
async def test_what_was_streamed_is_the_text_of_the_completion(
    text: str, cuts: list[int], looks: bool, as_json: bool | None
) -> None:
    back, caller = ReturnPath(ISSUED, json=as_json, redactor=masking() if looks else None), Caller()
    edges = sorted({0, len(text), *(at for at in cuts if at < len(text))})
    await streamed(back, [text[a:b] for a, b in pairwise(edges)], caller)
    assert "".join(caller.heard) == back.completion(completion(text)).text


async def test_a_stream_still_streams() -> None:
    caller = Caller()
    await streamed(ReturnPath(ISSUED), ["Dear ", "<PER", "SON_K7", "QM2>", ", you are", " well."], caller)
    assert caller.heard == ["Dear ", "Ana Alba", ", you are", " well."]


async def test_text_is_masked_before_it_is_restored_so_that_what_is_the_callers_own_stays() -> None:
    said = "To <EMAIL_BCDFG> and u-bcdfghjk@redacted.invalid, cc eva@example.com."
    back, caller = ReturnPath(ISSUED, redactor=masking()), Caller()
    await streamed(back, list(said), caller)
    assert "".join(caller.heard) == "To ana@example.org and bo@example.org, cc [EMAIL]"
    assert back.completion(completion(said)).text == "".join(caller.heard)
    assert back.found == (Finding(type="EMAIL", count=1, score=0.9),)


async def test_a_caller_who_hung_up_hears_no_more_and_the_model_is_told() -> None:
    caller = Caller(patience=1)
    answers = await streamed(ReturnPath(ISSUED), ["one ", "two ", "<PERS"], caller)
    assert caller.heard == ["one "]
    assert answers == [False, False, False, False]


async def test_the_tail_is_passed_on_at_the_end_and_nothing_else_is() -> None:
    caller = Caller()
    back = ReturnPath(ISSUED)
    sink = back.sink(caller)
    assert await sink("see <PERSON_K7Q")
    assert caller.heard == ["see "]
    assert await back.finish()
    assert caller.heard == ["see ", "<PERSON_K7Q"]


async def test_without_a_stream_finishing_says_nothing() -> None:
    assert await ReturnPath(ISSUED).finish()


async def test_a_stream_of_blanks_comes_out_at_its_end() -> None:
    caller = Caller()
    await streamed(ReturnPath(ISSUED), [" ", "\n"], caller)
    assert "".join(caller.heard) == " \n"


# ---------------------------------------------------------------- whole


def test_an_answer_in_json_stays_json_whatever_a_value_holds() -> None:
    said = json.dumps({"to": "<ADDRESS_22222>", "n": 1.50, "cc": "eva@example.com", "tel": 2125550187})
    back = ReturnPath(ISSUED, json=True, redactor=masking()).completion(completion(said))
    assert json.loads(back.text or "") == {"to": AWKWARD, "n": 1.5, "cc": "[EMAIL]", "tel": "[PHONE]"}


@pytest.mark.parametrize(("said", "expected"), [(' {"a": "<ADDRESS_22222>"}', True), ("To <ADDRESS_22222>", False)])
def test_json_is_known_by_its_first_character_where_no_schema_says_so(said: str, expected: bool) -> None:
    text = ReturnPath(ISSUED).completion(completion(said)).text or ""
    assert ("\n" not in text) is expected


def test_a_whole_answer_is_read_tolerantly_and_a_streamed_one_as_its_stream_was() -> None:
    assert ReturnPath(ISSUED).completion(completion("Dear person_k7qm2")).text == "Dear Ana Alba"
    back = ReturnPath(ISSUED)
    back.sink(Caller())
    assert back.completion(completion("Dear person_k7qm2")).text == "Dear person_k7qm2"


def call(arguments: object) -> ToolCall:
    return ToolCall(id="c1", function={"name": "send", "arguments": arguments})  # type: ignore[dict-item]  # JSON


def arguments_of(made: Completion) -> object:
    assert made.tool_calls is not None
    return made.tool_calls[0].function["arguments"]


def test_arguments_of_tool_calls_are_restored_in_their_values() -> None:
    document = {"to": ["<PERSON_K7QM2>", {"at": "\\u003cADDRESS_22222\\u003e <ADDRESS_22222>"}], "amount": 10.10}
    written = json.dumps(document).replace("<PERSON", "\\u003cPERSON")
    made = arguments_of(ReturnPath(ISSUED).completion(completion(None, tool_calls=(call(written),))))
    assert isinstance(made, str)
    assert json.loads(made) == {"to": ["Ana Alba", {"at": f"\\u003cADDRESS_22222\\u003e {AWKWARD}"}], "amount": 10.1}
    assert "10.1" in made


def test_arguments_that_are_no_json_are_restored_as_text() -> None:
    for written, expected in (
        ("<ADDRESS_22222>", AWKWARD),
        ('{"to": "<ADDRESS_22222>', f'{{"to": "{AWKWARD}'),
        ("", ""),
    ):
        assert arguments_of(ReturnPath(ISSUED).completion(completion(None, tool_calls=(call(written),)))) == expected


def test_arguments_that_are_a_document_already_are_restored_in_it() -> None:
    made = ReturnPath(ISSUED).completion(completion(None, tool_calls=(call({"to": ["<ADDRESS_22222>"]}),)))
    assert arguments_of(made) == {"to": [AWKWARD]}


def test_personal_data_of_the_models_own_is_masked_in_arguments_and_counted() -> None:
    written = json.dumps({"to": "<EMAIL_BCDFG>", "cc": "eva@example.com", "tel": 2125550187})
    back = ReturnPath(ISSUED, redactor=masking())
    tokens = (TokenLogprob(token="ask eva@example.com", logprob=-1.0),)
    made = back.completion(completion("ask eva@example.com", tool_calls=(call(written),), tokens=tokens))
    assert json.loads(str(arguments_of(made))) == {"to": "ana@example.org", "cc": "[EMAIL]", "tel": "[PHONE]"}
    assert {finding.type: finding.count for finding in back.found} == {"EMAIL": 2, "PHONE": 1}


def test_a_call_in_which_nothing_changes_is_the_same_call() -> None:
    asked = call('{"a":  1.0}')
    made = ReturnPath(ISSUED, redactor=masking()).completion(completion(None, tool_calls=(asked,)))
    assert made.tool_calls is not None
    assert made.tool_calls[0] is asked


@given(TEXTS, CUTS, st.booleans())
def test_scored_tokens_join_to_the_text_and_keep_their_whole_score(text: str, cuts: list[int], looks: bool) -> None:
    edges = sorted({0, len(text), *(at for at in cuts if at < len(text))})
    tokens = tuple(TokenLogprob(token=text[a:b], logprob=-0.25) for a, b in pairwise(edges))
    back = ReturnPath(ISSUED, redactor=masking() if looks else None)
    made = back.completion(completion(text, tokens=tokens))
    assert made.tokens is not None
    assert "".join(token.token for token in made.tokens) == made.text
    assert sum(token.logprob for token in made.tokens) == pytest.approx(-0.25 * len(tokens))


def test_without_tokens_and_without_a_redactor_everything_is_as_it_was() -> None:
    answer = completion("a <PERSON_K7QM2> \\u003c", tokens=(TokenLogprob(token="a", logprob=-1.0),))
    assert ReturnPath({}).completion(answer) == answer


def test_a_scan_that_broke_is_told() -> None:
    def broken(_: str) -> Sequence[Found]:
        raise RuntimeError

    back = ReturnPath({}, redactor=Redactor(broken, lambda _: True))
    assert not back.failed
    assert back.completion(completion("something")).text == "[UNSCANNED]"
    assert back.failed


@given(st.text(max_size=60), st.data())
async def test_what_left_as_tokens_comes_back_as_it_was(text: str, data: st.DataObject) -> None:
    """The whole road: replaced on the way out, said again by the model, streamed in any pieces."""
    edges = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    hidden = [Hidden("PERSON", a, b) for a, b in list(pairwise(edges))[::2]]
    shown = Pseudonyms(b"secret", "acme", "s:1")
    seen = shown.replace(text, hidden)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(seen)), max_size=8)) | {0, len(seen)})
    caller = Caller()
    await streamed(ReturnPath(shown.issued, json=False), [seen[a:b] for a, b in pairwise(cuts)], caller)
    assert "".join(caller.heard) == text


# ---------------------------------------------------------------- reasoning


class Ears:
    """A caller who hears reasoning and text in one order."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def text(self, piece: str) -> bool:
        self.heard.append(("text", piece))
        return True

    async def aside(self, piece: str) -> bool:
        self.heard.append(("aside", piece))
        return True

    def all(self, kind: str) -> str:
        return "".join(piece for heard, piece in self.heard if heard == kind)


@given(TEXTS, TEXTS, CUTS, st.booleans())
async def test_reasoning_comes_before_the_text_and_is_restored_at_any_cut(
    thought: str, text: str, cuts: list[int], looks: bool
) -> None:
    def cut(value: str) -> list[str]:
        edges = sorted({0, len(value), *(at for at in cuts if at < len(value))})
        return [value[a:b] for a, b in pairwise(edges)]

    back, ears = ReturnPath(ISSUED, json=False, redactor=masking() if looks else None), Ears()
    aside, sink = back.aside(ears.aside), back.sink(ears.text)
    for piece in cut(thought):
        await aside(piece)
    for piece in cut(text):
        await sink(piece)
    await back.finish()
    kinds = [kind for kind, _ in ears.heard]
    assert kinds == sorted(kinds), "nothing of it after the text began"
    once = ReturnPath(ISSUED, json=False, redactor=masking() if looks else None)
    alone = Caller()
    await streamed(once, [thought], alone)
    assert ears.all("aside") == "".join(alone.heard)
    done = back.completion(completion(text, reasoning=thought))
    assert (done.reasoning, done.text) == (ears.all("aside"), ears.all("text"))


def test_whole_reasoning_is_masked_restored_and_counted() -> None:
    back = ReturnPath(ISSUED, redactor=masking())
    said = "person_k7qm2 is known, eva@example.com is not"
    done = back.completion(completion("bo@example.com", reasoning=said))
    assert done.reasoning == "Ana Alba is known, [EMAIL] is not"
    assert back.found == (Finding(type="EMAIL", count=2, score=0.9),)


async def test_reasoning_between_texts_is_passed_on_in_its_place() -> None:
    back, ears = ReturnPath(ISSUED, json=False), Ears()
    aside, sink = back.aside(ears.aside), back.sink(ears.text)
    await aside("of <PERSON_")
    await aside("K7QM2>, <PERS")
    await sink("one")
    await aside("and <EMAIL_BCDFG>")
    await sink("two")
    await back.finish()
    assert ears.heard == [
        ("aside", "of "),
        ("aside", "Ana Alba, "),
        ("aside", "<PERS"),
        ("text", "one"),
        ("aside", "and ana@example.org"),
        ("text", "two"),
    ]
    assert back.completion(completion("onetwo", reasoning="…")).reasoning == ears.all("aside")


def test_a_scan_that_broke_over_the_reasoning_is_told() -> None:
    def broken(text: str) -> Sequence[Found]:
        if "so" in text:
            raise ValueError
        return []

    back = ReturnPath({}, redactor=Redactor(broken, lambda _: True))
    done = back.completion(completion("4", reasoning="so it is"))
    assert back.failed
    assert "so" not in (done.reasoning or "")
