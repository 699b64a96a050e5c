"""CPU cost of the audit alone: microseconds to build, chain and append a record, and records verified a second.

    python bench/micro_audit.py [--records 20000] [--json]

The store is in memory, so what is measured is ours; `append` shows the share of the store's stand-in.
"""

import argparse
import asyncio
import json
import time

from pipeline.adapters.clock import SystemClock
from pipeline.audit import ChainedAuditLog, digest, verify
from pipeline.audit.chain import Chain, dump
from pipeline.contracts import (
    Attempt,
    Classification,
    Envelope,
    Finding,
    Plan,
    Request,
    Residency,
    Step,
    Tier,
    Usage,
    Verdict,
)
from pipeline.ports import Stored
from pipeline.transport.memory import MemoryLink
from stages.audit.decide import decide, record_fields

STAGES = ("classify", "plan", "recall", "draft", "check", "escalate", "check")
OUTCOMES = ("classified", "planned", "miss", "drafted", "rejected", "escalated", "accepted")


def escalated() -> Envelope:
    """A request that went all the way down: seven steps, two paid calls."""
    return Envelope(
        id="0f3c2a9b7d5e4f10",
        request=Request(tenant="bench", input="a question"),
        fingerprint="0" * 32,
        lane="interactive",
        received_at=1.0,
        deadline_at=2.0,
        policy_revision="0" * 16,
        classification=Classification(
            data_class="internal",
            findings=(Finding(type="PERSON", count=2), Finding(type="EMAIL_ADDRESS", count=1)),
            scan="complete",
            engine="bench",
            residency=tuple(Residency(target=name, action="allow") for name in ("small", "large", "us-large")),
        ),
        plan=Plan(
            route="chat",
            tiers=tuple(Tier(variant=name, target=name, propensity=1.0) for name in ("small", "large")),
            threshold=0.5,
        ),
        attempts=tuple(
            Attempt(
                number=number,
                stage="draft",
                tier=number - 1,
                variant="small",
                target="small",
                model="m",
                text="x" * 400,
                usage=Usage(input_tokens=100, output_tokens=80),
                cost_usd=0.0001,
            )
            for number in (1, 2)
        ),
        verdict=Verdict(accepted=True, attempt=2, confidence=0.9, threshold=0.5, signals={"mean": 0.8, "low": 0.2}),
        trail=tuple(
            Step(
                stage=stage,  # type: ignore[arg-type]  # a str of the closed set
                outcome=outcome,
                reasons=("a reason of usual length",),
                facts={"seconds": 0.12, "tokens": 80, "model": "m"},
                at=1.5,
                duration_ms=12.5,
                worker="w",
            )
            for stage, outcome in zip(STAGES, OUTCOMES, strict=True)
        ),
    )


def per_record(work: object, records: int) -> float:
    """Microseconds of CPU for one call of `work`."""
    assert callable(work)
    begun = time.process_time()
    for _ in range(records):
        work()
    return (time.process_time() - begun) / records * 1e6


async def appended(records: int, together: int) -> tuple[float, list[Stored]]:
    """Microseconds of CPU for one record through the writer, `together` at a time, and the log."""
    link = MemoryLink()
    log = ChainedAuditLog(link.streams, "bench", SystemClock())
    envelope = escalated()

    async def one() -> None:
        await log.append(record_fields(envelope, decide(envelope, 1.9)))

    begun = time.process_time()
    for _ in range(records // together):
        if together == 1:
            await one()
        else:
            await asyncio.gather(*[one() for _ in range(together)])
    spent = (time.process_time() - begun) / records * 1e6
    return spent, [stored async for stored in link.streams.scan("AUDIT")]


def measure(records: int) -> dict[str, float]:
    """All figures."""
    envelope = escalated()
    reply = decide(envelope, 1.9)
    fields = record_fields(envelope, reply)
    dumped, chain = dump(fields), Chain("bench")
    alone, log = asyncio.run(appended(records, 1))
    crowd, _ = asyncio.run(appended(records, 32))
    begun = time.perf_counter()
    report = verify(log)
    spent = time.perf_counter() - begun
    assert report.ok
    assert report.records == len(log)
    return {
        "record_bytes": len(log[0].body),
        "decide_us": per_record(lambda: decide(envelope, 1.9), records),
        "fields_us": per_record(lambda: record_fields(envelope, reply), records),
        "dump_us": per_record(lambda: dump(fields), records),
        "chain_us": per_record(lambda: chain.link(dumped), records),
        "digest_us": per_record(lambda: digest(dumped), records),
        "all_one_at_a_time_us": alone,
        "all_32_at_a_time_us": crowd,
        "verified_per_second": len(log) / spent,
    }


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=20_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.records)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>22}  {value:,.1f}")


if __name__ == "__main__":
    main()
