"""Keys and tokens of known forms, tokens that only the words beside them give away, and passwords within addresses.

A credential is one long word, so only the long words of a text are looked at, and a form only where its fixed part
occurs among them.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from operator import add
from typing import Final

from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.formats import FORMATS, Format
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["ADDRESSED", "CREDENTIALS", "entropy"]

_PLACEHOLDER: Final = re.compile(
    r"[xX]{8}|[*.]{5}|(?:your|insert|replace)[-_]|placeholder|redacted|1234567890abcdef$", re.IGNORECASE
)
_DOUBTFUL: Final = 0.3


def entropy(text: str) -> float:
    """Bits per character, by the counts within `text` alone."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())


def _known(page: Page, word: tuple[int, int], formats: list[Format]) -> Iterator[Span]:
    for form in formats:
        for match in form.pattern.finditer(page.text, *word):
            group = "secret" if "secret" in form.pattern.groupindex else 0
            score = _DOUBTFUL if _PLACEHOLDER.search(match[group]) else form.score
            yield Span("SECRET", *match.span(group), score)


# ---------------------------------------------------------------- known by the words beside them

_TOKEN: Final = re.compile(r"(?<![A-Za-z0-9+/_~-])[A-Za-z0-9+/_~.-]{20,256}")
_TOKEN_LENGTH: Final = 20
_BESIDE: Final = 64
_OWNERS: Final = re.compile(
    r"secret|token|(?:api|access|auth|private|account|signing|encryption|master|license|storage|service)[ _-]?key"
    r"|credential|passw|client[_ ]?id|aws|datadog|dd[_-](?:api|app)|heroku|cloudflare|linode|fastly|vultr|hetzner|okta"
    r"|mailgun|twilio|postmark|vonage|zendesk|algolia|coinbase|binance|kraken|plaid|snyk|codecov|travis|circleci|segment"
    r"|mixpanel|amplitude|splunk|rollbar|opsgenie|pagerduty|confluent|kafka|cohere|mistral|deepgram|azure|wandb|ngrok"
    r"|spotify|twitch|linkedin|dropbox|asana|intercom|firebase|pusher|bitbucket|gitea|drone|consul|openai"
)
_HEX: Final = re.compile(r"[a-fA-F0-9]+(?:-[a-fA-F0-9]+){0,4}")


def _random(token: str) -> bool:
    """Whether a word looks drawn by a machine: digits among letters, many different ones, no words in it."""
    digits = sum(map(str.isdigit, token))
    if digits < 2 or digits == len(token):
        return False
    if _HEX.fullmatch(token):
        return len(token) >= 32 and entropy(token) >= 3.0
    if sum(map(token.count, "/.-_")) > 1 and not (digits >= 3 and any(map(str.isupper, token))):
        return False
    return entropy(token) >= 3.6 and _longest_word(token) < 8


_WORDS: Final = re.compile(r"[a-z]+")


def _longest_word(token: str) -> int:
    return max((len(word) for word in _WORDS.findall(token)), default=0)


def _beside(page: Page, word: tuple[int, int]) -> Iterator[Span]:
    """Words that look drawn by a machine, in a line that speaks of keys shortly before them."""
    for match in _TOKEN.finditer(page.text, *word):
        token = match.group().rstrip(".-=/")
        start = match.start()
        if len(token) < _TOKEN_LENGTH or not _random(token):
            continue
        line = page.lower[max(0, start - _BESIDE) : start].rpartition("\n")[2]
        if _OWNERS.search(line):
            yield Span("SECRET", start, start + len(token), 0.7)


# ---------------------------------------------------------------- passwords in addresses

_USERINFO: Final = re.compile(
    r"(?<![a-z0-9+])[a-z][a-z0-9+.-]{1,30}://[^\s:/@\"'<>]{0,96}:(?![$<{*%])([^\s/@\"'<>]{3,128})@[\w.\[-]{1,255}",
    re.IGNORECASE,
)


def _addressed(page: Page) -> Iterator[Span]:
    for match in _USERINFO.finditer(page.text):
        yield Span("SECRET", *match.span(), 0.97)


ADDRESSED: Final = Detector(
    "passwords-in-addresses", ("SECRET",), lambda page: "://" in page.text and "@" in page.text, _addressed
)

# ---------------------------------------------------------------- together


_PAIR: Final = 2
_BY_PAIR: Final[dict[str, list[Format]]] = {}
for _form in FORMATS:
    _BY_PAIR.setdefault(_form.literal[:_PAIR], []).append(_form)


def _possible(words: str) -> list[Format]:
    """The forms whose fixed part is in `words`, by the pairs of characters and the single ones that occur in them."""
    there = _BY_PAIR.keys() & {*words, *map(add, words, words[1:])}
    return [form for pair in there for form in _BY_PAIR[pair] if form.literal in words]


def _credentials(page: Page) -> Iterator[Span]:
    formats = _possible(page.long_words)
    for start, end in page.long_places:
        if formats:
            yield from _known(page, (start, end), formats)
        if end - start >= _TOKEN_LENGTH and page.digits > 1:
            yield from _beside(page, (start, end))


CREDENTIALS: Final = Detector("credentials", ("SECRET",), lambda page: bool(page.long_words), _credentials)
