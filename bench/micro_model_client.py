"""CPU of one plain call of the HTTP model client, against a scripted server in a process of its own.

    python bench/micro_model_client.py [--calls 5000] [--at-once 16] [--stream]

Prints microseconds of CPU of this process for each call, calls per second, and the latency as the client sees it.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import time
from pathlib import Path

import uvloop

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from fakes_models import call_of, permitted, policy, target

from pipeline.adapters.clock import SystemClock, SystemRandom
from pipeline.adapters.models import HttpModelClient
from pipeline.policy.source import FixedPolicy
from pipeline.ports import ModelCall

PORT = 18177


def cpu_s() -> float:
    """Seconds of CPU of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def reachable() -> None:
    """Wait until the server takes connections: calls that fail before would open the breaker."""
    async with asyncio.timeout(30):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", PORT)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def measure(calls: int, at_once: int, *, stream: bool) -> None:
    """Make the calls and print what they cost."""
    timeouts = {"idle": 10.0} if stream else {}
    spec = target("bench-large-fast", f"http://127.0.0.1:{PORT}/v1", slots=at_once, timeouts=timeouts)
    allowed = permitted("bench", spec)
    client = HttpModelClient(FixedPolicy(policy({"bench": spec})), SystemClock(), SystemRandom())
    await reachable()
    spent: list[float] = []

    async def worker(ready: list[ModelCall]) -> None:
        for call in ready:
            begun = time.perf_counter()
            await client.complete(call)
            spent.append(time.perf_counter() - begun)

    def prepared(who: int, count: int) -> list[ModelCall]:
        return [call_of(allowed, idempotency_key=f"{who}.{i}") for i in range(count)]

    await worker(prepared(-1, 200))
    spent.clear()
    shares = [prepared(who, calls // at_once) for who in range(at_once)]
    begun, used = time.perf_counter(), cpu_s()
    await asyncio.gather(*(worker(share) for share in shares))
    wall, used = time.perf_counter() - begun, cpu_s() - used
    await client.close()
    spent.sort()
    count = len(spent)
    print(
        f"{'stream' if stream else 'plain'}: {count} calls, {at_once} at once, about 10 tokens with log-probabilities"
    )
    print(f"  CPU {used / count * 1e6:.0f} us a call   {count / wall:.0f} calls/s")
    print(f"  latency p50 {spent[count // 2] * 1e3:.2f} ms   p99 {spent[count * 99 // 100] * 1e3:.2f} ms")


def main() -> None:
    """Start the server, measure, stop it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--at-once", type=int, default=16)
    parser.add_argument("--stream", action="store_true")
    options = parser.parse_args()
    server = subprocess.Popen(
        [sys.executable, "-m", "pipeline.embedded.scripted", "--port", str(PORT), "--forget-keys"]
    )
    try:
        uvloop.run(measure(options.calls, options.at_once, stream=options.stream))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
