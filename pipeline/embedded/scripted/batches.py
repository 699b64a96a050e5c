"""The provider's API of files and batches, played: `/v1/files` and `/v1/batches`.

A batch goes through `validating`, `in_progress` and `finalizing`, and ends `completed`, with its answers in another
order than its calls. By the words in the model's name of its first line it ends otherwise: `fails` (the file is
refused), `expires` (after half of its lines), `vanishes` (nobody knows it any more).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, Final

import orjson
from aiohttp import web

from pipeline.embedded.scripted import wire
from pipeline.embedded.scripted.answers import answer
from pipeline.embedded.scripted.behaviour import behaviour_of, words_of
from pipeline.embedded.scripted.ledger import Ledger

__all__ = ["Batches"]

_JSON: Final = "application/json"
_OVER: Final = frozenset({"completed", "failed", "expired", "cancelled"})
_DAY_S: Final = 86_400
MOST_LINES: Final = 50_000
MOST_BYTES: Final = 200_000_000


@dataclass
class _Batch:
    """A batch, and the moment at which each of its states begins."""

    id: str
    number: int
    input: str
    metadata: Mapping[str, str]
    began: float
    ends: float
    created_at: int
    status: str = "validating"
    output: str | None = None
    errors: str | None = None
    counts: dict[str, int] = field(default_factory=lambda: {"total": 0, "completed": 0, "failed": 0})


class Batches:
    """Files and batches of one server.

    Args:
        ledger: counts what is answered.
        seed: of the answers.
        takes_s: seconds that a batch takes.
        clock: monotonic seconds.
    """

    def __init__(
        self, ledger: Ledger, seed: int, takes_s: float = 0.2, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ledger = ledger
        self._seed = seed
        self.takes_s = takes_s
        self._clock = clock
        self._made = 0
        self.files: dict[str, tuple[str, bytes]] = {}
        self.deleted: list[str] = []
        self.uploads: list[bytes] = []
        self._batches: dict[str, _Batch] = {}

    @property
    def count(self) -> int:
        """Batches that were created."""
        return len(self._batches)

    def add_to(self, app: web.Application) -> None:
        """Answer below these addresses."""
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files", self._list_files)
        app.router.add_get("/v1/files/{id}/content", self._content)
        app.router.add_delete("/v1/files/{id}", self._delete)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{id}", self._get)
        app.router.add_post("/v1/batches/{id}/cancel", self._cancel)

    # ------------------------------------------------------------ files

    async def _upload(self, request: web.Request) -> web.Response:
        try:
            form = await request.post()
            given = form["file"]
            if not isinstance(given, web.FileField) or form["purpose"] != "batch":
                raise ValueError
            body = given.file.read()
        except (KeyError, ValueError):
            return _problem(400)
        if body.count(b"\n") > MOST_LINES or len(body) > MOST_BYTES:
            return _problem(400)
        self.uploads.append(body)
        name = self._store(given.filename, body)
        return _said(self._file(name))

    def _store(self, filename: str, body: bytes) -> str:
        self._made += 1
        name = f"file-{self._made}"
        self.files[name] = filename, body
        return name

    def _file(self, name: str) -> dict[str, Any]:
        filename, body = self.files[name]
        told = {"id": name, "object": "file", "bytes": len(body), "created_at": 0, "filename": filename}
        return {**told, "purpose": "batch", "status": "processed"}

    async def _list_files(self, _request: web.Request) -> web.Response:
        listed = [self._file(name) for name in reversed(self.files)]
        return _said({"object": "list", "data": listed, "has_more": False})

    async def _content(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["id"])
        return _problem(404) if found is None else web.Response(body=found[1], content_type="application/octet-stream")

    async def _delete(self, request: web.Request) -> web.Response:
        name = request.match_info["id"]
        if self.files.pop(name, None) is None:
            return _problem(404)
        self.deleted.append(name)
        return _said({"id": name, "object": "file", "deleted": True})

    # ------------------------------------------------------------ batches

    async def _create(self, request: web.Request) -> web.Response:
        try:
            asked = orjson.loads(await request.read())
            metadata, source = asked.get("metadata") or {}, asked["input_file_id"]
            right = asked["completion_window"] == "24h" and asked["endpoint"] == "/v1/chat/completions"
        except (ValueError, KeyError, TypeError, AttributeError):
            return _problem(400)
        if not right or source not in self.files:
            return _problem(400)
        now = self._clock()
        number = len(self._batches) + 1
        batch = _Batch(f"batch_{number}", number, source, metadata, now, now + self.takes_s, int(time.time()))
        self._batches[batch.id] = batch
        return _said(_told(batch))

    async def _list(self, request: web.Request) -> web.Response:
        newest = sorted(self._batches.values(), key=lambda batch: -batch.number)
        after = self._batches.get(request.query.get("after", ""))
        rest = [batch for batch in newest if after is None or batch.number < after.number]
        limit = min(100, max(1, int(request.query.get("limit", "20"))))
        page = [_told(self._now(batch)) for batch in rest[:limit]]
        return _said({"object": "list", "data": page, "has_more": len(rest) > limit})

    async def _get(self, request: web.Request) -> web.Response:
        batch = self._batches.get(request.match_info["id"])
        if batch is None or "vanishes" in self._words(batch):
            return _problem(404)
        return _said(_told(self._now(batch)))

    async def _cancel(self, request: web.Request) -> web.Response:
        batch = self._batches.get(request.match_info["id"])
        if batch is None:
            return _problem(404)
        if self._now(batch).status not in _OVER:
            batch.status = "cancelled"
        return _said(_told(batch))

    def _words(self, batch: _Batch) -> set[str]:
        """Of the model's name in the first line."""
        try:
            return words_of(orjson.loads(self.files[batch.input][1].split(b"\n", 1)[0])["body"]["model"])
        except (ValueError, KeyError, TypeError):
            return {"fails"}

    def _now(self, batch: _Batch) -> _Batch:
        """The batch as it is by now."""
        if batch.status in _OVER:
            return batch
        share = 1.0 if batch.ends <= batch.began else (self._clock() - batch.began) / (batch.ends - batch.began)
        if share >= 1.0:
            self._end(batch)
        else:
            batch.status = "validating" if share < 0.25 else "in_progress" if share < 0.75 else "finalizing"
        return batch

    def _end(self, batch: _Batch) -> None:
        words = self._words(batch)
        if "fails" in words:
            batch.status = "failed"
            return
        lines = [orjson.loads(line) for line in self.files[batch.input][1].splitlines() if line]
        done = lines[: len(lines) // 2] if "expires" in words else lines
        late = lines[len(done) :]
        outputs = [self._answer(line) for line in sorted(done, key=_anywhere)]
        good = [line for line in outputs if line["error"] is None and line["response"]["status_code"] == 200]
        bad = [line for line in outputs if line["error"] is not None or line["response"]["status_code"] != 200]
        bad += [_line(line["custom_id"], None, {"code": "batch_expired", "message": "Too late."}) for line in late]
        batch.counts = {"total": len(lines), "completed": len(good), "failed": len(bad)}
        batch.output = self._store("output.jsonl", _jsonl(good)) if good else None
        batch.errors = self._store("errors.jsonl", _jsonl(bad)) if bad else None
        batch.status = "expired" if late else "completed"

    def _answer(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """One line of what comes back."""
        try:
            body, name = line["body"], str(line["custom_id"])
            behaviour = behaviour_of(body["model"])
            given = answer(body, behaviour, self._seed)
        except (KeyError, TypeError, AttributeError, ValueError, StopIteration):
            return _line(str(line.get("custom_id")), {"status_code": 400, "body": _error(400)}, None)
        if behaviour.status != 200:
            self._ledger.failed()
            return _line(name, {"status_code": behaviour.status, "body": _error(behaviour.status)}, None)
        given = self._ledger.settle(body["model"], name, given)
        plain = wire.plain(body["model"], given, logprobs=bool(body.get("logprobs")))
        return _line(name, {"status_code": 200, "request_id": name, "body": orjson.loads(plain)}, None)


def _told(batch: _Batch) -> dict[str, Any]:
    return {
        "id": batch.id,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "errors": None,
        "input_file_id": batch.input,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output,
        "error_file_id": batch.errors,
        "created_at": batch.created_at,
        "expires_at": batch.created_at + _DAY_S,
        "request_counts": batch.counts,
        "metadata": batch.metadata,
    }


def _anywhere(line: Mapping[str, Any]) -> bytes:
    return blake2b(str(line.get("custom_id")).encode(), digest_size=8).digest()


def _line(name: str, response: Mapping[str, Any] | None, error: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"id": f"batch_req_{name}", "custom_id": name, "response": response, "error": error}


def _jsonl(lines: list[dict[str, Any]]) -> bytes:
    return b"".join(orjson.dumps(line) + b"\n" for line in lines)


def _error(status: int) -> Any:
    return orjson.loads(wire.problem("The script says so.", str(status)))


def _problem(status: int) -> web.Response:
    return web.Response(body=wire.problem("No.", str(status)), status=status, content_type=_JSON)


def _said(what: Mapping[str, Any]) -> web.Response:
    return web.Response(body=orjson.dumps(what), content_type=_JSON)
