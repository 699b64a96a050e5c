"""Batches as the OpenAI API writes them."""

from typing import Any

from pipeline.batch.model import Batch
from pipeline.gateway.files.names import error_file, output_file

__all__ = ["batch_object"]


def batch_object(batch: Batch) -> dict[str, Any]:
    """A batch. Times in Unix seconds; what it costs and how fast it goes stands under `stepwell`."""
    counts = batch.counts
    ran = batch.ended and batch.status != "failed"
    errors = [
        {"code": problem.code, "line": problem.line, "message": problem.message, "param": problem.param}
        for problem in batch.errors
    ]
    wrong = counts.total - counts.answered
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.options.endpoint or "/v1/chat/completions",
        "errors": {"object": "list", "data": errors} if errors else None,
        "input_file_id": batch.file_id,
        "completion_window": f"{round(batch.options.window_s / 3600)}h",
        "status": batch.status,
        "output_file_id": output_file(batch.id) if ran and counts.answered else None,
        "error_file_id": error_file(batch.id) if ran and wrong else None,
        "created_at": int(batch.created),
        **{
            name: _whole(getattr(batch, name))
            for name in (
                "in_progress_at",
                "expires_at",
                "finalizing_at",
                "completed_at",
                "failed_at",
                "expired_at",
                "cancelling_at",
                "cancelled_at",
            )
        },
        "request_counts": batch.request_counts,
        "metadata": dict(batch.options.metadata) or None,
        "stepwell": {
            "refused": counts.refused,
            "invalid": counts.invalid,
            "shared": counts.shared,
            "cost_usd": None if batch.unpriced else batch.cost_usd,
            "lines_per_s": batch.rate,
            "seconds_left": batch.left_s,
            "round": batch.round,
        },
    }


def _whole(moment: float | None) -> int | None:
    return None if moment is None else int(moment)
