"""Keys and tokens of known forms, tokens that only the words beside them give away, and passwords within addresses.

A credential is one long word, so only the long words of a text are looked at, and a form only where its fixed part
occurs among them.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
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
_BESIDE: Final = 64
_OWNERS: Final = re.compile(
    r"secret|token|(?:api|access|auth|private|account|signing|encryption|master|license|storage|service)[ _-]?key"
    r"|credential|passw|client[_ ]?id|aws|datadog|dd[_-](?:api|app)|heroku|cloudflare|linode|fastly|vultr|hetzner|okta"
    r"|mailgun|twilio|postmark|vonage|zendesk|algolia|coinbase|binance|kraken|plaid|snyk|codecov|travis|circleci|segment"
    r"|mixpanel|amplitude|splunk|rollbar|opsgenie|pagerduty|confluent|kafka|cohere|mistral|deepgram|azure|wandb|ngrok"
    r"|spotify|twitch|linkedin|dropbox|asana|intercom|firebase|pusher|bitbucket|gitea|drone|consul|openai"
)
_OWNER_SIGNS: Final = (
    "key", "token", "secret", "credential", "passw", "client", "aws", "dd", "okta", "azure", "heroku", "cloud", "snyk",
    "linode", "fastly", "vultr", "hetzner", "mail", "twilio", "post", "vonage", "desk", "algolia", "coin", "binance",
    "kraken", "plaid", "codecov", "travis", "circleci", "segment", "mixpanel", "amplitude", "splunk", "rollbar",
    "opsgenie", "pagerduty", "confluent", "kafka", "cohere", "mistral", "deepgram", "wandb", "ngrok", "spotify",
    "twitch", "linkedin", "dropbox", "asana", "intercom", "firebase", "pusher", "bitbucket", "gitea", "drone", "consul",
    "datadog", "openai",
)  # fmt: skip
"""A part of every word of `_OWNERS`."""
_HEX: Final = re.compile(r"[a-fA-F0-9]+(?:-[a-fA-F0-9]+){0,4}")
_DIGITS_OR_UPPER: Final = re.compile(r"[0-9A-Z]")


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
        if len(token) < 20 or not _random(token):
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


def _credentials(page: Page) -> Iterator[Span]:
    long = page.long_words
    formats = [form for form in FORMATS if form.literal in long]
    lower = page.lower
    owned = page.digits >= 2 and any(sign in lower for sign in _OWNER_SIGNS)
    if not formats and not owned:
        return
    for word in page.long_places:
        if formats:
            yield from _known(page, word, formats)
        if owned and word[1] - word[0] >= 20:
            yield from _beside(page, word)


CREDENTIALS: Final = Detector("credentials", ("SECRET",), lambda page: bool(page.long_words), _credentials)
