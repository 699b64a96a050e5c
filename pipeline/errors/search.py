"""Which error it is: the class of a code, and the first one in a group."""

from pipeline.errors.base import StepwellError

__all__ = ["first_of", "kind_of"]


def kind_of(code: str) -> type[StepwellError]:
    """The class of the errors with this code; the root where it is unknown.

    Where a class leaves its code to those below it, the one that is furthest up stands for all.
    """
    waiting: list[type[StepwellError]] = [StepwellError]
    for kind in waiting:
        if kind.code == code:
            return kind
        waiting += kind.__subclasses__()
    return StepwellError


def first_of(group: BaseExceptionGroup[BaseException], kind: type[BaseException]) -> BaseException:
    """The first error of `kind` among the failures of a task group; the whole group where there is none.

    Raised from an ordinary `except`: what leaves an `except*` may be wrapped in a group again.
    """
    matching = group.subgroup(kind)
    error: BaseException = group if matching is None else matching
    while matching is not None and isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
