r"""Sentence templates, one to a line.

`{slot}` is filled (`{Slot}` begins with a capital, `{SLOT}` is all capitals), `[[a|b]]` is a choice, `\n` and `\t` are
what they look like. The first line of a file says what is in it.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Final

__all__ = ["Template", "all_templates", "parts"]

_CHOICE: Final = re.compile(r"\[\[(.*?)\]\]", re.DOTALL)
_SLOT: Final = re.compile(r"\{([A-Za-z_]+)\}")


@dataclass(frozen=True, slots=True)
class Template:
    """One line of a file: `style/line` names it for the split into trained and held out."""

    name: str
    text: str

    def chosen(self, chance: Random) -> str:
        """The text with every choice made."""
        return _CHOICE.sub(lambda found: chance.choice(found.group(1).split("|")), self.text)


@lru_cache(maxsize=1)
def all_templates() -> tuple[Template, ...]:
    """Every template, in the order of the files' names and of their lines."""
    return tuple(
        Template(f"{file.stem}/{number}", line.replace("\\n", "\n").replace("\\t", "\t"))
        for file in sorted(Path(__file__).parent.glob("*.txt"))
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip() and not (number == 1 and line.startswith("#"))
    )


def parts(text: str) -> list[tuple[str, bool]]:
    """Cut a text into literal parts and slots: `(part, whether it is a slot)`."""
    pieces = _SLOT.split(text)
    return [(piece, bool(place % 2)) for place, piece in enumerate(pieces) if piece]
