"""What is known of keys that have no counterpart in a policy: why not, and what to do instead."""

import re
from typing import Final

from pipeline.policy.problems import Path

__all__ = ["hint_for", "is_known"]

_UNKNOWN: Final = ("Stepwell has no such setting", "decide whether you need it; nothing of it is in the policy")
_KEYS: Final = (
    "keys of callers are no part of a policy",
    "make keys for your callers where Stepwell's door stands, and give them out anew",
)
_SHARED: Final = ("where Stepwell keeps shared state is no part of a policy", "set STEPWELL_VALKEY where it runs")
_STORE: Final = ("Stepwell has no database", "nothing to do: records are kept in NATS")
_TOLD: Final = (
    "logs and traces are no part of a policy",
    "set OTEL_EXPORTER_OTLP_ENDPOINT, or read metrics and `stepwell audit`",
)
_GUARD: Final = (
    "guardrails of others are not translated",
    "personal data is found and kept back by residency.yaml; write the rest as rules there, or check before asking",
)
_ERRORS: Final = (
    "Stepwell retries by whether another try can help, not by kinds of errors",
    "see `retry` in limits.yaml",
)
_CLOUD: Final = (
    "Stepwell calls targets by the OpenAI API with one key, and signs no requests for a cloud",
    "give the target an OpenAI-compatible address",
)
_PROVIDER_LIMIT: Final = (
    "what a provider allows is not counted ahead: a 429 is honoured, and calls at a time are bounded by `slots`",
    "set `slots` of the target, or write a rate in limits.yaml for your callers",
)
_BY_KEY: Final[tuple[tuple[re.Pattern[str], tuple[str, str]], ...]] = tuple(
    (re.compile(pattern), told)
    for pattern, told in (
        (r"environment_variables", ("variables are no part of a policy", "set them where Stepwell runs")),
        (r"include", ("other files are not followed", "import them one by one, or join them first")),
        (r"(input|output|before_request|after_request|default_input|default_output)_?(guardrails|hooks)", _GUARD),
        (r"guardrails|guardrail_list|presidio.*|.*moderation.*", _GUARD),
        (r".*callbacks?|callback_settings|langfuse.*|.*_logging|.*logs?|.*verbose|alerting.*|trace.*", _TOLD),
        (
            r"similarity_threshold|.*semantic.*|qdrant.*",
            ("only answers to the very same question are remembered", "nothing to do"),
        ),
        (r"retry", ("retries are the same for all targets", "see `retry` in limits.yaml")),
        (r"redis.*|redis_.*|startup_nodes|sentinel.*|cache_params|host|port|namespace|ssl", _SHARED),
        (r"database.*|store_.*|.*spend.*|prisma.*", _STORE),
        (r"master_key|.*key_generation.*|custom_auth|.*jwt.*|enforced_params|allowed_routes|ui_.*", _KEYS),
        (r"retry_policy|allowed_fails_policy|model_group_retry_policy|retry_after|on_status_codes", _ERRORS),
        (
            r"aws_.*|vertex_.*|bedrock_.*|watsonx_.*|sagemaker_.*|tenant_id|client_id|client_secret|azure_.*|.*credential.*",
            _CLOUD,
        ),
        (r"rpm|tpm|max_parallel_requests|.*_rpm|.*_tpm", _PROVIDER_LIMIT),
        (
            r"tags|.*tag_filtering.*",
            ("deployments are not chosen by tags", "write a route whose `match` looks at the metadata of a request"),
        ),
        (
            r"mcp_.*|search_tools|vector_store.*|assistants?_.*|files_settings|.*passthrough.*|pass_through.*",
            ("Stepwell answers chats and does nothing else", "keep another service for it"),
        ),
        (
            r"drop_params|modify_params|strict_open_ai_compliance|additional_drop_params",
            ("parameters that a target does not take are refused and never dropped", "nothing to do"),
        ),
        (
            r"headers|extra_headers|default_headers|forward_headers|.*organization.*|.*project.*",
            ("a target gets no headers but its key", "put an address in front of it that adds them"),
        ),
        (
            r"base_model|.*litellm_provider",
            ("Stepwell has no list of models and prices", "write `price` of the target"),
        ),
        (
            r"api_version",
            ("the address of the target carries no version", "nothing to do where its v1 address is used"),
        ),
        (r".*health_check.*", ("targets are watched by their answers", "add `probe` to a target to have it asked too")),
        (r"mock_.*", ("answers are not made up", "use `stepwell up --models scripted` to try things out")),
    )
)


def is_known(path: Path) -> bool:
    """Whether something is known of the key at the end of the path."""
    return bool(path) and isinstance(path[-1], str) and hint_for(path[-1:]) != _UNKNOWN


def hint_for(path: Path) -> tuple[str, str]:
    """Why a value at this path was not translated, and what to do: by the nearest key that something is known of."""
    for part in reversed(path):
        if isinstance(part, str):
            for pattern, told in _BY_KEY:
                if pattern.fullmatch(part.lower()):
                    return told
    return _UNKNOWN
