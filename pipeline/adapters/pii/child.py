"""The child process: `python -m pipeline.adapters.pii.child`. It reads jobs from standard input until that ends.

A job is `{id, units, names, before}`; the answer is `{id, findings, engine}` or `{id, error}`, where `error` is the
name of an exception, never its text. `before` is a reading of the system-wide monotonic clock: a job that waited past
it is not begun, since nobody waits for its answer any more. The first frame, `{engine}`, says that all is loaded.

The parent keeps the time and kills this process when it takes too long, so nothing here needs a timer.
"""

import os
import signal
import sys
import time
from typing import Any, BinaryIO

from pipeline.adapters.pii import frames
from pipeline.adapters.pii.spans import merge, tally

__all__ = ["main"]


def _analyzer() -> Any:
    from pipeline.adapters.pii.names import SmallEngine
    from pipeline.adapters.pii.presidio import Analyzer, registry, stay_offline

    stay_offline()
    engine = SmallEngine()
    engine.load()
    return Analyzer(engine, registry())


def _scan(analyzer: Any, job: dict[str, Any]) -> list[list[list[Any]]]:
    """The findings of each unit, as `[type, count, score]`.

    Raises:
        TimeoutError: the job's time is over.
    """
    found = []
    for unit in job["units"]:
        if time.monotonic() > job["before"]:
            raise TimeoutError
        findings = merge([tally(analyzer.scan_text(unit, names=job["names"]))])
        found.append([[finding.type, finding.count, finding.score] for finding in findings])
    return found


def _answer(analyzer: Any, job: dict[str, Any]) -> dict[str, Any]:
    try:
        return {"id": job["id"], "findings": _scan(analyzer, job)}
    except Exception as error:  # noqa: BLE001 - whatever goes wrong with one job is its answer, not the end of the child
        return {"id": job["id"], "error": type(error).__name__}


def serve(jobs: BinaryIO, answers: BinaryIO) -> None:
    """Answer jobs until the parent closes the pipe."""
    analyzer = _analyzer()
    _send(answers, {"engine": analyzer.version})
    while (job := frames.read_blocking(jobs)) is not None:
        _send(answers, _answer(analyzer, job))


def _send(answers: BinaryIO, value: object) -> None:
    answers.write(frames.pack(value))
    answers.flush()


def main() -> None:
    """Serve on the standard streams; whatever a library prints goes to standard error instead."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    main()
