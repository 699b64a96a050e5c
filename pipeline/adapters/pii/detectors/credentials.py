"""Keys, tokens and passwords. Each form is looked for only where its fixed part occurs."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["CREDENTIALS"]


class _Form(NamedTuple):
    literal: str
    pattern: re.Pattern[str]
    score: float = 0.95


def _form(literal: str, rest: str, score: float = 0.95) -> _Form:
    return _Form(literal, re.compile(rf"(?<![A-Za-z0-9]){re.escape(literal)}{rest}"), score)


_FORMS: Final = (
    _form("AKIA", r"[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _form("ASIA", r"[A-Z2-7]{16}(?![A-Za-z0-9])"),
    _form("ghp_", r"[A-Za-z0-9]{30,255}"),
    _form("gho_", r"[A-Za-z0-9]{30,255}"),
    _form("ghu_", r"[A-Za-z0-9]{30,255}"),
    _form("ghs_", r"[A-Za-z0-9]{30,255}"),
    _form("ghr_", r"[A-Za-z0-9]{30,255}"),
    _form("github_pat_", r"\w{22,255}"),
    _form("glpat-", r"[\w-]{20,64}"),
    _form("xox", r"[abeprs]-[A-Za-z0-9-]{10,255}"),
    _form("hooks.slack.com/services/", r"T\w{5,20}/B\w{5,20}/\w{12,40}"),
    _form("sk-", r"(?:ant-|proj-|svcacct-|or-)?[\w-]{20,255}"),
    _form("sk_live_", r"[A-Za-z0-9]{10,255}"),
    _form("sk_test_", r"[A-Za-z0-9]{10,255}", 0.8),
    _form("rk_live_", r"[A-Za-z0-9]{10,255}"),
    _form("whsec_", r"[A-Za-z0-9+/=]{20,128}"),
    _form("AIza", r"[\w-]{35}(?![\w-])"),
    _form("ya29.", r"[\w-]{20,255}"),
    _form("GOCSPX-", r"[\w-]{20,64}"),
    _form("SG.", r"[\w-]{16,64}\.[\w-]{16,128}"),
    _form("npm_", r"[A-Za-z0-9]{36}(?![A-Za-z0-9])"),
    _form("pypi-", r"[\w-]{32,255}"),
    _form("hf_", r"[A-Za-z]{30,64}(?![A-Za-z0-9])"),
    _form("dop_v1_", r"[a-f0-9]{40,80}"),
    _form("shpat_", r"[a-fA-F0-9]{32}"),
    _form("dapi", r"[a-f0-9]{32}(?![a-f0-9])"),
    _form("dckr_pat_", r"[\w-]{20,64}"),
    _form("hvs.", r"[\w-]{20,255}"),
    _form("AGE-SECRET-KEY-1", r"[A-Z0-9]{50,60}"),
    _form("nvapi-", r"[\w-]{40,128}"),
    _form("gsk_", r"[A-Za-z0-9]{40,128}"),
    _form("SK", r"[a-f0-9]{32}(?![a-f0-9])"),
    _form("AccountKey=", r"[A-Za-z0-9+/]{40,100}={0,2}"),
    _form("eyJ", r"[\w-]{8,4096}\.eyJ[\w-]{8,4096}\.[\w-]{6,1024}"),
    _form("-----BEGIN ", r"(?:[A-Z]{2,12} ){0,2}PRIVATE KEY(?: BLOCK)?-----[^-]{0,16384}"),
    _Form(
        "://", re.compile(r"[a-z][a-z0-9+]{1,20}://[^\s:/@]{0,64}:(?![$<{*])[^\s:/@]{3,128}@[\w.-]{1,255}", re.I), 0.97
    ),
    _Form(":AA", re.compile(r"(?<!\d)\d{8,10}:AA[\w-]{33}(?![\w-])")),
)

_NAMED_WORDS: Final = (
    "passw", "pwd", "passphrase", "secret", "apikey", "api_key", "api-key", "api key", "token", "bearer", "access_key",
    "access key", "kennwort", "passwort", "contraseña", "mot de passe", "hasło", "wachtwoord", "senha",
)  # fmt: skip
_NAMED: Final = re.compile(
    r"(?:password|passwd|passw|passphrase|pwd|passwort|kennwort|contraseña|mot de passe|hasło|wachtwoord|senha"
    r"|secret|api[ _-]?key|access[ _-]key|token|bearer)[a-z_-]{0,16}[\"'`]?\s{0,3}(?:[:=]{1,2}|\bis\b|\s)\s{0,3}"
    r"(?:bearer |basic )?([\"'`]?)(?P<value>[A-Za-z0-9+/=_!@#$%^&*~?.-]{8,256})(?P<after>.?)",
    re.IGNORECASE | re.DOTALL,
)
_EXCUSED: Final = re.compile(r"[$<{*%]|x{4}|\.\.\.|your|example|changeme|placeholder|redacted", re.IGNORECASE)
_STRONG: Final = re.compile(r"(?=.*\d)(?=.*[A-Za-z])|(?=.*[!@#$%^&*~?])(?=.*[A-Za-z])")


def _looks_secret(value: str, after: str) -> bool:
    """A value with letters and digits (or signs), which is not a call, an attribute or a placeholder."""
    return after not in {"(", "["} and _STRONG.match(value) is not None and _EXCUSED.match(value) is None


def _named(page: Page) -> Iterator[Span]:
    for match in _NAMED.finditer(page.lower):
        start, end = match.span("value")
        value = page.text[start:end].rstrip(".?!")
        if len(value) >= 8 and _looks_secret(value, match["after"]):
            yield Span("SECRET", start, start + len(value), 0.7)


def _credentials(page: Page) -> Iterator[Span]:
    text = page.text
    for form in _FORMS:
        if form.literal in text:
            for match in form.pattern.finditer(text):
                yield Span("SECRET", *match.span(), form.score)
    if _has_name(page):
        yield from _named(page)


def _has_name(page: Page) -> bool:
    lower = page.lower
    return any(word in lower for word in _NAMED_WORDS)


def _may_have_credential(page: Page) -> bool:
    text = page.text
    return any(form.literal in text for form in _FORMS) or _has_name(page)


CREDENTIALS: Final = Detector("credentials", ("SECRET",), _may_have_credential, _credentials)
