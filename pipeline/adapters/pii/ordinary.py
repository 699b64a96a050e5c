"""Words that alone are hardly anybody's name.

`ordinary.txt.xz` is made by `pipeline.adapters.pii.training.words.ordinary`: nouns, verbs and adjectives that the stock
pipeline's lemmatizer knows (its tables come from WordNet), without every name in Faker's lists.
"""

import lzma
from functools import lru_cache
from pathlib import Path

__all__ = ["FILE", "ordinary"]

_CALLINGS = ("sperson", "spersons", "speople")
FILE = Path(__file__).parent / "ordinary.txt.xz"


@lru_cache(maxsize=1)
def _words() -> frozenset[str]:
    return frozenset(lzma.decompress(FILE.read_bytes()).decode().split())


def ordinary(text: str) -> bool:
    """Whether every word of `text` is an ordinary one, in any case."""
    return all(word in _words() or word.endswith(_CALLINGS) for word in text.lower().replace("-", " ").split())
