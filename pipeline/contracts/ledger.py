"""The lines of the ledger: what was set aside for an attempt, and what it cost in the end."""

from typing import Literal

from pydantic import Field

from pipeline.contracts.base import Lane, Name, OpenContract, RequestId, StageName, Tenant, UnixTime, Whole
from pipeline.contracts.planning import Cover
from pipeline.contracts.reply import Usage

__all__ = ["LedgerEntry", "LedgerPage", "PagedLine", "Purpose"]

Purpose = Literal[
    "draft", "escalate", "fallback", "repair", "sample", "opinion", "verify", "judge", "shadow", "embedding", "hedge"
]
"""What an attempt was for."""


class LedgerEntry(OpenContract):
    """One line. `reserve` sets aside what an attempt may cost at most, `settle` says what it cost, `release` that none.

    There is at most one line of each kind for an attempt. A window is counted by `at` of its first line.

    Attributes:
        attempt: `<tenant>.<request>.<step>`, the identity of the attempt.
        usd: US dollars; null where the price or the usage is unknown.
        estimated: the usage was not reported (an abandoned stream, a lost answer) and is counted by us.
        covers: the budgets that pay.
        windows: for each of them the window of time in which it is counted, as `<length>:<UTC seconds of its begin>`.
        opens: those of them in which the request is counted with this line; its other attempts are not counted again.
    """

    version: str = Field(default="1.0", pattern=r"^1\.[0-9]+$")
    kind: Literal["reserve", "settle", "release"]
    attempt: str
    at: UnixTime
    tenant: Tenant
    request_id: RequestId
    lane: Lane
    stage: StageName
    purpose: Purpose
    route: Name
    variant: Name
    target: Name
    usd: float | None = None
    usage: Usage = Usage()
    tokens: Whole = 0
    estimated: bool = False
    covers: tuple[Cover, ...] = ()
    windows: tuple[str, ...] = ()
    opens: tuple[Name, ...] = ()


class PagedLine(OpenContract):
    """A line in a page. `sequence`: where it stood by itself, which is its identity for whoever counts."""

    sequence: Whole
    entry: LedgerEntry


class LedgerPage(OpenContract):
    """Lines that are settled, in one message. It is stored compressed by zlib.

    A line may stand by itself as well, and in several pages: it is counted once, by its sequence.
    """

    version: str = Field(default="1.0", pattern=r"^1\.[0-9]+$")
    lines: tuple[PagedLine, ...]
