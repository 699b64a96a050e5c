"""Models, files, batches and probes: what has a small body or none."""

from typing import Any, Final

from pipeline.gateway.batches.question import ENDPOINTS
from pipeline.gateway.openapi.parts import (
    Schema,
    array,
    body,
    closed,
    errors,
    json_answer,
    nullable,
    one_of,
    opened,
    path_name,
    query,
    ref,
    text,
    whole,
)
from pipeline.gateway.paging import MOST

__all__ = ["COMPONENTS", "OPERATIONS"]

_TIMES: Final = (
    "in_progress_at", "expires_at", "finalizing_at", "completed_at",
    "failed_at", "expired_at", "cancelling_at", "cancelled_at",
)  # fmt: skip
_STATUSES: Final = (
    "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled",
)  # fmt: skip
_PAGE: Final = [
    query("after", text(maxLength=64), "The id of the last one that was seen."),
    query("limit", whole(minimum=1, maximum=MOST), "How many."),
]
_FILE: Final = path_name("file", "The id of a file, or of what a batch brought forth.")
_BATCH: Final = path_name("batch", "The id of a batch.")


def _page(of: str) -> Schema:
    return closed(
        {
            "object": {"const": "list"},
            "data": array(ref(of)),
            "first_id": nullable(text()),
            "last_id": nullable(text()),
            "has_more": {"type": "boolean"},
        },
        ("object", "data", "has_more"),
    )


COMPONENTS: Final[dict[str, Schema]] = {
    "Model": closed(
        {
            "id": text(),
            "object": {"const": "model"},
            "created": whole(),
            "owned_by": text(),
            "stepwell": opened({"kind": one_of("auto", "route", "variant")}, ("kind",)),
        },
        ("id", "object", "created", "owned_by"),
    ),
    "Models": closed({"object": {"const": "list"}, "data": array(ref("Model"))}, ("object", "data")),
    "File": closed(
        {
            "id": text(),
            "object": {"const": "file"},
            "bytes": whole(minimum=0),
            "created_at": whole(),
            "expires_at": nullable(whole()),
            "filename": text(),
            "purpose": one_of("batch", "batch_output"),
            "status": one_of("processed"),
            "status_details": {"type": "null"},
        },
        ("id", "object", "bytes", "created_at", "filename", "purpose", "status"),
    ),
    "Files": _page("File"),
    "Deleted": closed({"id": text(), "object": {"const": "file"}, "deleted": {"const": True}}, ("id", "deleted")),
    "Batch": opened(
        {
            "id": text(),
            "object": {"const": "batch"},
            "endpoint": text(),
            "errors": nullable(opened({"object": {"const": "list"}, "data": array(ref("LineError"))}, ("data",))),
            "input_file_id": text(),
            "completion_window": text(),
            "status": one_of(*_STATUSES),
            "output_file_id": nullable(text()),
            "error_file_id": nullable(text()),
            "created_at": whole(),
            **{name: nullable(whole()) for name in _TIMES},
            "request_counts": closed(
                {name: whole(minimum=0) for name in ("total", "completed", "failed")}, ("total", "completed", "failed")
            ),
            "metadata": nullable({"type": "object", "additionalProperties": text()}),
            "stepwell": opened({"cost_usd": nullable({"type": "number"}), "round": whole()}),
        },
        ("id", "object", "endpoint", "input_file_id", "completion_window", "status", "created_at", "request_counts"),
    ),
    "LineError": closed(
        {"code": text(), "line": whole(), "message": text(), "param": nullable(text())}, ("code", "line", "message")
    ),
    "Batches": _page("Batch"),
    "BatchQuestion": closed(
        {
            "input_file_id": text(minLength=1),
            "endpoint": one_of(*ENDPOINTS),
            "completion_window": one_of("24h"),
            "metadata": nullable(
                {
                    "type": "object",
                    "maxProperties": 16,
                    "propertyNames": {"maxLength": 64},
                    "additionalProperties": text(maxLength=512),
                }
            ),
            "stepwell": closed(
                {
                    "not_before": {"anyOf": [{"type": "number", "minimum": 0}, text(format="date-time")]},
                    "hours": closed({"start": text(), "end": text(), "timezone": text()}, ("start", "end")),
                    "skip_invalid": {"type": "boolean"},
                    "dedup": {"type": "boolean"},
                    "route": text(minLength=1, maxLength=64),
                    "origin": text(minLength=1, maxLength=64),
                }
            ),
        },
        ("input_file_id", "endpoint", "completion_window"),
    ),
    "Upload": closed(
        {"purpose": {"const": "batch"}, "file": text(format="binary", contentMediaType="application/octet-stream")},
        ("purpose", "file"),
    ),
    "Ready": opened({"status": one_of("ready", "not_ready", "draining", "alive"), "code": text()}, ("status",)),
}

