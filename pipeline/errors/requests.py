"""What is wrong with a request, or with who sends it."""

from pipeline.errors.failures import Permanent

__all__ = [
    "AuthenticationRequired",
    "ContextTooLong",
    "IdempotencyConflict",
    "InvalidApiKey",
    "InvalidRequest",
    "NotFound",
    "PermissionDenied",
    "RequestTooLarge",
    "UnknownModel",
    "UnsupportedParameter",
]


class InvalidRequest(Permanent):
    """The request breaks its contract."""

    code = "invalid_request"
    http_status = 400


class ContextTooLong(InvalidRequest):
    """The conversation fits into the context window of no target that may serve it."""

    code = "context_length_exceeded"


class UnsupportedParameter(InvalidRequest):
    """The request asks for something that Stepwell knows of and does not do. Refused, never silently dropped."""

    code = "unsupported_parameter"


class IdempotencyConflict(Permanent):
    """The request id was used before with other content."""

    code = "idempotency_conflict"
    http_status = 409


class RequestTooLarge(Permanent):
    """The body is larger than the transport or the policy takes."""

    code = "request_too_large"
    http_status = 413


class AuthenticationRequired(Permanent):
    """The door takes nobody without a key or token, and none came with the request."""

    code = "authentication_required"
    http_status = 401


class InvalidApiKey(Permanent):
    """The key or token is unknown, mistyped, expired or revoked, or its signature or issuer is none that we trust."""

    code = "invalid_api_key"
    http_status = 401


class PermissionDenied(Permanent):
    """The caller is known, and the key or token does not open this endpoint, route, lane or tenant."""

    code = "permission_denied"
    http_status = 403


class UnknownModel(Permanent):
    """No route or variant has this name."""

    code = "model_not_found"
    http_status = 404


class NotFound(Permanent):
    """Nothing is stored under this id."""

    code = "not_found"
    http_status = 404
