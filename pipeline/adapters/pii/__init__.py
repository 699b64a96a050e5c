"""Finding personal data and credentials in text.

`PatternScanner` runs in process and knows everything that has a form. `ProcessScanner` talks to a child process that
holds the same patterns registered with Presidio, and a language pipeline for names. `TieredScanner` uses the first for
small texts, one child where names matter, and another one for texts that are large or look hostile.

Nothing here imports Presidio or spaCy but the modules that only the child loads (`presidio`, `names`, `tongues` and
what those import).
"""

from pipeline.adapters.pii.patterns import PatternScanner
from pipeline.adapters.pii.process import ProcessScanner
from pipeline.adapters.pii.spans import Span
from pipeline.adapters.pii.tiered import TieredScanner, UnitCache

__all__ = ["PatternScanner", "ProcessScanner", "Span", "TieredScanner", "UnitCache"]
