"""What all errors of Stepwell have."""

from typing import ClassVar

__all__ = ["StepwellError"]


class StepwellError(Exception):
    """Any error of ours.

    Attributes:
        code: stable identifier, part of the API.
        http_status: the status the HTTP door answers with.
        rule: id of the policy rule that decided, where one did.
        param: the field of the request that was wrong, where one was.
        retry_after_s: seconds after which another try makes sense, where known.
    """

    code: ClassVar[str] = "internal"
    http_status: ClassVar[int] = 500

    def __init__(
        self,
        message: str,
        *,
        rule: str | None = None,
        param: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.rule = rule
        self.param = param
        self.retry_after_s = retry_after_s
