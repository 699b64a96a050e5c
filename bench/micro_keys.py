"""What it costs to find out who calls: a key, a token that is remembered, and one whose signature is checked.

    python -m bench.micro_keys [--keys 10000] [--calls 20000] [--json]

Everything is in memory, as at the door. The mark is 50 microseconds for a key.
"""

import argparse
import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from multidict import CIMultiDict
from rich.console import Console
from rich.table import Table

from pipeline.adapters.clock import SystemClock
from pipeline.errors import StepwellError
from pipeline.gateway.access import KeyAccess, Quotas
from pipeline.gateway.access.tokens import TokenAccess
from pipeline.gateway.access.trust import Trust
from pipeline.keys import KeyLimits, KeyRecord, KeySecret, digest_of, public_id, token_of

ISSUER = "https://login.example.org"
Admit = Callable[[CIMultiDict[str]], Awaitable[object]]


class Book:
    """Keys in memory."""

    ready = True

    def __init__(self, records: list[KeyRecord]) -> None:
        self._records = {record.id: record for record in records}
        self._used: dict[str, float] = {}

    def find(self, public: str) -> KeyRecord | None:
        """The key."""
        return self._records.get(public)

    def used(self, public: str, now: float) -> None:
        """Noted as the door's own copy does."""
        self._used[public] = now


def made(limits: KeyLimits) -> tuple[str, KeyRecord]:
    """A key."""
    public = public_id(secrets.token_bytes(8))
    token = token_of(public, secrets.token_bytes(24))
    secret = KeySecret(digest=digest_of(token).hex(), made_at=0.0)
    record = KeyRecord(id=public, name="k", tenants=("acme",), limits=limits, created_at=0.0, secrets=(secret,))
    return token, record


async def timed(admit: Admit, tokens: list[str], calls: int, *, refused: bool = False) -> dict[str, float]:
    """Microseconds of each call."""
    requests = [CIMultiDict({"Authorization": f"Bearer {random.choice(tokens)}"}) for _ in range(calls)]
    taken = []
    for headers in requests:
        begun = time.perf_counter_ns()
        try:
            await admit(headers)
        except StepwellError:
            assert refused
        taken.append(time.perf_counter_ns() - begun)
    taken.sort()
    return {"p50": taken[calls // 2] / 1000, "p99": taken[calls * 99 // 100] / 1000, "mean": sum(taken) / calls / 1000}


def tokens_of(folder: Path) -> tuple[TokenAccess, dict[str, Any]]:
    """A door that believes one issuer, and its signers."""
    signers: dict[str, Any] = {
        "RS256": rsa.generate_private_key(65537, 2048),
        "ES256": ec.generate_private_key(ec.SECP256R1()),
        "EdDSA": ed25519.Ed25519PrivateKey.generate(),
    }
    keys = [
        {**jwt.get_algorithm_by_name(name).to_jwk(key.public_key(), as_dict=True), "kid": name, "alg": name}
        for name, key in signers.items()
    ]
    (folder / "keys.json").write_text(json.dumps({"keys": keys}))
    issuer = {"issuer": ISSUER, "audience": ["s"], "jwks": "keys.json", "algorithms": list(signers), "tenant": "acme"}
    trust = {"apiVersion": "stepwell/v1", "kind": "Access", "issuers": [issuer]}
    return TokenAccess(Trust.model_validate_json(json.dumps(trust)), folder, SystemClock()), signers


async def measure(count: int, calls: int) -> dict[str, dict[str, float]]:
    """All figures."""
    plain, limited = (
        [made(KeyLimits()) for _ in range(count)],
        [made(KeyLimits(concurrent=1_000_000)) for _ in range(10)],
    )
    access = KeyAccess(Book([record for _, record in (*plain, *limited)]), SystemClock(), Quotas())
    known = [token for token, _ in plain]

    async def admit(headers: CIMultiDict[str]) -> object:
        return await access.admit(headers, "chat")

    found = {}
    await timed(admit, known, calls)
    found["a key"] = await timed(admit, known, calls)
    found["a key with a limit of requests at a time"] = await timed(admit, [token for token, _ in limited], calls)
    found["a key that is not known"] = await timed(
        admit, [made(KeyLimits())[0] for _ in range(100)], calls, refused=True
    )
    with tempfile.TemporaryDirectory() as folder:
        tokens, signers = tokens_of(Path(folder))

        async def believe(headers: CIMultiDict[str]) -> object:
            return await tokens.admit(headers, "chat")

        for name, signer in signers.items():
            few = min(calls, 1000)
            now = int(time.time())
            said = [{"iss": ISSUER, "aud": "s", "sub": "u", "exp": now + 600, "jti": str(n)} for n in range(few)]
            sent = [jwt.encode(claims, signer, algorithm=name, headers={"kid": name}) for claims in said]
            if name == "RS256":
                await timed(believe, sent[:1], 1)
                found["a token that is remembered"] = await timed(believe, sent[:1], calls)
            found[f"a token, signed {name}"] = await timed(believe, sent[1:], few // 2)
    return found


def main() -> int:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=10_000)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    found = asyncio.run(measure(options.keys, options.calls))
    if options.json:
        print(json.dumps(found, indent=2))
        return 0
    table = Table("who calls", "p50 µs", "p99 µs", "mean µs", title=f"{options.keys} keys", title_justify="left")
    for name, row in found.items():
        table.add_row(name, *(f"{row[part]:.1f}" for part in ("p50", "p99", "mean")))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
