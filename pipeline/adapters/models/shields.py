"""What hides personal data on the way to a target, and what brings it back: pseudonyms, their memory, the way back.

The memory (the vault) is asked and told beside the call. Where it is slow or away, a conversation may get another form
of a token than before; no request waits for it or fails because of it.
"""

import asyncio
import hmac
import logging
import re
import secrets
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from pipeline.contracts import Finding, Request
from pipeline.disclosure.prompts import Added
from pipeline.disclosure.pseudonyms import Pseudonyms, conversation_of, remembered
from pipeline.disclosure.redact import Found, Redactor, Scan
from pipeline.disclosure.return_path import ReturnPath
from pipeline.disclosure.units import Place, units_of
from pipeline.errors import StoreUnavailable
from pipeline.policy import Policy
from pipeline.policy.kinds import covers
from pipeline.ports.vault import Vault

__all__ = ["PATIENCE_S", "Shields"]

PATIENCE_S: Final = 0.05
"""How long a call waits for tokens of earlier turns."""
KEEPING_S: Final = 2.0
"""How long keeping new ones may take, beside the call."""
_DEFAULT_THRESHOLD: Final = 0.5
_SIGNS: Final = re.compile(r"[\W_]+")
_log = logging.getLogger("stepwell.shields")


class Shields:
    """Makes pseudonyms for requests, and the way back of their answers.

    Args:
        secret: key of the pseudonyms; workers that share it give the same ones. Without it, an own random key is taken.
        vault: remembers the tokens of conversations; None: nobody does.
        scan: finds personal data in what models say; None: nobody looks.
    """

    def __init__(self, secret: bytes = b"", vault: Vault | None = None, scan: Scan | None = None) -> None:
        self._shared = bool(secret)
        self._secret = secret or secrets.token_bytes(32)
        self._vault = vault
        self._scan = scan
        self._keeping: set[asyncio.Task[None]] = set()

    async def pseudonyms(self, request: Request) -> Pseudonyms:
        """Pseudonyms for one view of `request`, those of earlier turns of its conversation known."""
        conversation = conversation_of(request)
        known = await self._known(request.tenant, conversation) if remembered(conversation) else {}
        return Pseudonyms(self._secret, request.tenant, conversation, known)

    def lasts(self, request: Request) -> bool:
        """Whether whoever makes the view of `request` again, and whenever, makes it in the same words."""
        return self._shared and not remembered(conversation_of(request))

    def keep(self, request: Request, made: Pseudonyms, policy: Policy) -> None:
        """Remember what was issued, in the background."""
        conversation = conversation_of(request)
        if self._vault is None or not made.issued or not remembered(conversation):
            return
        ttl_s = policy.residency.pseudonyms.ttl
        self._beside(self._vault.keep(request.tenant, conversation, dict(made.issued), ttl_s))

    def way_back(self, request: Request, made: Pseudonyms | None, policy: Policy, target: str) -> ReturnPath | None:
        """The way back of one answer of `target`; None where nothing has to be restored or looked for."""
        looked_at = _looked_at(policy, target)
        redactor = self._redactor(request, made, policy) if looked_at else None
        if redactor is None and (made is None or not made.issued):
            return None
        as_json = True if request.response_schema is not None else None
        return ReturnPath(made.issued if made else {}, json=as_json, redactor=redactor)

    def fenced(self, added: Added, key: str, *, elsewhere: bool) -> Added:
        """What a call is sent besides the request `<tenant>.<id>`, with the mark that fences it.

        What goes to another target than it came from is looked through for personal data first.
        """
        fence = hmac.digest(self._secret, b"stepwell fence " + key.encode(), sha256).hex()[:24]
        if not elsewhere or self._scan is None or not added.answer:
            return replace(added, fence=fence)
        seen = self._scan(added.answer)
        found = tuple(Finding(type=kind, count=count) for kind, count in Counter(each.type for each in seen).items())
        places = tuple(Place(each.type, each.start, each.end) for each in seen)
        return replace(added, fence=fence, found=(*added.found, *found), places=places)

    # ------------------------------------------------------------ the memory

    async def _known(self, tenant: str, conversation: str) -> dict[str, str]:
        if self._vault is None:
            return {}
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._vault.find(tenant, conversation)
        except (StoreUnavailable, TimeoutError):
            return {}

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(_patiently(work))
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)

    # ------------------------------------------------------------ what models say

    def _redactor(self, request: Request, made: Pseudonyms | None, policy: Policy) -> Redactor | None:
        output, scan = policy.residency.output, self._scan
        if scan is None:
            return None
        thresholds = policy.residency.thresholds
        usual = thresholds.get("default", _DEFAULT_THRESHOLD)

        def hides(found: Found) -> bool:
            return covers(output.mask, found.type) and found.score >= thresholds.get(found.type, usual)

        return Redactor(_new_to(request, scan, hides), hides, issued=made.issued if made else ())


def _looked_at(policy: Policy, target: str) -> bool:
    output = policy.residency.output
    return bool(output.mask) and (
        output.scan == "all" or (output.scan == "external" and policy.targets[target].external)
    )


def _new_to(request: Request, scan: Scan, hides: Callable[[Found], bool]) -> Scan:
    """A scan that leaves out what the request itself holds: an answer may repeat what its caller said."""
    asked: list[str] = []

    def fresh(text: str) -> Sequence[Found]:
        return [found for found in scan(text) if not (hides(found) and known(text[found.start : found.end]))]

    def known(value: str) -> bool:
        if not asked:
            asked.append(_plain("\n".join(units_of(request).texts)))
        return _plain(value) in asked[0]

    return fresh


def _plain(text: str) -> str:
    return _SIGNS.sub("", text).casefold()


async def _patiently(work: Coroutine[Any, Any, None]) -> None:
    try:
        async with asyncio.timeout(KEEPING_S):
            await work
    except (StoreUnavailable, TimeoutError):
        _log.warning("the vault did not keep the tokens of a conversation in time")
