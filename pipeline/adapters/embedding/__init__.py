"""Meaning as numbers: the built-in sentence encoder, and the batches in which requests share it."""

from pipeline.adapters.embedding.batches import Batches
from pipeline.adapters.embedding.minilm import DIMENSIONS, MODEL, embed, load

__all__ = ["DIMENSIONS", "MODEL", "Batches", "embed", "load"]
