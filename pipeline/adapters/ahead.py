"""Work that begins at once, in the middle of a callback of the event loop, as a part of a task that waits meanwhile.

Between a callback that wakes a task and that task lies a turn of the loop, in which everything else that is ready comes
first. What need not wait for anything need not wait for that either.
"""

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

__all__ = ["Ahead"]

T = TypeVar("T")


class Ahead(Generic[T]):
    """Runs `work` as far as it gets now. Whoever awaits it runs what is left, and gets what it returns or raises.

    Args:
        work: what is to be done.
        task: whom it counts as a part of; no task may be running.

    Attributes:
        ended: nothing is left.
    """

    __slots__ = ("_error", "_result", "_waits_for", "_work", "ended")

    def __init__(self, work: Coroutine[Any, Any, T], task: "asyncio.Task[Any]") -> None:
        self._work = work
        self._waits_for: Any = None
        self._result: T
        self._error: BaseException | None = None
        self.ended = False
        loop = asyncio.get_running_loop()
        _enter_task(loop, task)
        try:
            self._go(work.send, None)
        finally:
            _leave_task(loop, task)

    def returned(self, result: T) -> bool:
        """Whether it ended, and returned this."""
        return self.ended and self._error is None and self._result == result

    def drop(self) -> None:
        """Nobody is going to await it: stop it where it waits. What it waits for may have others that wait for it."""
        if not self.ended:
            if self._waits_for is not None:
                self._waits_for._asyncio_future_blocking = False
            self._work.close()
            self.ended = True

    def __await__(self) -> Generator[Any, Any, T]:
        """Go on where it waits."""
        while not self.ended:
            try:
                given = yield self._waits_for
            except BaseException as error:  # noqa: BLE001 - it is the work's to deal with
                self._go(self._work.throw, error)
            else:
                self._go(self._work.send, given)
        if self._error is not None:
            raise self._error
        return self._result

    def _go(self, on: Callable[[Any], Any], given: Any) -> None:
        try:
            self._waits_for = on(given)
        except StopIteration as end:
            self._result, self.ended = end.value, True
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            self._error, self.ended = error, True
