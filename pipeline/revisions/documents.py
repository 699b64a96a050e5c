"""What the files of a bundle say, as they are written: without an environment, so that any desk can read them."""

from pipeline.errors import PolicyInvalid
from pipeline.policy.load import SUFFIXES
from pipeline.policy.models import Changes, LimitsFile
from pipeline.policy.problems import Problem, refuse
from pipeline.policy.text import read_text
from pipeline.policy.validate import AnyFile, validated
from pipeline.revisions.bundle import Bundle

__all__ = ["attached", "documents", "is_document", "rules_of"]


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
