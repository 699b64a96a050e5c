"""What every kind of file shares: strict mappings, money, seconds, days."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

__all__ = ["API_VERSION", "Day", "Money", "Seconds", "Section"]

API_VERSION = "stepwell/v1"
Seconds = Annotated[float, Field(gt=0)]
Money = Annotated[float, Field(ge=0)]
"""US dollars."""


def _day(text: str) -> str:
    """A day that is in the calendar."""
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is no day; write it as 2027-01-31") from None
    return text


Day = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$"), AfterValidator(_day)]


class Section(BaseModel):
    """Any mapping of a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
