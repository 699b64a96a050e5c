"""Makes a model of names on one thread of a CPU: generated or own labelled texts in, a folder of weights out.

    make(root, Recipe(), seed, folder)

Only training imports this package; the scan process needs `pipeline.adapters.pii.models` alone.
"""

from pipeline.adapters.pii.models import ModelRefused, Trained, activate, install
from pipeline.adapters.pii.training.fit import Progress
from pipeline.adapters.pii.training.generate import Document, Recipe, generate
from pipeline.adapters.pii.training.read import TextRefused, read_folder
from pipeline.adapters.pii.training.score import Scores, score
from pipeline.adapters.pii.training.train import make, split, train

__all__ = [
    "Document",
    "ModelRefused",
    "Progress",
    "Recipe",
    "Scores",
    "TextRefused",
    "Trained",
    "activate",
    "generate",
    "install",
    "make",
    "read_folder",
    "score",
    "split",
    "train",
]
