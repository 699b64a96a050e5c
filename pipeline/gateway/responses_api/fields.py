"""What becomes of the fields of `/v1/responses`, object by object.

The names are those of the OpenAI API reference; a test compares them with the official client, so that a field which
appears there cannot pass unnoticed here.
"""

from collections.abc import Mapping
from typing import Final

from pipeline.gateway.translation import FieldTable

__all__ = [
    "CALL",
    "COUNTED",
    "FORMAT",
    "INCLUDES",
    "LOGPROBS",
    "MESSAGE",
    "OUTPUT",
    "PARTS",
    "REASONING",
    "REFUSED_ITEMS",
    "REFUSED_PARTS",
    "REQUEST",
    "TEXT",
    "TOOL",
]

_STATELESS: Final = "nothing of a conversation is kept: send its items again in `input`"

REQUEST: Final = FieldTable(
    carried=frozenset(
        {
            "include", "input", "instructions", "max_output_tokens", "metadata", "model", "parallel_tool_calls",
            "prompt_cache_key", "provider", "reasoning", "safety_identifier", "service_tier", "stepwell", "store",
            "stream", "stream_options", "temperature", "text", "tool_choice", "tools", "top_logprobs", "top_p", "user",
        }
    ),
    dropped=frozenset({"prompt_cache_options", "prompt_cache_retention"}),
    neutral={
        "background": (False,),
        "context_management": ([],),
        "image": ({},),
        "truncation": ("disabled",),
    },
    refused=frozenset(
        {"access_programs", "conversation", "max_tool_calls", "moderation", "previous_response_id", "prompt"}
    ),
    advice={
        "background": "await the answer, or hand it in as a batch",
        "conversation": _STATELESS,
        "max_tool_calls": "it counts built-in tools, and there are none",
        "previous_response_id": _STATELESS,
        "prompt": "send the prompt itself in `instructions` and `input`",
        "truncation": "leave it out; a question that is too long is refused",
    },
)  # fmt: skip

COUNTED: Final = FieldTable(
    carried=frozenset(
        {"input", "instructions", "model", "parallel_tool_calls", "reasoning", "text", "tool_choice", "tools"}
    ),
    neutral={"truncation": ("disabled",)},
    refused=frozenset({"conversation", "personality", "previous_response_id"}),
    advice={"conversation": _STATELESS, "previous_response_id": _STATELESS},
)
"""Of `/v1/responses/input_tokens`."""

MESSAGE: Final = FieldTable(
    carried=frozenset({"content", "role"}),
    dropped=frozenset({"phase"}),
    echoed=frozenset({"id", "status", "type"}),
)
CALL: Final = FieldTable(
    carried=frozenset({"arguments", "call_id", "name"}),
    echoed=frozenset({"id", "status", "type"}),
    neutral={"async": (False,), "caller": ({"type": "direct"},)},
    refused=frozenset({"namespace"}),
)
OUTPUT: Final = FieldTable(
    carried=frozenset({"call_id", "output"}),
    dropped=frozenset({"name"}),
    echoed=frozenset({"id", "status", "type"}),
    neutral={"caller": ({"type": "direct"},)},
    refused=frozenset({"namespace"}),
)
REFUSED_ITEMS: Final = frozenset(
    {
        "additional_tools", "apply_patch_call", "apply_patch_call_output", "code_interpreter_call", "compaction",
        "compaction_trigger", "computer_call", "computer_call_output", "configuration_update", "custom_tool_call",
        "custom_tool_call_output", "file_search_call", "image_generation_call", "item_reference", "local_shell_call",
        "local_shell_call_output", "mcp_approval_request", "mcp_approval_response", "mcp_call", "mcp_list_tools",
        "program", "program_output", "shell_call", "shell_call_output", "tool_search_call", "tool_search_output",
        "web_search_call",
    }
)  # fmt: skip
"""Items that only OpenAI's own tools and stores know. Carried are messages, calls of functions and their outputs."""

_TEXT: Final = FieldTable(
    carried=frozenset({"text", "type"}),
    dropped=frozenset({"annotations", "logprobs", "prompt_cache_breakpoint"}),
)
PARTS: Final[Mapping[str, FieldTable]] = {
    "input_text": _TEXT,
    "output_text": _TEXT,
    "text": _TEXT,
    "refusal": FieldTable(carried=frozenset({"refusal", "type"})),
    "input_image": FieldTable(
        carried=frozenset({"detail", "image_url", "type"}),
        dropped=frozenset({"prompt_cache_breakpoint"}),
        refused=frozenset({"file_id"}),
        advice={"file_id": "send the image as a data URL in `image_url`"},
    ),
}
REFUSED_PARTS: Final = frozenset({"input_audio", "input_file"})

TOOL: Final = FieldTable(
    carried=frozenset({"description", "name", "parameters", "strict", "type"}),
    dropped=frozenset({"output_schema"}),
    neutral={"allowed_callers": (["direct"],), "async": (False,), "defer_loading": (False,)},
)
TEXT: Final = FieldTable(carried=frozenset({"format", "verbosity"}))
FORMAT: Final = FieldTable(carried=frozenset({"description", "name", "schema", "strict", "type"}))
REASONING: Final = FieldTable(
    carried=frozenset({"effort"}),
    dropped=frozenset({"generate_summary", "summary"}),
    neutral={"context": ("auto",), "mode": ("standard",)},
)

LOGPROBS: Final = "message.output_text.logprobs"
INCLUDES: Final = frozenset(
    {
        "code_interpreter_call.outputs", "computer_call_output.output.image_url", "file_search_call.results",
        "message.input_image.image_url", "reasoning.encrypted_content", "web_search_call.action.sources",
        "web_search_call.results",
    }
)  # fmt: skip
"""What may be asked to be included and never is there; that is said."""
