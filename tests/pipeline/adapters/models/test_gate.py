"""The gate reads a draft along: it gives up what begins too unsure, and passes on what begins sure enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.models.gate import Gate, finishes_anyway
from pipeline.adapters.models.relay import Relay
from pipeline.contracts import TokenLogprob
from pipeline.errors import LeftEarly
from pipeline.policy.models import EarlyExit, OpenEarly
from pipeline.ports import Piece

SURE, UNSURE = -0.05, -2.0


class Caller:
    def __init__(self) -> None:
        self.text = ""
        self.there = True

    async def __call__(self, text: str) -> bool:
        self.text += text
        return self.there


class Bench:
    """A gate with a caller behind it, fed a word at a time as an endpoint would."""

    def __init__(
        self,
        exits: EarlyExit | None = None,
        opens: OpenEarly | None = None,
        *,
        may_leave: bool = True,
        finishes: bool = False,
        document: bool | None = None,
    ) -> None:
        self.caller, self.asked, self._may = Caller(), 0, may_leave
        self.gate = Gate(
            exits,
            opens,
            may_leave=self._may_leave,
            way_out=lambda: self.caller,
            finishes=finishes,
            document=document,
        )
        self.tokens: list[TokenLogprob] = []

    async def _may_leave(self) -> bool:
        self.asked += 1
        return self._may

    async def say(self, score: float, count: int, *, word: str = " word", calls: bool = False) -> bool:
        wanted = True
        for _ in range(count):
            self.tokens.append(TokenLogprob(token=word, logprob=score))
            wanted = await self.gate.read(Piece(word, self.tokens, calls))
        return wanted


EXIT, OPEN = EarlyExit(after=4, below=0.5), OpenEarly(after=6, above=0.8)


async def test_an_unsure_beginning_is_given_up_after_the_tokens_that_the_policy_names() -> None:
    bench = Bench(EXIT)
    await bench.say(UNSURE, 3)
    with pytest.raises(LeftEarly):
        await bench.say(UNSURE, 1)
    assert bench.gate.exit_at == 4
    assert bench.caller.text == ""


async def test_a_sure_beginning_goes_on_and_may_still_be_given_up_later() -> None:
    bench = Bench(EXIT)
    await bench.say(SURE, 6)
    with pytest.raises(LeftEarly):
        await bench.say(UNSURE, 20)


async def test_from_where_it_is_sure_enough_the_caller_has_everything_and_in_order() -> None:
    bench = Bench(EXIT, OPEN)
    await bench.say(SURE, 5, word=" a")
    assert bench.caller.text == "", "nothing leaves before"
    await bench.say(SURE, 1, word=" b")
    await bench.say(SURE, 1, word=" c")
    assert bench.caller.text == " a" * 5 + " b c"
    assert bench.gate.passed_on


async def test_what_was_passed_on_is_never_given_up() -> None:
    bench = Bench(EXIT, OPEN)
    await bench.say(SURE, 6)
    await bench.say(UNSURE, 50)
    assert bench.gate.exit_at is None
    assert bench.asked == 0


async def test_between_the_two_it_is_held_back_until_it_ends() -> None:
    bench = Bench(EXIT, OPEN)
    await bench.say(-0.4, 40)
    assert (bench.caller.text, bench.gate.exit_at, bench.gate.passed_on) == ("", None, False)


async def test_where_nothing_better_is_to_be_had_it_goes_on_and_nobody_asks_again() -> None:
    bench = Bench(EXIT, OPEN, may_leave=False)
    await bench.say(UNSURE, 40)
    assert bench.asked == 1
    assert bench.gate.exit_at is None


async def test_some_are_finished_all_the_same_and_say_when_they_would_have_been_given_up() -> None:
    bench = Bench(EXIT, OPEN, finishes=True)
    await bench.say(UNSURE, 10)
    await bench.say(SURE, 200)
    assert bench.gate.exit_at == 4
    assert bench.caller.text == "", "what its beginning spoke against is not passed on either"


async def test_a_call_of_a_tool_is_neither_passed_on_nor_given_up() -> None:
    bench = Bench(EXIT, OPEN)
    await bench.say(SURE, 2)
    await bench.say(SURE, 20, calls=True)
    assert bench.caller.text == ""
    await bench.say(UNSURE, 20, calls=True)
    assert bench.gate.exit_at is None


async def test_without_log_probabilities_nothing_is_concluded() -> None:
    bench = Bench(EXIT, OPEN)
    for _ in range(100):
        assert await bench.gate.read(Piece(" word"))
    assert bench.caller.text == ""


async def test_keys_and_punctuation_are_no_tokens_of_values() -> None:
    """Many certain braces say nothing; the first doubtful values do."""
    bench = Bench(EarlyExit(after=2, below=0.5), document=True)
    for word, score in (("{", SURE), ('"', SURE), ("name", SURE), ('"', SURE), (":", SURE), (" ", SURE), ('"', SURE)):
        await bench.say(score, 1, word=word)
    await bench.say(UNSURE, 1, word="An")
    with pytest.raises(LeftEarly):
        await bench.say(UNSURE, 2, word="na")


async def test_a_new_try_begins_anew() -> None:
    bench = Bench(EXIT, OPEN)
    await bench.say(SURE, 5, word=" lost")
    bench.gate.begins()
    bench.tokens.clear()
    await bench.say(SURE, 6, word=" kept")
    assert bench.caller.text == " kept" * 6


async def test_a_caller_who_is_gone_stops_it() -> None:
    bench = Bench(None, OPEN)
    bench.caller.there = False
    assert not await bench.say(SURE, 6)


async def test_what_has_ended_is_checked_as_a_whole() -> None:
    """There is nothing to save any more."""
    bench = Bench(EXIT)
    await bench.say(UNSURE, 3)
    tokens = [TokenLogprob(token=" word", logprob=UNSURE)] * 8
    assert await bench.gate.read(Piece(" word", tokens, ended=True))


@given(st.lists(st.sampled_from([SURE, -0.4, UNSURE]), min_size=1, max_size=80))
async def test_the_caller_has_all_of_it_or_nothing(scores: list[float]) -> None:
    bench = Bench(EXIT, OPEN)
    said = ""
    try:
        for place, score in enumerate(scores):
            await bench.say(score, 1, word=f" {place}")
            said += f" {place}"
    except LeftEarly:
        assert bench.caller.text == ""
    assert bench.caller.text in ("", said)
    assert bool(bench.caller.text) == bench.gate.passed_on


@given(st.floats(0, 1, exclude_max=True))
def test_who_is_finished_all_the_same_follows_from_the_request(draw: float) -> None:
    assert finishes_anyway(draw, 1.0)
    assert not finishes_anyway(draw, 0.0)
    assert finishes_anyway(draw, 0.3) == finishes_anyway(draw, 0.3)


def test_the_share_that_is_finished_is_the_one_asked_for() -> None:
    share = sum(finishes_anyway(place / 20_000, 0.1) for place in range(20_000)) / 20_000
    assert 0.09 < share < 0.11


# ---------------------------------------------------------------- reasoning


def reasoned(opens: OpenEarly | None, exits: EarlyExit | None = None) -> tuple[Gate, list[tuple[str, str]]]:
    heard: list[tuple[str, str]] = []

    async def text(piece: str) -> bool:
        heard.append(("text", piece))
        return True

    async def aside(piece: str) -> bool:
        heard.append(("aside", piece))
        return True

    async def may_leave() -> bool:
        return True

    return Gate(exits, opens, may_leave=may_leave, way_out=lambda: text, aside=lambda: aside), heard


async def test_reasoning_waits_for_the_gate_and_comes_before_the_text() -> None:
    gate, heard = reasoned(OpenEarly(after=2, above=0.5))
    sure = [TokenLogprob(token=" word", logprob=SURE)] * 3
    await gate.read(Piece(" word", sure[:1], reasoning="I think"))
    assert heard == []
    await gate.read(Piece(" word", sure[:2], reasoning=" so"))
    await gate.read(Piece(" word", sure, reasoning="…"))
    assert heard == [("aside", "I think so"), ("text", " word word"), ("aside", "…"), ("text", " word")]


@pytest.mark.parametrize("above", [0.5, 0.99])
async def test_reasoning_that_no_text_follows_is_heard_where_the_text_was(above: float) -> None:
    gate, heard = reasoned(OpenEarly(after=2, above=above))
    relay = Relay(None, reader=gate)
    relay.goes_out(unseen=False)
    await relay.let_read(Piece(" word word", [TokenLogprob(token=" word", logprob=SURE)] * 2))
    await relay.hand_on_reasoning("that was it")
    await relay.ends()
    assert heard == ([("text", " word word"), ("aside", "that was it")] if above < 0.9 else [])


async def test_nothing_is_heard_of_the_reasoning_of_a_draft_that_is_left() -> None:
    gate, heard = reasoned(OpenEarly(after=2, above=0.9), EarlyExit(after=2, below=0.5, explore=0.0))
    unsure = [TokenLogprob(token=" word", logprob=UNSURE)] * 2
    with pytest.raises(LeftEarly):
        await gate.read(Piece(" word word", unsure, reasoning="I think"))
    assert heard == []


async def test_a_new_try_has_nothing_of_what_an_earlier_one_reasoned() -> None:
    gate, heard = reasoned(OpenEarly(after=2, above=0.5))
    await gate.read(Piece("", (), reasoning="first"))
    gate.begins()
    await gate.read(Piece(" word word", [TokenLogprob(token=" word", logprob=SURE)] * 2, reasoning="second"))
    assert heard == [("aside", "second"), ("text", " word word")]
