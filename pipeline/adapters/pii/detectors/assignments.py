"""Values that the text itself calls a password, a key or a token: in code, settings, commands, headers and sentences.

The name raises the suspicion, and the value must bear it out: what is a placeholder, a call, an attribute, the name of
something or a plain word is none.
"""

import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final

from pipeline.adapters.pii.detectors.base import Detector
from pipeline.adapters.pii.detectors.credentials import entropy
from pipeline.adapters.pii.hints import literals, words
from pipeline.adapters.pii.page import Page
from pipeline.adapters.pii.spans import Span

__all__ = ["ASSIGNMENTS"]

# ---------------------------------------------------------------- names and what connects them to a value

_FAR: Final = ("密码", "密碼", "パスワード", "비밀번호", Page("пароль").lower)
_WORDS: Final = (
    "passw", "pwd", "passphrase", "passcode", "secret", "apikey", "api_key", "api-key", "api key", "token", "bearer",
    "access_key", "access-key", "accesskey", "access key", "private_key", "private-key", "privatekey", "private key",
    "encryption_key", "encryption key", "signing_key", "auth_key", "authkey", "account_key", "master_key", "credential",
    "authorization", "kennwort", "contraseña", "clave", "mot de passe", "mdp", "hasło", "hasła", "wachtwoord",
    "senha", "parola", "lösenord", "adgangskode", "salasana", "heslo", "jelszó", *_FAR,
)  # fmt: skip
_NAME: Final = (
    r"(?P<name>passw(?:or[dt])?|passwd|passphrase|passcode|pwd|kennwort|contraseña|clave|mot de passe|mdp|hasł[oa]"
    rf"|wachtwoord|senha|parola|lösenord|adgangskode|salasana|heslo|jelszó|{'|'.join(_FAR)}|secret|api[ _-]?key"
    r"|access[ _-]?key|private[ _-]?key|encryption[ _]key|signing_key|auth_?key|account_key|master_key"
    r"|credential|token|bearer|authorization)"
)
_SUFFIX: Final = r"(?P<suffix>[a-z0-9_-]{0,24})"
_COPULA: Final = r"(?:is|was|are|ist|war|lautet|est|es|era|fue|è|é|to|är|er|on|jest|=|:)"
_LINK: Final = (
    r"(?P<link>[\"'`\])}]{0,2}(?::\s{0,2}[a-z][\w\[\]|. ]{0,24}(?==))?\s{0,3}(?::=|=>|->|={1,3}|[:>])\s{0,3}"
    rf"|\s(?:(?:for|to|of|für|de|pour|para|per|voor)\s(?:[^\s:=]{{1,24}}\s){{1,4}}?)?{_COPULA}(?:\s(?:now|still|jetzt))?:?\s{{1,2}}"
    r"|[\"'],\s{0,2}(?=[\"'])|\s{1,3})"
)
_VALUE: Final = (
    r"(?:(?:bearer|basic|token|bot|ssws|apikey)\s{1,2})?"
    r"(?:[ru]?(?P<quote>[\"'`])(?P<quoted>[^\"'`\n]{4,200})(?P=quote)|(?P<bare>[^\s\"'`,;<>()\[\]{}]{4,256})(?P<after>.?))"
)
_NAMED: Final = re.compile(_NAME + _SUFFIX + _LINK + _VALUE, re.DOTALL)

_ABOUT: Final = re.compile(
    r"(?:len|length|size|count|hash|file|path|ur[il]|field|name|id|type|regex|pattern|m(?:in|ax)|expir\w*|policy|reset"
    r"|strength|limit|budget|num|index|idx|ttl|age|bytes|per|usage|label|hint|prompt|error|valid\w*|class|list|map|arn"
    r"|version|ref|manager|provider|endpoint|format|prefix|i[sz]ers?|iz\w*)(?:$|_|-)|^s?$"
)
"""Suffixes after which the value says something about a secret and is none: `password_length`, `token_url`."""

# ---------------------------------------------------------------- values

