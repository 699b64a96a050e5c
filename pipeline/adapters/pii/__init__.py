"""Finding personal data and credentials in text.

`PatternScanner` runs in process and knows everything that has a form. `ProcessScanner` talks to a child process that
holds the same patterns registered with Presidio, and a small language pipeline for names. `TieredScanner` uses the
first for small texts and the second where names matter or a text is large.

Nothing here imports Presidio or spaCy but the modules that only the child loads (`child`, `presidio`, `names`).
"""

from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.adapters.pii.process import ProcessScanner
from pipeline.adapters.pii.spans import Span
from pipeline.adapters.pii.tiered import TieredScanner, UnitCache

__all__ = ["PatternScanner", "ProcessScanner", "Span", "TieredScanner", "UnitCache"]
