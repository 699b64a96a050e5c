"""Whether the parts that run also answer, asked at this moment: a process that is stopped still lives."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Final, Literal

import psutil

from pipeline.embedded.identity import ProcessId
from pipeline.embedded.options import Ports
from pipeline.embedded.probes import fetch, valkey_pong
from pipeline.embedded.state import PartState

__all__ = ["Answer", "answering"]

Answer = Literal["ready", "not ready", "silent"]
"""`silent`: it runs and says nothing. `not ready`: it says itself that it cannot serve now."""

_PATHS: Final = {"door": "/readyz", "worker": "/readyz"}
"""Where a part says how it is; the servers of models do so at `/health`."""


async def answering(parts: Iterable[PartState], ports: Ports) -> Mapping[str, Answer]:
    """How each part answers that was ready when its supervisor looked last."""
    ready = [part for part in parts if part.condition == "ready"]
    return dict(
        zip((part.name for part in ready), await asyncio.gather(*(_asked(part, ports) for part in ready)), strict=True)
    )


async def _asked(part: PartState, ports: Ports) -> Answer:
    if part.port is None:
        return "silent" if part.process is not None and _stopped(part.process) else "ready"
    if part.name == "valkey":
        return "ready" if await valkey_pong(part.port)() else "silent"
    if part.name == "nats":
        url = f"http://127.0.0.1:{ports.monitor}/healthz?js-enabled-only=true"
    else:
        url = f"http://127.0.0.1:{part.port}{_PATHS.get(part.name.split('-')[0], '/health')}"
    answer = await fetch(url)
    if answer is None:
        return "silent"
    return "ready" if answer[0] == 200 else "not ready"


def _stopped(of: ProcessId) -> bool:
    """Whether somebody stopped the process (SIGSTOP), so that it lives and does nothing."""
    process = of.process()
    try:
        return process is not None and process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False
