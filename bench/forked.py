"""A worker in a forked process: everything is imported before the fork, so that a killed one is replaced at once."""

import importlib
import os
from collections.abc import Mapping, Sequence

from stages.app import BUILDERS, run_worker

__all__ = ["run"]

for _name in (
    *(f"stages.{stage}" for stage in BUILDERS),
    "pipeline.adapters.answer_cache",
    "pipeline.adapters.cache_valkey",
    "pipeline.adapters.models.http",
    "pipeline.adapters.pii.tiered",
    "pipeline.audit.writer",
    "pipeline.transport.nats",
):
    importlib.import_module(_name)


def run(environment: Mapping[str, str], stages: Sequence[str]) -> None:
    """Run the stages named until killed."""
    os.environ.update(environment)
    run_worker(stages, metrics_port=None, slots=256, batch_slots=64)
