"""What the server was asked, what it charged, and how many calls ran at once."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from pipeline.embedded.scripted.answers import Answer

__all__ = ["Ledger"]

_KEYS = 500_000


class Ledger:
    """Counts calls and remembers answers by Idempotency-Key (the newest half million)."""

    def __init__(self, *, remember_keys: bool = True) -> None:
        self._remember = remember_keys
        self.clear()

    def clear(self) -> None:
        """Start again from nothing."""
        self._calls = self._completed = self._aborted = self._failed = self._replayed = 0
        self._running = getattr(self, "_running", 0)
        self._most = self._running
        self._billed: dict[str, int] = {}
        self._tokens: dict[str, int] = {}
        self._keys: OrderedDict[str, int] = OrderedDict()
        self._tries: dict[str, int] = {}
        self._answers: dict[str, Answer] = {}

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count one call; one that ends by any exception was aborted by its caller."""
        self._calls += 1
        self._running += 1
        self._most = max(self._most, self._running)
        try:
            yield
        except BaseException:
            self._aborted += 1
            raise
        finally:
            self._running -= 1

    def failed(self) -> None:
        """An error was answered, as the script says."""
        self._failed += 1

    def tries(self, key: str) -> int:
        """Count a try of `key` and tell how many came before it."""
        before = self._tries.get(key, 0)
        self._tries[key] = before + 1
        return before

    def recorded(self, key: str | None) -> Answer | None:
        """The answer given to `key` before."""
        return self._answers.get(key) if key and self._remember else None

    def settle(self, model: str, key: str | None, given: Answer) -> Answer:
        """Bill an answer that was generated to its end, once for each key; return the one that counts for the key."""
        self._completed += 1
        earlier = self.recorded(key)
        if earlier is not None:
            self._replayed += 1
            return earlier
        self._billed[model] = self._billed.get(model, 0) + 1
        self._tokens[model] = self._tokens.get(model, 0) + given.input_tokens + len(given.reasoning) + len(given.tokens)
        if key:
            self._note(key, given)
        return given

    def _note(self, key: str, given: Answer) -> None:
        self._keys[key] = self._keys.get(key, 0) + 1
        if self._remember:
            self._answers[key] = given
        if len(self._keys) > _KEYS:
            oldest, _ = self._keys.popitem(last=False)
            self._answers.pop(oldest, None)
            self._tries.pop(oldest, None)

    def stats(self) -> Mapping[str, object]:
        """All counts. `billed` is by model, `keys` by Idempotency-Key, `double_billed` the keys charged twice."""
        return {
            "calls": self._calls,
            "completed": self._completed,
            "aborted": self._aborted,
            "failed": self._failed,
            "replayed": self._replayed,
            "running": self._running,
            "max_concurrency": self._most,
            "billed": self._billed,
            "billed_total": sum(self._billed.values()),
            "tokens": self._tokens,
            "double_billed": [key for key, times in self._keys.items() if times > 1],
            "keys": dict(self._keys),
        }
