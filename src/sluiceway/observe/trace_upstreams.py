"""What the conventions want to know of an upstream: where it is, and whose API it speaks. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.observe.record import Record

# By the host's name: the values of `gen_ai.provider.name` that the conventions know.
_PROVIDERS: Final = (
    ("api.openai.com", "openai"),
    ("*.openai.azure.com", "azure.ai.openai"),
    ("*.services.ai.azure.com", "azure.ai.inference"),
    ("*.inference.ai.azure.com", "azure.ai.inference"),
    ("api.anthropic.com", "anthropic"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    ("*aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("bedrock*.amazonaws.com", "aws.bedrock"),
    ("*.ml.cloud.ibm.com", "ibm.watsonx.ai"),
    ("api.cohere.ai", "cohere"),
    ("api.cohere.com", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
)


class Destination(msgspec.Struct, frozen=True):
    """Where an upstream is. `provider`: None where its host does not tell. `url`: without credentials and path;
    `base_path`: what its paths begin with instead of `/v1`."""

    address: str
    port: int
    provider: str | None
    url: str
    base_path: str


def destinations(upstreams: Iterable[UpstreamSettings]) -> dict[str, Destination]:
    """Of each upstream, by its name."""
    return {upstream.name: _destination(upstream.base_url) for upstream in upstreams}


def _destination(base_url: str) -> Destination:
    url = urlsplit(base_url)
    host = url.hostname or ""
    port = url.port or (443 if url.scheme == "https" else 80)
    provider = next((name for pattern, name in _PROVIDERS if fnmatchcase(host, pattern)), None)
    origin = f"{url.scheme}://{url.netloc.rpartition('@')[2]}"
    return Destination(host, port, provider, origin, url.path.rstrip("/"))


def provider_of(record: Record, destination: Destination | None) -> str:
    """The value of `gen_ai.provider.name`: whose API was spoken, where the host does not tell whose service it is.

    The conventions want what a client's instrumentation would know: behind a host of one's own, OpenAI's API is
    `openai`.
    """
    if destination is not None and destination.provider is not None:
        return destination.provider
    return "anthropic" if (record.translated_to or record.dialect) == "messages" else "openai"
