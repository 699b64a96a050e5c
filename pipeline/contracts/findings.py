"""The classes of data, from the mildest to the strictest."""

from typing import Literal

__all__ = ["DataClass"]

DataClass = Literal["public", "internal", "confidential", "restricted"]
