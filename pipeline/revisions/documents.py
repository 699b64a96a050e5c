"""What the files of a bundle say, as they are written: without an environment, so that any desk can read them."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pipeline.contracts import Json
from pipeline.errors import PolicyInvalid
from pipeline.policy.keys import query_of
from pipeline.policy.load import SUFFIXES
from pipeline.policy.models import Changes, LimitsFile, ModelsFile
from pipeline.policy.problems import Problem, refuse
from pipeline.policy.text import read_text
from pipeline.policy.validate import AnyFile, validated
from pipeline.revisions.bundle import Bundle

__all__ = ["attached", "documents", "elsewhere", "is_document", "rules_of"]

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
"""A variable without a default."""


def is_document(name: str) -> bool:
    """Whether a file of a bundle is YAML of its own, and not a prompt, a schema or a model that one names."""
    return "/" not in name and name.endswith(tuple(SUFFIXES))


def documents(bundle: Bundle, name: str = "") -> dict[str, AnyFile]:
    """The documents by file name.

    Raises:
        PolicyInvalid: one of them breaks its schema.
    """
    found: dict[str, AnyFile] = {}
    problems: list[Problem] = []
    for file, body in sorted(bundle.files.items()):
        if not is_document(file):
            continue
        source = read_text(f"{name}/{file}" if name else file, body)
        document, wrong = (None, source.problems) if source.problems else validated(source)
        problems += wrong
        if document is not None:
            found[file] = document
    if problems:
        raise refuse(problems)
    return found


def attached(bundle: Bundle) -> dict[str, bytes]:
    """The files that documents name, by path."""
    return {name: body for name, body in sorted(bundle.files.items()) if not is_document(name)}


def rules_of(bundle: Bundle, name: str) -> Changes:
    """Who may change the policy, as the bundle says it.

    Raises:
        PolicyInvalid: it does not say it, or not once.
    """
    limits = [document for document in documents(bundle, name).values() if isinstance(document, LimitsFile)]
    if len(limits) != 1:
        raise PolicyInvalid(f"{name}: there must be one file of kind Limits, which says who may change policies")
    return limits[0].changes


def elsewhere(bundle: Bundle, environment: Mapping[str, str]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Stand-ins for what only the machines of workers know: keys, and addresses whose beginning is a variable.

    Neither counts for a revision, so that a policy can be checked and applied from a desk that holds no key.

    Returns:
        Values for the variables that are not set here, and their names.
    """
    stand_ins: dict[str, str] = {}
    for document in _readable(bundle):
        for target in document.targets.values() if isinstance(document, ModelsFile) else ():
            for name in _unset(target.api_key, environment):
                stand_ins.setdefault(name, "not-set-here")
            for value in _texts([target.extra, *(value for _, value in query_of(target.endpoint))]):
                for name in _unset(value, environment) if _VARIABLE.fullmatch(value) else ():
                    stand_ins.setdefault(name, "not-set-here")
            for name in _unset(target.endpoint, environment):
                if target.endpoint.startswith(f"${{{name}}}"):
                    stand_ins[name] = "http://not-set-here.invalid"
    return stand_ins, tuple(sorted(stand_ins))


def _readable(bundle: Bundle) -> tuple[AnyFile, ...]:
    try:
        return tuple(documents(bundle).values())
    except PolicyInvalid:  # which is told by whoever checks it
        return ()


def _texts(value: Json) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _unset(text: str | None, environment: Mapping[str, str]) -> list[str]:
    return [name for name in _VARIABLE.findall(text or "") if not environment.get(name)]
