"""Evaluation data that others made: read in place, never copied, and a reason to skip where it is not there."""

import os
from pathlib import Path

import pytest

DATA = Path(os.environ.get("STEPWELL_DATA") or Path(__file__).parents[3] / "shared" / "data")


def needs(folder: str) -> pytest.MarkDecorator:
    """Skip unless this folder of the evaluation data is there."""
    reason = f"the evaluation data {folder} is not beside the checkout; STEPWELL_DATA may name its folder"
    return pytest.mark.skipif(not (DATA / folder).is_dir(), reason=reason)
