"""Labelled questions out of files, with their candidates as the cascade would find them."""

import gzip
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.calibrate.likeness.asked import Asked
from pipeline.errors import InvalidRequest, NotFound

__all__ = ["Grouped", "Paired", "asked_of", "neighbours", "read_labelled"]

Encode = Callable[[Sequence[str]], NDArray[np.float32]]

_CANDIDATES: Final = 5
_BLOCK: Final = 512
_LONGEST: Final = 20_000
_FORMS: Final = (
    'a line is {"new": "…", "remembered": "…", "same": true}, or {"text": "…", "group": "…"} with one group for all '
    "questions that have one answer, and null for one that nothing may answer"
)


class Paired(BaseModel):
    """Two questions, and whether the answer to the remembered one is an answer to the new one."""

    model_config = ConfigDict(extra="ignore", strict=True)

    new: str = Field(min_length=1, max_length=_LONGEST)
    remembered: str = Field(min_length=1, max_length=_LONGEST)
    same: bool


class Grouped(BaseModel):
    """A question, and the group of those that have its answer; null: nothing remembered may answer it."""

    model_config = ConfigDict(extra="ignore", strict=True)

    text: str = Field(min_length=1, max_length=_LONGEST)
    group: str | None


Line = Paired | Grouped


def read_labelled(files: Iterable[Path]) -> list[Paired] | list[Grouped]:
    """The lines of these files, `.jsonl` or `.jsonl.gz`; all of them are of one form.

    Raises:
        NotFound: a file cannot be read.
        InvalidRequest: a line is of neither form, or of the other one; names the place.
    """
    paired: list[Paired] = []
    grouped: list[Grouped] = []
    for file in files:
        for place, raw in _lines(file):
            line = _line(place, raw)
            if isinstance(line, Paired):
                paired.append(line)
            else:
                grouped.append(line)
            if paired and grouped:
                raise InvalidRequest(f"{place}: pairs and groups stand together; give files of one form at a time")
    return paired or grouped


def _lines(file: Path) -> Iterator[tuple[str, bytes]]:
    try:
        with gzip.open(file, "rb") if file.suffix == ".gz" else file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield f"{file}:{number}", line
    except (OSError, EOFError) as error:
        raise NotFound(f"{file}: the labels cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _line(place: str, raw: bytes) -> Line:
    try:
        found: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise InvalidRequest(f"{place}: is no JSON") from None
    form = Paired if isinstance(found, dict) and "new" in found else Grouped
    try:
        return form.model_validate(found)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        key = ".".join(map(str, first["loc"])) or "the line"
        raise InvalidRequest(f"{place}: {key}: {first['msg'][:1].lower()}{first['msg'][1:]}; {_FORMS}") from None


def asked_of(lines: Sequence[Paired] | Sequence[Grouped], encode: Encode, floor: float) -> Asked:
    """Questions with candidates and cosines, as the search by likeness brings them.

    Of pairs the remembered question is the only candidate. A question of a group is asked of all the others.

    Args:
        lines: of one form.
        encode: makes unit vectors of texts.
        floor: the cosine below which a remembered question is no candidate.

    Raises:
        InvalidRequest: there are not two questions.
    """
    paired = [line for line in lines if isinstance(line, Paired)]
    grouped = [line for line in lines if isinstance(line, Grouped)]
    if len(paired) < 2 and len(grouped) < 2:
        raise InvalidRequest(f"the files hold no labelled questions: {_FORMS}")
    return _pairs(paired, encode, floor) if paired else _groups(grouped, encode, floor)


def _pairs(lines: Sequence[Paired], encode: Encode, floor: float) -> Asked:
    texts = list(dict.fromkeys(text for line in lines for text in (line.new, line.remembered)))
    at = {text: place for place, text in enumerate(texts)}
    vectors = encode(texts)
    new = vectors[[at[line.new] for line in lines]]
    old = vectors[[at[line.remembered] for line in lines]]
    cosines = np.clip(np.einsum("ij,ij->i", new, old, dtype=np.float64), 0.0, 1.0)
    same = np.array([line.same for line in lines])
    keys = tuple(_together(lines))
    return Asked(
        "pairs", tuple(line.new for line in lines), tuple(line.remembered for line in lines),
        np.arange(len(lines))[:, None], cosines[:, None], same[:, None], same, np.zeros(len(lines), bool),
        np.ones(len(lines), bool), keys, keys, floor,
    )  # fmt: skip


def _together(lines: Sequence[Paired]) -> Iterator[str]:
    """A key for each pair: those that share a question, directly or by way of others, have the same."""
    above: dict[str, str] = {}

    def top(text: str) -> str:
        while above.setdefault(text, text) != text:
            above[text] = text = above[above[text]]
        return text

    plain = [(" ".join(line.new.lower().split()), " ".join(line.remembered.lower().split())) for line in lines]
    for new, old in plain:
        above[top(new)] = top(old)
    return (top(new) for new, _ in plain)


def _groups(lines: Sequence[Grouped], encode: Encode, floor: float) -> Asked:
    texts = tuple(line.text for line in lines)
    vectors = encode(texts)
    places, cosines = neighbours(vectors, vectors, min(_CANDIDATES, len(texts) - 1), np.arange(len(texts)))
    names = [None if line.group is None else f"group {line.group}" for line in lines]
    keys = tuple(f"alone {text}" if name is None else name for name, text in zip(names, texts, strict=True))
    never = np.array([name is None for name in names])
    own, times = np.array(keys), Counter(keys)
    return Asked(
        "groups", texts, texts, places, cosines, (own[places] == own[:, None]) & ~never[:, None],
        np.array([times[key] > 1 for key in keys]) & ~never, never, np.ones(len(texts), bool), keys, keys, floor,
    )  # fmt: skip


def neighbours(
    known: NDArray[np.float32], wanted: NDArray[np.float32], count: int, own: NDArray[np.int64] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The places and cosines of the `count` nearest known vectors of each wanted one, the most alike first.

    Args:
        known: unit vectors, as rows.
        wanted: those that are looked up.
        count: how many for each.
        own: the place of each wanted one itself among those known, which is left out.
    """
    places = np.zeros((len(wanted), count), np.int64)
    cosines = np.zeros((len(wanted), count))
    for first in range(0, len(wanted), _BLOCK):
        near = wanted[first : first + _BLOCK] @ known.T
        rows = np.arange(len(near))
        if own is not None:
            near[rows, own[first : first + _BLOCK]] = -2.0
        some = np.argpartition(-near, count - 1, axis=1)[:, :count]
        order = np.argsort(-near[rows[:, None], some], axis=1, kind="stable")
        best = some[rows[:, None], order]
        places[first : first + _BLOCK], cosines[first : first + _BLOCK] = best, near[rows[:, None], best]
    return places, np.clip(cosines, 0.0, 1.0)
