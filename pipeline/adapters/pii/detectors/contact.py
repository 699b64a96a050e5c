"""E-mail addresses, telephone numbers, network addresses."""

import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from pipeline.adapters.pii import cues
from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["EMAIL", "IP", "PHONE"]

# ---------------------------------------------------------------- e-mail

_LOCAL_BACKWARDS: Final = re.compile(r"[\w.%+'-]{0,63}[\w+-]")
_DOMAIN: Final = re.compile(r"(?:\w[\w-]{0,62}\.){1,8}[^\W\d_]{2,24}(?!\w)")
_SPELLED: Final = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64} ?[\[({]at[\])}] ?[\w-]{1,63}(?:(?:\.| ?[\[({]dot[\])}] ?)[\w-]{1,63}){1,6}",
    re.IGNORECASE,
)
_AT_SIGNS: Final = ("at]", "at)", "at}")


def _local_start(text: str, at: int) -> int:
    """Where the local part begins that ends before `at`; `at` itself when there is none."""
    local = _LOCAL_BACKWARDS.match(text[max(0, at - 64) : at][::-1])
    return at if local is None else at - local.end()


def _emails(page: Page) -> Iterator[Span]:
    text, at = page.text, page.text.find("@")
    while at >= 0:
        domain = _DOMAIN.match(text, at + 1)
        start = at if domain is None else _local_start(text, at)
        if domain is not None and start < at:
            yield Span("EMAIL", start, domain.end(), 0.95)
        at = text.find("@", at + 1)
    if _spelled(page):
        for match in _SPELLED.finditer(text):
            yield Span("EMAIL", *match.span(), 0.8)


def _spelled(page: Page) -> bool:
    lower = page.lower
    return any(sign in lower for sign in _AT_SIGNS)


EMAIL: Final = Detector("emails", ("EMAIL",), lambda page: "@" in page.text or _spelled(page), _emails)

# ---------------------------------------------------------------- telephone

_WORLD: Final = re.compile(r"(?<![\w+])(?:\+ ?|00 ?)[1-9](?:[ .\-/()]{0,2}\d){6,14}(?!\d)")
_AMERICA: Final = re.compile(r"(?<![\w.,+-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])(?!\.\d)")
_GROUPS: Final = re.compile(r"(?<![\w.,$€£%=/+*^-])(?:\(\d{2,5}\)|\d{2,5})(?:[ .\-/]\d{2,8}){1,5}(?![\w%=/:]|[.,]\d)")
_BARE: Final = re.compile(r"(?<![\w.,$€£%=/+*^-])\d{7,12}(?![\w%=/:]|[.,]\d)")
_DATE: Final = re.compile(
    r"(?:19|20)\d\d([ .\-/])\d\d\1\d\d|\d\d([ .\-/])\d\d\2(?:19|20)\d\d|(?:19|20)\d\d[ \-/](?:19|20)\d\d"
)
_DIGITS: Final = re.compile(r"\D")


def _plausible(number: str, region: str | None) -> bool:
    """Whether the numbering plan of the region (of the prefix, when None) has such a number."""
    import phonenumbers

    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _world(page: Page) -> Iterator[Span]:
    for match in _WORLD.finditer(page.text):
        number = "+" + _DIGITS.sub("", match.group()).removeprefix("00")
        cued = cues.near(page, cues.PHONE, *match.span())
        score = 0.9 if _plausible(number, None) else 0.65 if cued else 0.5 if match.group()[0] == "+" else 0.3
        yield Span("PHONE", *match.span(), score)


def _america(page: Page) -> Iterator[Span]:
    for match in _AMERICA.finditer(page.text):
        cued = cues.near(page, cues.PHONE, *match.span())
        good = _plausible(match.group(), "US")
        yield Span("PHONE", *match.span(), 0.85 if cued else 0.75 if good else 0.6)


def _group_score(number: str, digits: str, cued: bool) -> float:
    if cued:
        return 0.7
    if digits[0] != "0" or not 9 <= len(digits) <= 12:
        return 0.35
    return 0.6 if len(_DIGITS.findall(number)) >= 2 else 0.55


def _national(page: Page) -> Iterator[Span]:
    for match in _GROUPS.finditer(page.text):
        number = match.group()
        digits = _DIGITS.sub("", number)
        if 6 <= len(digits) <= 13 and not _DATE.match(number):
            cued = cues.near(page, cues.PHONE, *match.span())
            yield Span("PHONE", *match.span(), _group_score(number, digits, cued))


def _bare(page: Page) -> Iterator[Span]:
    for match in _BARE.finditer(page.text):
        if cues.near(page, cues.PHONE, *match.span()):
            yield Span("PHONE", *match.span(), 0.6)


def _phones(page: Page) -> Iterator[Span]:
    yield from _world(page)
    yield from _america(page)
    yield from _national(page)
    yield from _bare(page)


PHONE: Final = Detector("phones", ("PHONE",), lambda page: page.digits >= 6 and page.chain >= 6, _phones)

# ---------------------------------------------------------------- network

_OCTET: Final = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"
_V4: Final = re.compile(rf"(?<![\w.]){_OCTET}(?:\.{_OCTET}){{3}}(?!\w|\.\d|-\d)")
_V6: Final = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{1,36}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:])")


def _ip_score(text: str) -> float:
    try:
        address = ip_address(text)
    except ValueError:
        return 0.0
    return 0.2 if address.is_loopback or address.is_unspecified or address.is_multicast else 0.85


def _v4(page: Page) -> Iterator[Span]:
    for match in _V4.finditer(page.text):
        score = _ip_score(match.group())
        if score > 0.5 and cues.near(page, cues.VERSION, match.start(), match.start()):
            score = 0.4
        yield Span("IP", *match.span(), score)


def _v6(page: Page) -> Iterator[Span]:
    for match in _V6.finditer(page.text):
        text = match.group().removesuffix(":") if not match.group().endswith("::") else match.group()
        if text.count(":") < 3 and not text.lower().startswith(("2", "fe80", "fc", "fd")):
            continue
        score = _ip_score(text) if any(map(str.isdigit, text)) else 0.0
        if score:
            yield Span("IP", match.start(), match.start() + len(text), score)


def _ips(page: Page) -> Iterator[Span]:
    if page.text.count(".") >= 3:
        yield from _v4(page)
    if page.text.count(":") >= 2:
        yield from _v6(page)


def _may_have_ip(page: Page) -> bool:
    return page.digits >= 1 and (page.text.count(":") >= 2 or (page.digits >= 4 and page.text.count(".") >= 3))


IP: Final = Detector("networks", ("IP",), _may_have_ip, _ips)
