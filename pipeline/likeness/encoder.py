"""The name of the built-in encoder: cosines of another one are not to be weighed with weights learned on its."""

from typing import Final

__all__ = ["ENCODER"]

ENCODER: Final = "all-minilm-l6-v2-int8"
"""Names the encoder in keys of entries and in files of guards: vectors of another one are never compared with its."""
