"""What the text of a draft says of itself, for questions with options: no knowledge of the right one is needed.

Whether it came to an answer, repeats itself or is cut off; whether its sums are right; whether what it computed or
quoted is in the option that it chose or in another one.
"""

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["of_question", "of_text"]

_ANSWER: Final = re.compile(r"answer is \(?[A-J]")
_FROM_ANSWER: Final = re.compile(r"[Tt]he answer is.*", re.DOTALL)
_NUMBER: Final = re.compile(r"-?\d+(?:\.\d+)?")
_SUM: Final = re.compile(r"(-?\d+(?:\.\d+)?)\s*([+\-*/×])\s*(-?\d+(?:\.\d+)?)\s*=\s*\$?(-?\d+(?:\.\d+)?)")
_WORD: Final = re.compile(r"[a-z]{4,}")
_UNSURE: Final = re.compile(r"cannot|not enough|none of|approximately|closest|not (?:listed|among)")
_RECORDED: Final = 1200
"""Characters of a text that are recorded."""
_MOST_NUMBERS: Final = 60


def of_question(question: str, options: Sequence[str]) -> dict[str, float]:
    """Signals of a question and its options."""
    words = question.lower().split()
    return {
        "question_length": float(len(question)) ** 0.5,
        "options": float(len(options)),
        "option_length": sum(map(len, options)) / max(1, len(options)),
        "options_with_numbers": sum(bool(_NUMBER.search(option)) for option in options) / max(1, len(options)),
        "question_numbers": float(len(_NUMBER.findall(question))),
        "question_negated": float("not" in words),
        "none_of_these": float(any("none of" in option.lower() for option in options)),
        "formulas": float(question.count("$") + question.count("\\")),
    }


def of_text(text: str, options: Sequence[str], choice: int | None) -> dict[str, float]:
    """Signals of the text of a draft that chose this option, by its place; None: it chose none."""
    sentences = [part for part in re.split(r"[.\n]", text) if len(part) > 15]
    sums = _SUM.findall(text.replace(",", ""))
    told = {
        "text_length": float(len(text)) ** 0.5,
        "came_to_an_answer": float(bool(_ANSWER.search(text))),
        "cut_off": float(len(text) >= _RECORDED),
        "distinct_sentences": len(set(sentences)) / max(1, len(sentences)),
        "sentences": float(len(sentences)),
        "sums": float(len(sums)),
        "wrong_sums": float(sum(not _holds(*parts) for parts in sums)),
        "unsure_words": float(len(_UNSURE.findall(text.lower()))),
        "digits": sum(character.isdigit() for character in text) / max(1, len(text)),
    }
    return told | _of_choice(_FROM_ANSWER.sub("", text), options, choice)


def _of_choice(reasons: str, options: Sequence[str], choice: int | None) -> dict[str, float]:
    """How much of the option that was chosen, and of the best other one, is found in the reasons."""
    numbers, words = _numbers(reasons), set(_WORD.findall(reasons.lower()))
    in_numbers = [_found(option, numbers) for option in options]
    in_words = [_covered(option, words) for option in options]
    last = numbers[-1:]
    ends = [any(_near(one, last[0]) for one in _numbers(option)) if last else False for option in options]
    chosen = choice if choice is not None and choice < len(options) else None
    others = [place for place in range(len(options)) if place != chosen]
    mine = (in_numbers[chosen], in_words[chosen], ends[chosen]) if chosen is not None else (0.0, 0.0, False)
    other_number = max((in_numbers[place] for place in others), default=0.0)
    other_word = max((in_words[place] for place in others), default=0.0)
    return {
        "choice_number": mine[0],
        "choice_number_over": mine[0] - other_number,
        "choice_words": mine[1],
        "choice_words_over": mine[1] - other_word,
        "choice_is_last_number": float(mine[2]),
        "other_is_last_number": float(any(ends[place] for place in others)),
        "choice_quoted": float(chosen is not None and options[chosen].lower().strip(". ") in reasons.lower()),
        "choice_length": float(len(options[chosen])) if chosen is not None else 0.0,
    }


def _numbers(text: str) -> list[float]:
    return [float(number) for number in _NUMBER.findall(text.replace(",", ""))][:_MOST_NUMBERS]


def _near(one: float, other: float, within: float = 0.01) -> bool:
    return abs(one - other) <= within * max(abs(one), abs(other), 1e-9)


def _found(option: str, numbers: Sequence[float]) -> float:
    own = _numbers(option)
    return sum(any(_near(number, one) for one in numbers) for number in own) / len(own) if own else 0.0


def _covered(option: str, words: set[str]) -> float:
    own = set(_WORD.findall(option.lower()))
    return len(own & words) / len(own) if own else 0.0


def _holds(left: str, sign: str, right: str, result: str) -> bool:
    """Whether a sum is right within two in a hundred, as texts round."""
    first, second = float(left), float(right)
    if sign == "/" and second == 0.0:
        return False
    value = {"+": first + second, "-": first - second, "*": first * second, "×": first * second}.get(sign)
    value = first / second if value is None else value
    return abs(value - float(result)) <= 0.02 * max(1.0, abs(value))
