"""Amounts of money for people."""

from decimal import Decimal
from typing import Final

__all__ = ["bar", "usd"]

_FULL: Final = "█"
_PARTS: Final = " ▏▎▍▌▋▊▉"


def usd(amount: float | None) -> str:
    """US dollars: cents from one dollar on, three digits that say something below it, and `unknown` for None."""
    if amount is None:
        return "unknown"
    if not round(amount, 12):
        return "0"
    if abs(amount) >= 1:
        return f"{amount:,.2f}"
    return f"{Decimal(f'{amount:.3g}'):f}"


def bar(share: float, width: int = 20) -> str:
    """A bar that is full at 1; what is beyond is cut."""
    eighths = round(min(1.0, max(0.0, share)) * width * 8)
    return _FULL * (eighths // 8) + (_PARTS[eighths % 8] if eighths % 8 else "")
