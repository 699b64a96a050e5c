"""A worker process with all stages, over a real NATS and a real Valkey, whose signs of life are quick.

It is given their addresses and the folder of its policies.
"""

import asyncio
import sys
from pathlib import Path

from pipeline.policy.load import load_folder
from pipeline.policy.source import FixedPolicy
from pipeline.settings import Settings
from pipeline.topology import STAGES
from pipeline.transport.nats import connect
from stages.app import build_worker


async def main(nats_url: str, valkey_url: str, folder: Path) -> None:
    settings = Settings.from_environment({"STEPWELL_NATS": nats_url, "STEPWELL_VALKEY": valkey_url})
    link = await connect(settings, name="paying", patient=True)
    worker = build_worker(list(STAGES), link, settings, FixedPolicy(load_folder(folder, {})))
    worker.ack_wait_s = 1.0
    await worker.run()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
