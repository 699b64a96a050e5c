"""A worker in a forked process: everything is imported before the fork, so that a killed one is replaced at once."""

import importlib
import os
from collections.abc import Mapping, Sequence

from stages.app import BUILDERS, run_worker

__all__ = ["run"]

for _name in (
    *(f"stages.{stage}" for stage in BUILDERS),
    "limits.aio.storage",
    "pipeline.adapters.answer_cache",
    "pipeline.adapters.board",
    "pipeline.adapters.board_valkey",
    "pipeline.adapters.cache_valkey",
    "pipeline.adapters.journal",
    "pipeline.adapters.loops",
    "pipeline.adapters.models.http",
    "pipeline.adapters.models.probes",
    "pipeline.adapters.money.ledger",
    "pipeline.adapters.money.rates",
    "pipeline.adapters.money.valkey",
    "pipeline.adapters.pii.tiered",
    "pipeline.adapters.results",
    "pipeline.adapters.tokenizers",
    "pipeline.adapters.vault",
    "pipeline.adapters.vault_keys",
    "pipeline.adapters.weights",
    "pipeline.audit.writer",
    "pipeline.revisions",
    "pipeline.telemetry.budgets",
    "pipeline.transport.nats",
):
    importlib.import_module(_name)


def run(environment: Mapping[str, str], stages: Sequence[str]) -> None:
    """Run the stages named until killed."""
    os.environ.update(environment)
    run_worker(stages, metrics_port=None, slots=256, batch_slots=64)
