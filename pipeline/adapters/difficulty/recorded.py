"""Labels out of what was recorded: decisions say whether a draft sufficed, outcomes how good its answer was.

The records hold no text, so they label questions that their owner kept himself, by the id of the request.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from pipeline.adapters.difficulty.examples import Example, Fields, example_of, name_of, rows_of
from pipeline.contracts import AuditRecord, OutcomeEvent
from pipeline.errors import InvalidRequest

__all__ = ["labelled", "labels_of"]

_IDS: Final = ("request_id", "id", "custom_id")


def labels_of(records: Iterable[AuditRecord], outcomes: Iterable[OutcomeEvent]) -> dict[str, float]:
    """How well the first tier did, from 0 to 1, by request.

    A request that went on to a later tier was too hard for it: 0. One that it answered has the mean reward of its
    outcomes, or 1 without any, since the checks let it stay. Answers from memory, degraded ones, failures, and
    requests whose draft was left out say nothing.
    """
    rewards: dict[tuple[str, str], list[float]] = defaultdict(list)
    for outcome in outcomes:
        rewards[outcome.tenant, outcome.request_id].append(outcome.reward)
    labels: dict[str, float] = {}
    for record in records:
        if not _tells(record) or record.served is None:
            continue
        found = rewards.get((record.tenant, record.request_id), [1.0])
        labels[record.request_id] = 0.0 if record.served.tier > 0 else sum(found) / len(found)
    return labels


def labelled(files: Iterable[Path], labels: Mapping[str, float], fields: Fields) -> list[Example]:
    """The questions of these files whose request has a label; a line has the text, and the id as `id`.

    Raises:
        InvalidRequest: a line without an id, or no line whose id is known.
    """
    examples: list[Example] = []
    for file in files:
        for place, row in rows_of(file):
            number = next((row[name] for name in _IDS if name in row), None)
            if not isinstance(number, str):
                raise InvalidRequest(f"{place}: there is no id of a request: write it as id, request_id or custom_id")
            if number in labels:
                label = {"weak": labels[number]}
                examples.append(example_of({**row, **label}, Fields(text=fields.text), place, name_of(file)))
    if not examples:
        raise InvalidRequest("no line has the id of a recorded request: give the questions that were asked here")
    return examples


def _tells(record: AuditRecord) -> bool:
    """Whether its record says something of the first tier."""
    if record.status != "answered" or record.cache == "hit" or record.degraded or record.skipped:
        return False
    return any(attempt.tier == 0 for attempt in record.answers)
