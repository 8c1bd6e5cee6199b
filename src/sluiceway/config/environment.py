"""What the environment alone gives: the upstreams of those variables that the providers' own SDKs read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import msgspec

from sluiceway.config import values
from sluiceway.config.kinds import DialectName, Secret
from sluiceway.config.reader import Reader

CONFIG_VARIABLE = "SLUICEWAY_CONFIG"
CONFIG_NAME = "sluiceway.toml"

Environment = Mapping[str, str]

# The variables and defaults of the providers' own SDKs. Anthropic's takes a base URL without the version.
_PROVIDERS: tuple[tuple[str, str, str, tuple[DialectName, ...]], ...] = (
    ("openai", "OPENAI", "https://api.openai.com/v1", ("chat", "responses", "images")),
    ("anthropic", "ANTHROPIC", "https://api.anthropic.com", ("messages",)),
)


class FoundUpstream(msgspec.Struct, frozen=True):
    """An upstream that variables name; all else about it is by default."""

    name: str
    base_url: str
    api_keys: tuple[Secret, ...]
    dialects: tuple[DialectName, ...]


def find_upstreams(reader: Reader, env: Environment) -> tuple[FoundUpstream, ...]:
    """A key or a base URL makes an upstream, since local servers often take no key. None is a problem."""
    read = []
    before = len(reader.problems)
    for name, prefix, default_url, dialects in _PROVIDERS:
        given_url, given_key = env.get(f"{prefix}_BASE_URL"), env.get(f"{prefix}_API_KEY")
        if not given_url and not given_key:
            continue
        to_url = partial(values.base_url, given_url or default_url, only_messages=dialects == ("messages",))
        url = reader.attempt(f"{prefix}_BASE_URL", to_url)
        key = reader.attempt(f"{prefix}_API_KEY", partial(values.api_key, given_key)) if given_key else None
        read.append(FoundUpstream(name, url or default_url, (Secret(key),) if key else (), dialects))
    if not read and len(reader.problems) == before:
        reader.problem(
            "upstreams",
            "there is none, so no request could be answered",
            f"add [[upstreams]] to {CONFIG_NAME}, or set OPENAI_API_KEY or ANTHROPIC_API_KEY",
        )
    return tuple(read)
