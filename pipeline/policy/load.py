"""From files to a policy in force: parse, resolve, compile, try the examples. All of it or nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipeline.policy.attached import LARGEST, attach, references
from pipeline.policy.compile import Compiled, compiled, policy_of
from pipeline.policy.compiled import Policy
from pipeline.policy.embedding import embedding
from pipeline.policy.examples import failing_examples
from pipeline.policy.files import MAX_FILES, SUFFIXES, BundleFiles, Files, FolderFiles, Unreadable
from pipeline.policy.gaps import gaps
from pipeline.policy.lint import doubtful, hopeless
from pipeline.policy.names import dangling
from pipeline.policy.problems import Place, Problem, refuse
from pipeline.policy.remembering import remembering
from pipeline.policy.resolve import PolicySet, resolve
from pipeline.policy.soundness import unsound
from pipeline.policy.spelling import misspelt, unheard
from pipeline.policy.text import SourceFile, read_text
from pipeline.policy.validate import AnyFile, validated

__all__ = [
    "MAX_FILES",
    "SUFFIXES",
    "Checked",
    "check_bundle",
    "check_folder",
    "load_bundle",
    "load_folder",
    "read_folder",
]


@dataclass(frozen=True, slots=True)
class Checked:
    """What checking a set found: the policy, if nothing is wrong, and what its owners should think about."""

    policy: Policy | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()


def load_folder(path: Path, environment: Mapping[str, str]) -> Policy:
    """Load every `*.yaml` in the folder (not below it), in the order of their names, and the files that they name.

    Raises:
        PolicyInvalid: with one line for each problem, all of them at once.
    """
    return _loaded(FolderFiles(path), environment)


def load_bundle(files: Mapping[str, bytes], environment: Mapping[str, str], *, name: str = "") -> Policy:
    """Load a set that is in memory: its files by their path in the folder (see `read_folder`).

    Raises:
        PolicyInvalid: as `load_folder`; `name` stands before each place.
    """
    return _loaded(BundleFiles(files, name), environment)


def check_folder(path: Path, environment: Mapping[str, str], *, today: date | None = None) -> Checked:
    """Like `load_folder`, but hand back problems and warnings instead of raising them.

    Args:
        path: the folder.
        environment: where `${NAME}` is looked up.
        today: the day against which dates in the files are held; None: against none.

    Raises:
        PolicyInvalid: there is no such folder, or no policy file in it.
    """
    return _checked(FolderFiles(path), environment, today)


def check_bundle(
    files: Mapping[str, bytes], environment: Mapping[str, str], *, name: str = "", today: date | None = None
) -> Checked:
    """Like `check_folder`, for a set that is in memory."""
    return _checked(BundleFiles(files, name), environment, today)


def read_folder(path: Path) -> dict[str, bytes]:
    """Every file that belongs to the set in a folder, by its path there: policies, and what they name.

    A file that is named and cannot be read is left out; loading the set says so.

    Raises:
        PolicyInvalid: there is no such folder, or no policy file in it.
    """
    files = FolderFiles(path)
    bodies = dict(files.policies())
    documents, _ = _documents(files, bodies)
    for reference in references(resolve(documents, {}, complete=False, folder=files.name)):
        try:
            bodies[reference.path] = files.attached(reference.path, LARGEST[reference.key])
        except Unreadable:
            continue
    return bodies


def _loaded(files: Files, environment: Mapping[str, str]) -> Policy:
    policy, _, _, problems = _tried(files, environment)
    if policy is None:
        raise refuse(problems)
    return policy


def _checked(files: Files, environment: Mapping[str, str], today: date | None) -> Checked:
    policy, joined, found, problems = _tried(files, environment)
    if policy is None:
        return Checked(None, problems)
    warnings = (
        *_unread(files, joined),
        *unheard(joined),
        *gaps(policy, joined),
        *doubtful(policy, joined, found, today),
    )
    return Checked(policy, problems, _in_order(list(warnings)))


def _tried(
    files: Files, environment: Mapping[str, str]
) -> tuple[Policy | None, PolicySet, Compiled, tuple[Problem, ...]]:
    """The policy whose own examples hold, or none and the problems in their order."""
    documents, problems = _documents(files, files.policies())
    complete = not problems
    joined = resolve(documents, environment, complete=complete, folder=files.name)
    attach(joined, files)
    problems.extend(joined.problems)
    problems.extend(unsound(joined))
    # Of a file that is not there every name is missing, which would only hide that.
    if complete and not joined.absent:
        problems.extend(dangling(joined))
        problems.extend(remembering(joined))
        problems.extend(embedding(joined))
        problems.extend(misspelt(joined))
    found = compiled(joined, problems)
    if problems:
        return None, joined, found, _in_order(problems)
    problems.extend(hopeless(joined, found))
    policy = policy_of(joined, found)
    problems.extend(failing_examples(policy, joined))
    return None if problems else policy, joined, found, _in_order(problems)


def _unread(files: Files, joined: PolicySet) -> Iterator[Problem]:
    for path in files.below():
        if path not in joined.attached:
            text = "this is a policy below the folder, and only those at its top are read; move it up, or take it away"
            yield Problem(files.shown(path), Place(), "", text)


def _in_order(problems: list[Problem]) -> tuple[Problem, ...]:
    return tuple(sorted(set(problems)))


def _documents(files: Files, bodies: Mapping[str, bytes]) -> tuple[list[tuple[SourceFile, AnyFile]], list[Problem]]:
    documents: list[tuple[SourceFile, AnyFile]] = []
    problems: list[Problem] = []
    for name, body in bodies.items():
        source = read_text(files.shown(name), body)
        if source.problems:
            problems.extend(source.problems)
            continue
        document, wrong = validated(source)
        problems.extend(wrong)
        if document is not None:
            documents.append((source, document))
    return documents, problems
