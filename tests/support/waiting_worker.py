"""A worker process whose draft waits until a file appears, and which may kill itself where a test says.

    python waiting_worker.py NATS_URL FOLDER [die] [long]

With `die` it kills itself with SIGKILL after the request is stored for later and before it is acknowledged; with `long`
a request waits for two seconds before it comes back.
Each draft that is paid appends its request to `FOLDER/calls`.
"""

import asyncio
import os
import signal
import sys
from pathlib import Path

from cascade import Middle, Notes, Scripted

from pipeline.adapters.clock import SystemClock
from pipeline.adapters.journal import StreamJournal
from pipeline.adapters.results import StreamResults
from pipeline.admission import Admission
from pipeline.audit.writer import ChainedAuditLog, producer_name
from pipeline.contracts import Attempt, Envelope, Verdict
from pipeline.errors import Postponed
from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.ports import Outcome, Run
from pipeline.runner import Runner
from pipeline.settings import Settings
from pipeline.topology import STAGES
from pipeline.transport.nats import NatsLink, connect
from pipeline.worker import Worker
from stages.audit import Audit

POLICIES = Path(__file__).resolve().parents[2] / "policies"


def drafting(link: NatsLink, folder: Path, waits_s: float):  # type: ignore[no-untyped-def]
    journal = StreamJournal(link.streams)

    async def body(envelope: Envelope, run: Run) -> Outcome:
        if not (folder / "open").exists():
            raise Postponed("the budget is used up", rule="team", retry_after_s=waits_s)
        known = await journal.recall(envelope.key, "draft-1")
        if known is None:
            with (folder / "calls").open("a") as calls:
                calls.write(f"{envelope.id}\n")
            made = Attempt(number=1, stage="draft", tier=0, variant="small", target="small", model="m", text="five")
            known = await journal.write(envelope.key, "draft-1", made)
        return Outcome("drafted", changes={"attempts": (known,)})

    return body


async def accepting(envelope: Envelope, run: Run) -> Outcome:
    verdict = Verdict(accepted=True, attempt=1, content="five")
    return Outcome("accepted", changes={"verdict": verdict, "status": "answered"})


async def main(url: str, folder: Path, die: bool, waits_s: float) -> None:
    link = await connect(Settings.from_environment({"STEPWELL_NATS": url}), name="waiting", patient=True)
    transport, clock = link.transport(), SystemClock()
    if die:
        store = transport.postpone

        async def postpone(*arguments) -> bool:  # type: ignore[no-untyped-def]
            await store(*arguments)
            os.kill(os.getpid(), signal.SIGKILL)
            return True

        transport.postpone = postpone  # type: ignore[method-assign]
    results = StreamResults(link.streams)
    bodies = {"draft": drafting(link, folder, waits_s), "check": accepting}
    audit = Audit(ChainedAuditLog(link.streams, producer_name(), clock), results, clock)
    chosen = [audit if name == "audit" else Scripted(name, bodies.get(name)) for name in STAGES]
    runner = Runner(chosen, transport, link.streams, clock=clock, random=Middle(), observer=Notes(), worker="w")
    admission = Admission(link, results, FixedPolicy(load_folder(POLICIES, {})), clock)
    await Worker(chosen, runner, link, admission, ack_wait_s=1.0).run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), "die" in sys.argv[3:], 2.0 if "long" in sys.argv[3:] else 0.3))
