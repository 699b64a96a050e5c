"""What counters are kept by."""

from typing import Annotated

from pydantic import Field

__all__ = ["Scope"]

Scope = Annotated[
    str, Field(pattern=r"^(tenant|key|user|route|experiment|variant|target|lane|tag\.[A-Za-z0-9_-]{1,64})$")
]
