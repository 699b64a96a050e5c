"""Addresses of machines in networks: IP of both versions, and MAC."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from pipeline.adapters.pii import cues, nearby
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["IP", "MAC"]

# ---------------------------------------------------------------- IP

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_V4: Final = re.compile(
    rf"(?<![A-Za-z0-9_.À-ɏ]){_OCTET}(?:\.{_OCTET}){{3}}(?![A-Za-z0-9_À-ɏ]|\.\d|-\d)(?:/\d{{1,2}}(?!\d))?"
)
_QUAD: Final = re.compile(r"\d(?<![A-Za-z0-9_.À-ɏ]\d)\d{0,2}\.\d{1,3}\.\d{1,3}\.\d")
_V6: Final = re.compile(
    r"(?<![A-Za-z0-9_:.À-ɏ])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{1,36}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![A-Za-z0-9_:À-ɏ]|\.\d)"
    r"(?:%[\w.-]{1,15})?(?:/\d{1,3}(?!\d))?"
)
_DOTS: Final = re.compile(r"\.\d{1,3}\.\d{1,3}\.\d")
_COLON: Final = re.compile(r":(?=[0-9A-Fa-f:])")
_HEX: Final = "0123456789ABCDEFabcdef"
_NOBODYS: Final = 0.2


def _ip_score(text: str) -> float:
    try:
        address = ip_address(text)
    except ValueError:
        return 0.0
    if address.is_loopback or address.is_unspecified or text.startswith(("224.0.0.", "239.255.255.", "ff0")):
        return _NOBODYS
    return 0.6 if address.is_multicast else 0.85


def _v4(page: Page) -> Iterator[Span]:
    starts = (quad.start() for quad in _QUAD.finditer(page.text))
    for match in filter(None, (_V4.match(page.text, start) for start in starts)):
        score = _ip_score(match.group().partition("/")[0])
        if score > _NOBODYS and nearby.near(page, cues.VERSION, match.start(), match.start()):
            score = 0.4
        yield Span("IP", *match.span(), score)


def _v6_forms(text: str) -> Iterator[re.Match[str]]:
    """All matches, looked for at the colons."""
    end = 0
    for colon in _COLON.finditer(text):
        at = colon.start()
        if at >= end:
            head = text[max(end, at - 4) : at]
            if match := _V6.match(text, at - len(head) + len(head.rstrip(_HEX))):
                end = match.end()
                yield match


def _v6(page: Page) -> Iterator[Span]:
    for match in _v6_forms(page.text):
        whole = match.group()
        text = whole.removesuffix(":") if not whole.endswith("::") else whole
        bare = text.partition("%")[0].partition("/")[0]
        if bare.count(":") < 3 and not bare.lower().startswith(("2", "fe80", "fc", "fd", "::ffff:")):
            continue
        score = _ip_score(bare) if any(map(str.isdigit, bare)) else 0.0
        if score:
            yield Span("IP", match.start(), match.start() + len(text), score)


def _ips(page: Page) -> Iterator[Span]:
    if page.text.count(".") >= 3 and _DOTS.search(page.text):
        yield from _v4(page)
    if page.text.count(":") >= 2:
        yield from _v6(page)


def _may_have_ip(page: Page) -> bool:
    return page.digits >= 1 and (
        page.text.count(":") >= 2 or (page.digits >= 4 and _DOTS.search(page.text) is not None)
    )


IP: Final = Detector("networks", ("IP",), _may_have_ip, _ips)

# ---------------------------------------------------------------- MAC

_MAC: Final = re.compile(
    r"(?<![A-Za-z0-9_:.À-ɏ-])(?:[0-9A-Fa-f]{2}([:-])[0-9A-Fa-f]{2}(?:\1[0-9A-Fa-f]{2}){4}(?:(?:\1[0-9A-Fa-f]{2}){2})?"
    r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![A-Za-z0-9_À-ɏ]|[:-][0-9A-Fa-f]|\.[0-9A-Fa-f])"
)
_BARE_MAC: Final = re.compile(r"(?<![A-Za-z0-9_])mac(?: address| addr)?(?: is|:|=)? ?([0-9a-f]{12})(?![a-z0-9_])")
_PARTED: Final = re.compile(r"[:.-](?:(?<!\.)(?=[0-9A-Fa-f]{2}[:-])|(?<=\.)(?=[0-9A-Fa-f]{4}\.))")
_DOTTED: Final = re.compile(r"\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}")
_EMPTY: Final = (frozenset("0"), frozenset("f"))


def _mac_forms(text: str) -> Iterator[re.Match[str]]:
    """All matches, looked for at the first sign between pairs or fours."""
    end = 0
    for sign in _PARTED.finditer(text):
        start = sign.start() - (4 if sign.group() == "." else 2)
        if start >= end and (match := _MAC.match(text, start)):
            end = match.end()
            yield match


def _macs(page: Page) -> Iterator[Span]:
    for match in _mac_forms(page.text):
        signs = frozenset(match.group().lower()) - frozenset(":-.")
        letters = bool(match[1]) or not signs.isdisjoint("abcdef")
        if signs not in _EMPTY and letters:
            yield Span("MAC", *match.span(), 0.85)
    if "mac" in page.lower:
        for match in _BARE_MAC.finditer(page.lower):
            yield Span("MAC", *match.span(1), 0.7)


def _may_have_mac(page: Page) -> bool:
    text = page.text
    return text.count(":") >= 5 or text.count("-") >= 5 or _DOTTED.search(text) is not None or "mac" in page.lower


MAC: Final = Detector("macs", ("MAC",), _may_have_mac, _macs)
