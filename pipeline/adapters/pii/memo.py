"""What detectors have worked out of a page, kept with the page for the next detector."""

from collections.abc import Hashable
from typing import Any

from pipeline.adapters.pii.page import Page

__all__ = ["memo"]


def memo(page: Page) -> dict[Hashable, Any]:
    """What is known of this page already. It lives as long as the page."""
    known: dict[Hashable, Any] = vars(page).setdefault("memo", {})
    return known
