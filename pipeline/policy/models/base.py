"""What every kind of file shares: strict mappings, money, seconds."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["API_VERSION", "Money", "Seconds", "Section"]

API_VERSION = "stepwell/v1"
Seconds = Annotated[float, Field(gt=0)]
Money = Annotated[float, Field(ge=0)]
"""US dollars."""


class Section(BaseModel):
    """Any mapping of a policy file."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)
