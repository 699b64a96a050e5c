"""Formulas, code and layout: where signs carry the meaning, every sign counts."""

import re
import unicodedata
from typing import Final

__all__ = ["layout", "signs"]

_FORMULA: Final = re.compile(r"[+*/=^<>{}\\|~`_@#&]|\d\s*\(|\)\s*\d|\d\s+[-−]\s+\d")
_SIGN: Final = re.compile(r"[^\w\s]")
_OPENINGS: Final = ("<super>", "<sub>", "<fraction>", "<circle>", "<square>", "<font>")


def signs(text: str) -> str:
    """The signs of a text that has a formula or code, in their order; and letters that stand high, low or in circles.

    Of other texts none: there a comma more is no other question.
    """
    raised = "" if text.isascii() else "".join(each for each in text if _is_raised(each))
    if _FORMULA.search(text) is None:
        return raised
    return raised + "".join(_SIGN.findall(text.rstrip(" .?!")))


def _is_raised(character: str) -> bool:
    return unicodedata.decomposition(character).startswith(_OPENINGS)


def layout(text: str) -> tuple[int, ...]:
    """How deep each line is indented, where there are several: of code that is meaning."""
    lines = [line.rstrip() for line in text.strip().split("\n")]
    return tuple(len(line) - len(line.lstrip()) for line in lines) if len(lines) > 1 else ()