_SERVED: Final = (404, 503, 504, 500)

OPERATIONS: Final[dict[tuple[str, str], dict[str, Any]]] = {
    ("get", "/v1/models"): {
        "operationId": "list_models",
        "summary": "What the tenant may name: auto, routes and variants.",
        "responses": {"200": json_answer(ref("Models"), "All of them."), **errors(500)},
    },
    ("get", "/v1/models/{model}"): {
        "operationId": "retrieve_model",
        "summary": "One of them.",
        "parameters": [path_name("model", "auto, a route or a variant.")],
        "responses": {"200": json_answer(ref("Model"), "It."), **errors(404, 500)},
    },
    ("post", "/v1/files"): {
        "operationId": "create_file",
        "summary": "Store the input of a batch.",
        "requestBody": body(ref("Upload"), "multipart/form-data"),
        "responses": {"200": json_answer(ref("File"), "It is stored."), **errors(408, 409, 413, *_SERVED)},
    },
    ("get", "/v1/files"): {
        "operationId": "list_files",
        "summary": "What was sent, the newest first.",
        "parameters": [
            *_PAGE,
            query("purpose", text(maxLength=64), "Only those of this purpose."),
            query("order", one_of("desc"), "The newest first."),
        ],
        "responses": {"200": json_answer(ref("Files"), "A page."), **errors(*_SERVED)},
    },
    ("get", "/v1/files/{file}"): {
        "operationId": "retrieve_file",
        "summary": "About a file.",
        "parameters": [_FILE],
        "responses": {"200": json_answer(ref("File"), "It."), **errors(*_SERVED)},
    },
    ("delete", "/v1/files/{file}"): {
        "operationId": "delete_file",
        "summary": "Remove a file.",
        "parameters": [_FILE],
        "responses": {"200": json_answer(ref("Deleted"), "It is gone."), **errors(409, *_SERVED)},
    },
    ("get", "/v1/files/{file}/content"): {
        "operationId": "file_content",
        "summary": "The bytes that were sent, or the rows of a batch that are there by now.",
        "parameters": [_FILE],
        "responses": {
            "200": {
                "description": "Its bytes.",
                "content": {"application/jsonl": {"schema": text(contentMediaType="application/jsonl")}},
            },
            **errors(*_SERVED),
        },
    },
    ("post", "/v1/batches"): {
        "operationId": "create_batch",
        "summary": "Run the lines of a file.",
        "requestBody": body(ref("BatchQuestion")),
        "responses": {"200": json_answer(ref("Batch"), "It is being validated."), **errors(408, 409, 413, *_SERVED)},
    },
    ("get", "/v1/batches"): {
        "operationId": "list_batches",
        "summary": "The newest first.",
        "parameters": _PAGE,
        "responses": {"200": json_answer(ref("Batches"), "A page."), **errors(*_SERVED)},
    },
    ("get", "/v1/batches/{batch}"): {
        "operationId": "retrieve_batch",
        "summary": "How far it is.",
        "parameters": [_BATCH],
        "responses": {"200": json_answer(ref("Batch"), "It."), **errors(*_SERVED)},
    },
    ("post", "/v1/batches/{batch}/cancel"): {
        "operationId": "cancel_batch",
        "summary": "What has not begun never runs.",
        "parameters": [_BATCH],
        "responses": {"200": json_answer(ref("Batch"), "It."), **errors(409, *_SERVED)},
    },
    ("post", "/v1/batches/{batch}/retry"): {
        "operationId": "retry_batch",
        "summary": "Ask the lines again that ended without an answer.",
        "parameters": [_BATCH],
        "responses": {"200": json_answer(ref("Batch"), "It."), **errors(409, *_SERVED)},
    },
    ("get", "/livez"): {
        "operationId": "alive",
        "summary": "The process answers.",
        "responses": {"200": json_answer(ref("Ready"), "It does.")},
        "security": [{}],
    },
    ("get", "/readyz"): {
        "operationId": "ready",
        "summary": "Requests would be served.",
        "responses": {
            "200": json_answer(ref("Ready"), "They would."),
            "503": json_answer(ref("Ready"), "They would not; it says why."),
        },
        "security": [{}],
    },
    ("get", "/metrics"): {
        "operationId": "metrics",
        "summary": "In the text format of Prometheus.",
        "responses": {"200": {"description": "All of them.", "content": {"text/plain": {"schema": text()}}}},
        "security": [{}],
    },
}
