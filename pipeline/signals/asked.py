"""What a request asks: everything that can be told of it alone, each thing worked out when it is looked at."""

from pipeline.contracts import Lane, Origin, Request
from pipeline.signals.complexity import complexity_of
from pipeline.signals.conversation import Once, Survey
from pipeline.signals.reading import Reading, read
from pipeline.signals.wants import Wants, wants_of

__all__ = ["Asked"]


class Asked(Survey):
    """One attribute for each thing, under the name that a `Signals` has for it."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self.tenant: str = request.tenant
        self.lane: Lane = request.lane
        self.origin: Origin | None = request.origin
        self.metadata: dict[str, str] = request.metadata

    @property
    def task(self) -> str | None:
        """What the caller called its task."""
        return self.metadata.get("task")

    @property
    def language(self) -> str | None:
        """The language that the caller named."""
        return self.metadata.get("language")

    @property
    def max_tokens(self) -> int | None:
        """Tokens that the caller allows for the answer."""
        return self.request.parameters.max_tokens

    @property
    def has_session(self) -> bool:
        """Whether the caller named a session."""
        return bool(self.request.session)

    @Once
    def reading(self) -> Reading:
        """Its words and marks."""
        return read(self)

    @Once
    def complexity(self) -> float:
        """How hard the whole conversation looks, from 0 to 1."""
        return complexity_of(self, self.reading).score

    @Once
    def wants(self) -> Wants:
        """What kind of answer is wished for."""
        return wants_of(self, self.reading)

    @property
    def wants_code(self) -> bool:
        """Whether code is wished for."""
        return self.wants.code

    @property
    def wants_math(self) -> bool:
        """Whether mathematics is wished for."""
        return self.wants.math

    @property
    def wants_json(self) -> bool:
        """Whether JSON is wished for."""
        return self.wants.json
