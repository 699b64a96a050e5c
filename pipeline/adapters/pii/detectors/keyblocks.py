"""Private keys that are written as a block of lines, whole or cut off at either end."""

import re
from collections.abc import Iterator
from itertools import zip_longest
from typing import Final

import regex

from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["KEY_BLOCKS", "LONGEST_BLOCK"]

LONGEST_BLOCK: Final = 16_384
"""Characters after its head, at most, that belong to a block."""

_MARK: Final = re.compile(r"-{4,5} ?(BEGIN|END) (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)? ?-{4,5}")
# Groups that are never given back (`{1,40}+`) go too far under `re` before Python 3.11.5; `regex` has no such fault.
_GAP: Final = r"(?:\s|\\{1,2}[nr]|[\"'+,>|#*]){1,40}+"
_HEADER: Final = r"(?:Proc-Type|DEK-Info|Comment|Version|Subject|Hash|Charset|X-[A-Za-z-]{1,20}): ?[^\n\\]{0,120}"
_BODY: Final = regex.compile(
    rf"(?:{_GAP}(?:{_HEADER}|[A-Za-z0-9+/]{{16,4096}}={{0,2}}|=[A-Za-z0-9+/]{{4}}))*+(?:{_GAP}[A-Za-z0-9+/]{{1,80}}={{0,2}}(?=\s{{0,4}}[\n\\\"']|\s{{0,4}}\Z))?"
)
_PAG: Final = r"(?:[\s\\\"'+,>|#*]|[nr](?=\\)){1,40}+"
_YDOB: Final = regex.compile(
    rf"(?:{_PAG}={{0,2}}[A-Za-z0-9+/]{{1,80}})?(?:{_PAG}={{0,2}}[A-Za-z0-9+/]{{32,4096}})*+(?:{_PAG}[A-Za-z0-9+/]{{1,80}}\Z)?"
)
"""The lines of a key from its head on, and backwards from its foot."""
_PUTTY: Final = regex.compile(
    r"PuTTY-User-Key-File-\d:(?:[^\n\\]{0,200}(?:\n|\\r|\\n|\r){1,4}){0,80}?Private-Lines: ?\d{1,4}"
    r"(?:\s|\\[nr]){1,8}(?:[A-Za-z0-9+/=]{4,80}(?:\s|\\[nr]){0,8}){0,200}+(?:Private-MAC: ?[a-f0-9]{40,64})?"
)
_JWK: Final = re.compile(r"[\"']d[\"']\s{0,2}:\s{0,2}[\"'](?P<secret>[A-Za-z0-9_-]{20,1024})[\"']")
_WIREGUARD: Final = re.compile(r"(?:PrivateKey|PresharedKey)\s{0,2}=\s{0,2}(?P<secret>[A-Za-z0-9+/]{42,43}=)")
_SURE: Final = 0.97


def _body_end(text: str, head: int) -> int:
    """Where the lines end that stand after a head without foot."""
    body = _BODY.match(text[head : head + LONGEST_BLOCK])
    return head + (0 if body is None else body.end())


def _body_start(text: str, after: int, foot: int) -> int:
    """Where the lines begin that stand before a foot without head."""
    body = _YDOB.match(text[max(after, foot - LONGEST_BLOCK) : foot][::-1])
    return foot - (0 if body is None else body.end())


def _blocks(text: str) -> Iterator[Span]:
    marks, end = list(_MARK.finditer(text)), 0
    for mark, following in zip_longest(marks, marks[1:]):
        if mark.start() < end:
            continue
        if mark[1] == "END":
            start, end = _body_start(text, end, mark.start()), mark.end()
        elif following is not None and following[1] == "END" and following.start() - mark.end() <= LONGEST_BLOCK:
            start, end = mark.start(), following.end()
        else:
            start, end = mark.start(), _body_end(text, mark.end())
        yield Span("SECRET", start, end, _SURE)


def _key_blocks(page: Page) -> Iterator[Span]:
    text = page.text
    if "PRIVATE KEY" in text:
        yield from _blocks(text)
    if "PuTTY-User-Key-File-" in text:
        for match in _PUTTY.finditer(text):
            yield Span("SECRET", match.start(), match.end(), _SURE)
    if "kty" in text:
        for match in _JWK.finditer(text):
            yield Span("SECRET", *match.span("secret"), 0.9)
    if "PrivateKey" in text or "PresharedKey" in text:
        for match in _WIREGUARD.finditer(text):
            yield Span("SECRET", *match.span("secret"), _SURE)


def _may_hold_key(page: Page) -> bool:
    text = page.text
    return (
        "PRIVATE KEY" in text or "PuTTY-User-Key-File-" in text or "kty" in text
        or "PrivateKey" in text or "PresharedKey" in text
    )  # fmt: skip


KEY_BLOCKS: Final = Detector("key-blocks", ("SECRET",), _may_hold_key, _key_blocks)
