"""Takes credentials out of a configuration while it is read, wherever they stand: nothing behind ever sees them.

A key belongs under `api_key`, and people put it elsewhere: into the name of a model, a stop sequence, a key of a
mapping. Each becomes a reference to a variable, the same for the same credential.
"""

import re
from typing import Final

from pipeline.adapters.pii import PatternScanner

__all__ = ["Credentials", "was_credential"]

_NAME: Final = "CREDENTIAL"
_TAKEN_OUT: Final = re.compile(rf"\$\{{{_NAME}_[0-9]+\}}")
_TYPE: Final = "SECRET"
"""What the scanner of texts calls credentials of all kinds."""
_SHORT: Final = 8
"""Characters that a credential has at least."""
_LOOKS: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:sk-[A-Za-z0-9_-]{6,}|(?:pk|rk|xai|gsk|hf|ghp|pplx|nvapi|r8)[-_](?=[A-Za-z]*[0-9])[A-Za-z0-9]{16,}"
    r"|AKIA[0-9A-Z]{12,}|AIza[0-9A-Za-z_-]{20,}|eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+)"
    r"|://[^/@\s]*:[^/@\s]*@"
)
"""Beginnings of keys as providers make them, also those too short for a key that is used; passwords in addresses."""


class Credentials:
    """Knows the credentials of one configuration by the variables that stand for them."""

    def __init__(self) -> None:
        self._scanner = PatternScanner()
        self._variables: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def taken_out(self, text: str) -> str:
        """The text with `${CREDENTIAL_1}` in the place of each credential; the same text where it holds none."""
        if len(text) < _SHORT:
            return text
        known = self._known.get(text)
        if known is None:
            known = self._known[text] = self._without(text)
        return known

    def _without(self, text: str) -> str:
        for span in sorted(self._scanner.scan_text(text), key=lambda span: -span.start):
            if span.type == _TYPE:
                text = text[: span.start] + self._reference(text[span.start : span.end]) + text[span.end :]
        return _LOOKS.sub(lambda found: self._reference(found[0]), text)

    def _reference(self, credential: str) -> str:
        name = self._variables.setdefault(credential, f"{_NAME}_{len(self._variables) + 1}")
        return f"${{{name}}}"


def was_credential(text: str) -> bool:
    """Whether a credential was taken out of the text."""
    return _TAKEN_OUT.search(text) is not None
