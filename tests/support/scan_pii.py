"""The pattern tier asked for one type: what it says stands in a text."""

from pipeline.adapters.pii import PatternScanner

__all__ = ["said", "types"]

_SCANNER = PatternScanner()
USUAL = 0.5


def said(text: str, kind: str, threshold: float = USUAL) -> list[str]:
    """The stretches of `text` that are found as `kind`, in order."""
    found = _SCANNER.scan_text(text)
    return [text[span.start : span.end] for span in found if span.type == kind and span.score >= threshold]


def types(text: str, threshold: float = USUAL) -> list[str]:
    """The types of all that is found in `text`."""
    return [span.type for span in _SCANNER.scan_text(text) if span.score >= threshold]
