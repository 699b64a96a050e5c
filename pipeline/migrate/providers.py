"""Where the providers that other gateways know by name answer to the OpenAI API.

From the providers' own documentation, as of November 2026. Who is not listed either has an address of one's own
(`api_base`) or speaks another API.
"""

from types import MappingProxyType
from typing import Final, NamedTuple

from pipeline.migrate.names import variable

__all__ = ["PROVIDERS", "Provider", "provider_of"]


class Provider(NamedTuple):
    """An address of the OpenAI API, and the variable in which its key usually stands.

    `endpoint` None: it has none that is the same for everybody. `suffix` is what an address of one's own lacks.
    """

    endpoint: str | None
    key: str
    suffix: str = ""
    speaks: bool = True


PROVIDERS: Final = MappingProxyType(
    {
        "openai": Provider("https://api.openai.com/v1", "OPENAI_API_KEY"),
        "text-completion-openai": Provider(None, "OPENAI_API_KEY", speaks=False),
        "anthropic": Provider("https://api.anthropic.com/v1", "ANTHROPIC_API_KEY", "/v1"),
        "azure": Provider(None, "AZURE_API_KEY", "/openai/v1"),
        "azure_ai": Provider(None, "AZURE_AI_API_KEY"),
        "gemini": Provider("https://generativelanguage.googleapis.com/v1beta/openai", "GEMINI_API_KEY"),
        "mistral": Provider("https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
        "groq": Provider("https://api.groq.com/openai/v1", "GROQ_API_KEY"),
        "together_ai": Provider("https://api.together.xyz/v1", "TOGETHERAI_API_KEY"),
        "deepseek": Provider("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY"),
        "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
        "fireworks_ai": Provider("https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
        "xai": Provider("https://api.x.ai/v1", "XAI_API_KEY"),
        "perplexity": Provider("https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
        "cohere": Provider("https://api.cohere.ai/compatibility/v1", "COHERE_API_KEY"),
        "cerebras": Provider("https://api.cerebras.ai/v1", "CEREBRAS_API_KEY"),
        "deepinfra": Provider("https://api.deepinfra.com/v1/openai", "DEEPINFRA_API_KEY"),
        "nvidia_nim": Provider("https://integrate.api.nvidia.com/v1", "NVIDIA_NIM_API_KEY"),
        "sambanova": Provider("https://api.sambanova.ai/v1", "SAMBANOVA_API_KEY"),
        "ollama": Provider("http://localhost:11434/v1", "", "/v1"),
        "hosted_vllm": Provider(None, "HOSTED_VLLM_API_KEY"),
        "lm_studio": Provider(None, "LM_STUDIO_API_KEY"),
        "bedrock": Provider(None, "", speaks=False),
        "vertex_ai": Provider(None, "", speaks=False),
        "sagemaker": Provider(None, "", speaks=False),
        "watsonx": Provider(None, "", speaks=False),
        "databricks": Provider(None, "DATABRICKS_API_KEY"),
        "huggingface": Provider("https://router.huggingface.co/v1", "HUGGINGFACE_API_KEY"),
        "replicate": Provider(None, "REPLICATE_API_KEY", speaks=False),
    }
)
_SAME: Final = MappingProxyType(
    {
        "azure-openai": "azure",
        "azure_text": "azure",
        "azure-ai": "azure_ai",
        "google": "gemini",
        "mistral-ai": "mistral",
        "codestral": "mistral",
        "together-ai": "together_ai",
        "fireworks-ai": "fireworks_ai",
        "x-ai": "xai",
        "perplexity-ai": "perplexity",
        "cohere_chat": "cohere",
        "ollama_chat": "ollama",
        "vllm": "hosted_vllm",
        "vertex-ai": "vertex_ai",
        "vertex_ai_beta": "vertex_ai",
        "bedrock_converse": "bedrock",
        "aws-bedrock": "bedrock",
        "sagemaker_chat": "sagemaker",
        "aws-sagemaker": "sagemaker",
        "workers-ai": "cloudflare",
    }
)


def provider_of(name: str) -> Provider:
    """What is known of a provider, under any of the names that gateways have for it."""
    known = PROVIDERS.get(_SAME.get(name, name))
    return known if known is not None else Provider(None, variable(name, "API_KEY"))
