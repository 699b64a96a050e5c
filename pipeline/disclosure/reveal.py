"""Say what a pseudonym stands for: an audited act, whose record is durable before anyone knows the value."""

from collections.abc import Mapping
from typing import Final

from pipeline.disclosure.restore import TOKEN
from pipeline.errors import InvalidRequest, NotFound, StoreUnavailable
from pipeline.ports import AuditLog, Clock, Vault

__all__ = ["reveal"]

LONGEST_WHO: Final = 256
LONGEST_WHY: Final = 1024
LONGEST_TOKEN: Final = 128


async def reveal(
    vault: Vault, log: AuditLog, *, tenant: str, conversation: str, token: str, who: str, why: str, clock: Clock
) -> str:
    """What `token` stands for in a conversation of `tenant`, once it is on record that `who` asked, and `why`.

    Args:
        vault: what remembers it.
        log: the chained log. It is told of every question, also of one that has no answer, and never of the value.
        tenant: whose conversation it is.
        conversation: as `pseudonyms.conversation_of` or `session_conversation` gives it.
        token: the pseudonym; of a token its brackets may be left out.
        who: who asks, for the record.
        why: why, for the record.
        clock: the time, for the record.

    Raises:
        InvalidRequest: `who`, `why` or `token` is empty or too long. Nothing is looked up.
        NotFound: the vault does not know it (any more).
        StoreUnavailable: the vault is away.
        TransportUnavailable: the record is not durable, so nothing is revealed.
    """
    _require(who, "who", LONGEST_WHO)
    _require(why, "why", LONGEST_WHY)
    _require(token, "token", LONGEST_TOKEN)
    asked = f"<{token}>" if TOKEN.fullmatch(f"<{token}>") else token
    trouble: StoreUnavailable | None = None
    value: str | None = None
    try:
        value = await vault.reveal(tenant, conversation, asked)
    except StoreUnavailable as error:
        trouble = error
    # What was asked for may be personal data itself, typed by mistake, unless it is a token or is known.
    on_record = asked if value is not None or TOKEN.fullmatch(asked) else None
    outcome = "unavailable" if trouble is not None else "not_found" if value is None else "revealed"
    await log.append(_fields(clock, tenant, vault.reference(tenant, conversation), on_record, who, why, outcome))
    if trouble is not None:
        raise trouble
    if value is None:
        raise NotFound("the vault knows no such token of this conversation: check both, or its time is over")
    return value


def _fields(
    clock: Clock, tenant: str, reference: str, token: str | None, who: str, why: str, outcome: str
) -> Mapping[str, object]:
    """Those of `contracts.RevealRecord` but for the chain's."""
    return {
        "version": "1.0",
        "kind": "reveal",
        "at": clock.now(),
        "tenant": tenant,
        "conversation": reference,
        "token": token,
        "who": who.strip(),
        "why": why.strip(),
        "outcome": outcome,
    }


def _require(text: str, name: str, longest: int) -> None:
    if not 0 < len(text.strip()) <= longest:
        raise InvalidRequest(f"{name} is empty or longer than {longest} characters", param=name)