_EXCUSED: Final = re.compile(
    r"[$<{*%#@]|x{4}|\.\.\.|(?:my|the)?[-_]?your|example|change[-_]?(?:me|it)|placeholder|redacted|process\.env|os\.|env[.(\[]"
    r"|self\.|this\.|config|settings|https?:|file:|/[a-z]|\./|~/|none$|null$|true$|false$|undefined|\w{0,12}password\d?$"
    r"|test[-_]?(?:token|key|secret)|abc123$|_+$|-+$",
)
_CALL: Final = frozenset("([{")
_IDENTIFIER: Final = re.compile(r"[A-Za-z_]+\d{0,2}(?:[._:][A-Za-z_]\w*)*[:.]?|[A-Za-z]+(?:[_-][A-Za-z]*\d{0,2}){1,8}")
_SENTENCE: Final = re.compile(r"[.,;:!?)]{1,3}$")
_PASS: Final = re.compile(
    r"pass|pwd|kenn|contra|clave|mot|mdp|has|wacht|senha|parola|lösen|adgang|salas|heslo|jelsz|[^\x00-\x7f]"
)
_SURE: Final = 0.7


def _mixed(value: str) -> bool:
    """Letters with digits or signs among them."""
    letters = any(map(str.isalpha, value))
    others = any(map(str.isdigit, value)) or any(sign in value for sign in "!@#$%^&*~?+")
    return letters and others


def _quoted(value: str, named_password: bool) -> bool:
    if " " in value:
        return named_password and _mixed(value) and len(value) >= 8
    if value.isdigit():
        return named_password and len(value) >= 6
    return len(value) >= 6 and (_mixed(value) or (len(value) >= 16 and entropy(value) >= 3.8 and not value.islower()))


def _bare(value: str, after: str, named_password: bool) -> bool:
    if after in _CALL or value.count("/") > 2:
        return False
    if value.isdigit():
        return named_password and len(value) >= 6
    if _IDENTIFIER.fullmatch(value) and not (named_password and re.search(r"\d\d$", value)):
        return False
    return len(value) >= (6 if named_password else 8) and _mixed(value)


def _loose(value: str, after: str) -> bool:
    """A value that only stands after the name, with nothing between that says so."""
    return (
        after not in _CALL
        and len(value) >= 8
        and _mixed(value)
        and any(map(str.isdigit, value))
        and (_IDENTIFIER.fullmatch(value) is None and "=" not in value.rstrip("=") and "/" not in value)
    )


def _convinces(match: re.Match[str], value: str) -> bool:
    name, link = match["name"], match["link"]
    if _EXCUSED.match(value.lower()) or (match["suffix"] and _ABOUT.search(match["suffix"])):
        return False
    named_password = _PASS.match(name) is not None
    if match["quoted"]:
        return not link.isspace() and _quoted(value, named_password)
    if link.isspace():
        return _loose(value, match["after"])
    return _bare(value, match["after"], named_password)


def _named(page: Page) -> Iterator[Span]:
    for match in _NAMED.finditer(page.lower):
        start, end = match.span("quoted" if match["quoted"] else "bare")
        value = page.text[start:end] if match["quoted"] else _SENTENCE.sub("", page.text[start:end]).split("&", 1)[0]
        if len(value) >= 4 and _convinces(match, value):
            yield Span("SECRET", start, start + len(value), _SURE)


# ---------------------------------------------------------------- headers, commands, connection strings, codes

