"""Where upstreams are, and whose."""

from __future__ import annotations

import pytest

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.observe.trace_upstreams import Destination, destinations


def destination(base_url: str) -> Destination:
    return destinations([UpstreamSettings(name="x", base_url=base_url)])["x"]


@pytest.mark.parametrize(
    ("base_url", "provider"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://mine.openai.azure.com/openai/v1", "azure.ai.openai"),
        ("https://mine.services.ai.azure.com/models", "azure.ai.inference"),
        ("https://api.anthropic.com/v1", "anthropic"),
        ("https://generativelanguage.googleapis.com/v1beta/openai", "gcp.gemini"),
        ("https://europe-west4-aiplatform.googleapis.com/v1", "gcp.vertex_ai"),
        ("https://bedrock-runtime.eu-central-1.amazonaws.com/openai/v1", "aws.bedrock"),
        ("https://lb-1.elb.eu-central-1.amazonaws.com/v1", None),
        ("https://api.mistral.ai/v1", "mistral_ai"),
        ("http://localhost:8000/v1", None),
    ],
)
def test_a_host_tells_the_provider(base_url: str, provider: str | None) -> None:
    assert destination(base_url).provider == provider


def test_credentials_in_a_url_are_not_told() -> None:
    assert destination("http://user:secret@10.0.0.7:8000/llm/v1/") == Destination(
        "10.0.0.7", 8000, None, "http://10.0.0.7:8000", "/llm/v1"
    )


@pytest.mark.parametrize(("base_url", "port"), [("http://h/v1", 80), ("https://h/v1", 443)])
def test_a_port_follows_from_the_scheme(base_url: str, port: int) -> None:
    assert destination(base_url).port == port
