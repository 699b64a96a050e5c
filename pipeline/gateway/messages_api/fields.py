"""What becomes of the fields of `/v1/messages`, object by object.

The names are those of Anthropic's API reference; a test compares them with the official client, so that a field which
appears there cannot pass unnoticed here.
"""

from collections.abc import Mapping
from typing import Final

from pipeline.contracts import Json
from pipeline.gateway.translation import FieldTable

__all__ = [
    "BLOCKS",
    "CHOICE",
    "FORMAT",
    "IMAGE_TYPES",
    "MESSAGE",
    "METADATA",
    "OUTPUT",
    "REFUSED_BLOCKS",
    "REQUEST",
    "SOURCES",
    "TOOL",
]

_CACHED: Final = frozenset({"cache_control"})
"""Hints for a provider's prompt cache; ours needs none."""
_DIRECT: Final[Mapping[str, tuple[Json, ...]]] = {"caller": ({"type": "direct"},)}

REQUEST: Final = FieldTable(
    carried=frozenset(
        {
            "max_tokens", "messages", "metadata", "model", "output_config", "provider", "stepwell", "stop_sequences",
            "stream", "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p",
        }
    ),
    dropped=_CACHED | {"diagnostics"},
    neutral={"service_tier": ("auto", "standard_only"), "speed": ("standard",)},
    refused=frozenset(
        {
            "billing_policy", "compaction", "container", "context_management", "fallback_credit_token", "fallbacks",
            "inference_geo", "mcp_servers", "thread", "user_profile_id", "workspace_id",
        }
    ),
    advice={
        "fallbacks": "the policy decides who answers where another one fails",
        "inference_geo": "the policy decides where data may go; `stepwell.origin` says where it comes from",
        "mcp_servers": "call the servers' tools yourself and offer them in `tools`",
        "thread": "send the whole conversation in `messages`, since no answers are kept here to go on from",
        "output_format": "use `output_config.format`",
    },
)  # fmt: skip

MESSAGE: Final = FieldTable(carried=frozenset({"content", "role"}))
METADATA: Final = FieldTable(carried=frozenset({"user_id"}))
OUTPUT: Final = FieldTable(carried=frozenset({"effort", "format"}))
FORMAT: Final = FieldTable(carried=frozenset({"schema", "type"}))

TOOL: Final = FieldTable(
    carried=frozenset({"description", "input_schema", "name", "strict", "type"}),
    dropped=_CACHED | {"eager_input_streaming", "input_examples"},
    neutral={"allowed_callers": (["direct"],), "defer_loading": (False,)},
)
CHOICE: Final = FieldTable(carried=frozenset({"disable_parallel_tool_use", "name", "type"}))

BLOCKS: Final[Mapping[str, FieldTable]] = {
    "text": FieldTable(
        carried=frozenset({"text", "type"}),
        dropped=_CACHED | {"citations"},
        echoed=frozenset({"parsed_output"}),
    ),
    "image": FieldTable(carried=frozenset({"source", "type"}), dropped=_CACHED, refused=frozenset({"transformations"})),
    "tool_use": FieldTable(
        carried=frozenset({"id", "input", "name", "type"}),
        dropped=_CACHED,
        neutral=_DIRECT,
        refused=frozenset({"toolset_name"}),
    ),
    "tool_result": FieldTable(
        carried=frozenset({"content", "tool_use_id", "type"}),
        dropped=_CACHED | {"is_error"},
        neutral={"is_error": (False,)},
        refused=frozenset({"toolset_name"}),
    ),
}
REFUSED_BLOCKS: Final = frozenset(
    {
        "bash_code_execution_tool_result", "browser_state", "code_execution_tool_result", "container_upload",
        "document", "search_result", "server_tool_use", "text_editor_code_execution_tool_result", "tool_reference",
        "tool_search_tool_result", "web_fetch_tool_result", "web_search_tool_result",
    }
)  # fmt: skip
"""Blocks of Anthropic's own tools and files. `thinking` and `redacted_thinking` are left out, and that is said."""

SOURCES: Final[Mapping[str, FieldTable]] = {
    "base64": FieldTable(carried=frozenset({"data", "media_type", "type"})),
    "url": FieldTable(carried=frozenset({"type", "url"})),
}
IMAGE_TYPES: Final = frozenset({"image/jpeg", "image/png", "image/gif", "image/webp"})