_HEADER: Final = re.compile(
    r"(?<![a-z])(?P<kind>basic|bearer)\s{1,2}(?P<secret>[A-Za-z0-9._~+/-]{8,4096}={0,2})", re.IGNORECASE
)
_SERVER: Final = r"(?:server|data source|host|hostname|uid|user id|user|username|database|initial catalog|dbname)"
_PAIR: Final = r"[^;\"'\n=]{1,40}=[^;\"'\n]{0,120};"
_CONNECTION: Final = re.compile(
    rf"{_SERVER}\s?=[^;\"'\n]{{1,120}};(?:{_PAIR}){{0,8}}\s?(?:password|pwd)\s?=\s?(?P<secret>[^;\"'\s]{{2,128}})"
    rf"|(?:password|pwd)\s?=\s?(?P<early>[^;\"'\s]{{2,128}});\s?(?:{_PAIR}){{0,4}}\s?{_SERVER}\s?="
    rf"|jdbc:[^\s\"'<>]{{5,200}}?[;?&:](?:password|pwd)=(?P<jdbc>[^;&\"'\s]{{2,128}})"
    rf"|{_SERVER}=[^\s;,()\"']{{1,80}}(?:\s[a-z_]{{2,20}}=[^\s;,()\"']{{1,80}}){{0,6}}\spassword=(?P<dsn>[^\s;,()\"']{{2,128}})",
    re.IGNORECASE,
)
_COMMAND: Final = re.compile(
    r"(?:machine\s\S{1,255}\s{1,8}login\s\S{1,255}\s{1,8}password\s{1,8}(?P<netrc>\S{3,255}))"
    r"|curl\s[^\n]{0,160}?\s(?:-u|--user)[ =]{0,2}[\"']?[^\s:\"'$]{1,64}:(?P<curl>[^\s\"'$@][^\s\"'@]{3,128})"
    r"|mysql(?:dump|admin)?\s[^\n]{0,120}?\s-p(?P<mysql>[^\s\"'$-]\S{4,64})"
    r"|sshpass\s{1,3}-p\s{0,2}[\"']?(?P<ssh>[^\s\"'$]{4,64})"
    r"|identified\s{1,3}(?:with\s\w{1,40}\s)?by\s{1,3}[\"'](?P<sql>[^\"'\n]{3,128})[\"']",
    re.IGNORECASE,
)
_CODE: Final = re.compile(
    r"(?<![a-z])(?:cvv2?|cvc2?|security code|card verification(?: value| code)?)(?: number| code)?[ \"']{0,2}"
    r"(?:is|[:=#])?[ \"']{0,2}(?P<cvv>\d{3,4})(?![\d/-]|[.,]\d)"
    r"|(?<![a-z])pin(?: code| number|-code)?(?: is| ist| est| es|:|#)\s{0,2}(?P<pin>\d{4,6})(?![\d/-]|[.,]\d)"
    r"|(?:verification|one[- ]time|security|login|2fa|otp|authentication) (?:code|password|passcode|pin)(?: is|:)"
    r"\s{0,2}(?P<otp>\d{4,8})(?![\d/-]|[.,]\d)"
)
_COMMANDS: Final = ("machine ", "curl ", "mysql", "sshpass", "identified")


def _decodes_to_login(value: str) -> bool:
    try:
        login = b64decode(value + "=" * (-len(value) % 4), validate=True).decode()
    except ValueError:
        return False
    return ":" in login and login.isprintable()


def _headers(page: Page) -> Iterator[Span]:
    for match in _HEADER.finditer(page.text):
        value = match["secret"]
        if match["kind"].lower() == "basic":
            good = _decodes_to_login(value)
        else:
            good = len(value) >= 12 and _mixed(value) and _IDENTIFIER.fullmatch(value) is None
        if good:
            yield Span("SECRET", *match.span("secret"), 0.9)


def _groups(pattern: re.Pattern[str], text: str, score: float) -> Iterator[Span]:
    for match in pattern.finditer(text):
        kind = match.lastgroup
        if kind is not None and not _EXCUSED.match(match[kind].lower()):
            yield Span("SECRET", *match.span(kind), score)


# ---------------------------------------------------------------- together


_NAMED_BY: Final = literals(*_WORDS)
_COMMANDED_BY: Final = literals(*_COMMANDS)
_CODED_BY: Final = words("cvv", "cvc", "verification", "code", "password", "passcode", "pin")
_HEADED_BY: Final = literals("basic ")


def _speaks(page: Page) -> bool:
    return page.hints & _NAMED_BY != 0 and any(map(page.lower.__contains__, _WORDS))


def _commands(page: Page) -> bool:
    return page.hints & _COMMANDED_BY != 0 and any(map(page.lower.__contains__, _COMMANDS))


def _codes(page: Page) -> bool:
    return page.digits >= 3 and page.hints & _CODED_BY != 0


def _assigned(page: Page) -> Iterator[Span]:
    lower = page.lower
    if _speaks(page):
        yield from _named(page)
    if "basic " in lower or "bearer " in lower:
        yield from _headers(page)
    if "password" in lower or "pwd" in lower:
        yield from _groups(_CONNECTION, page.text, 0.9)
    if _commands(page):
        yield from _groups(_COMMAND, page.text, 0.85)
    if _codes(page):
        yield from _groups(_CODE, lower, 0.7)


_ANY: Final = _NAMED_BY | _COMMANDED_BY | _CODED_BY | _HEADED_BY


def _may_assign(page: Page) -> bool:
    if not page.hints & _ANY:
        return False
    return _speaks(page) or "basic " in page.lower or _commands(page) or _codes(page)


ASSIGNMENTS: Final = Detector("assignments", ("SECRET",), _may_assign, _assigned)
