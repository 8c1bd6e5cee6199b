"""The reference page of the configuration, made from the settings themselves."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from sluiceway.config.fields import Field, fields_of
from sluiceway.config.key_settings import KeySettings, PriceSettings
from sluiceway.config.observe_settings import (
    AdminSettings,
    CaptureSettings,
    InspectorSettings,
    MetricsSettings,
    StoreSettings,
    TracingSettings,
)
from sluiceway.config.server_settings import FailoverSettings, QueueSettings, ServerSettings, StateSettings
from sluiceway.config.stream_settings import DIALECT_STREAM_DEFAULTS, StreamSettings
from sluiceway.config.upstream_settings import HealthSettings, ModelRule, RoutingSettings, UpstreamSettings

WIDTH = 110

_TABLES: tuple[type[msgspec.Struct], ...] = (
    ServerSettings,
    StreamSettings,
    QueueSettings,
    RoutingSettings,
    FailoverSettings,
    HealthSettings,
    StateSettings,
    StoreSettings,
    CaptureSettings,
    InspectorSettings,
    MetricsSettings,
    TracingSettings,
    AdminSettings,
    UpstreamSettings,
    ModelRule,
    PriceSettings,
    KeySettings,
)

_INTRODUCTION = """\
<!-- Made from src/sluiceway/config/*_settings.py by `make docs`; changes belong there. -->

# Configuration

Sluiceway reads one TOML file: the one that `--config` names, else the one that `SLUICEWAY_CONFIG` names,
else `sluiceway.toml` in the working directory. `sluiceway check` reads it, starts nothing, and reports
everything that is wrong with it at once, each with its key path. `sluiceway.example.toml` shows all
settings with their defaults.

Durations are seconds, sizes are bytes. A key that is not listed here is an error, not ignored.

**Secrets.** Wherever a key of an upstream or an administrator, a proxy, a header's value or the address of
Redis or a database stands, `"env:NAME"` takes it from the environment variable `NAME`, which must be set and
not empty. No secret appears in an error, a log or a record.

**Without a file,** or without `[[upstreams]]` in it, upstreams come from the variables that the providers'
own SDKs read. Either variable of a pair is enough; a base URL alone suits a local server that takes no key.

| upstream | key | base URL | its default | dialects |
|---|---|---|---|---|
| `openai` | `OPENAI_API_KEY` | `OPENAI_BASE_URL` | `https://api.openai.com/v1` | chat, responses, images |
| `anthropic` | `ANTHROPIC_API_KEY` | `ANTHROPIC_BASE_URL` | `https://api.anthropic.com` | messages |
"""

_NOTES: Mapping[type[msgspec.Struct], str] = {
    StreamSettings: """\
**Overrides.** `[stream.chat]`, `[stream.responses]`, `[stream.messages]` and `[stream.images]` hold any of
these keys for one dialect, `[upstreams.stream]`, below its `[[upstreams]]`, for one upstream. Key by key
the most specific table wins: `[upstreams.stream]`, then `[stream.DIALECT]`, then `[stream]`.
`[stream.images]` has defaults of its own, which `[stream]` therefore does not change: IMAGES. Paths that
belong to no dialect follow `[stream]` and `[upstreams.stream]`.
"""
}


def render() -> str:
    """The whole page, in Markdown."""
    return "\n".join([_INTRODUCTION, *(section for table in _TABLES for section in _table(table))])


def _table(struct: type[msgspec.Struct]) -> Iterator[str]:
    header, _, meaning = inspect.cleandoc(struct.__doc__ or "").partition(": ")
    yield f"## {header.replace('`', '')}\n"
    yield _wrapped(meaning[0].upper() + meaning[1:]) + "\n"
    if struct in _NOTES:
        yield _wrapped(_NOTES[struct].replace("IMAGES", _image_defaults())) + "\n"
    for field in fields_of(struct).values():
        yield f"### `{field.name}`\n"
        yield _wrapped(_facts(field)) + "\n"
        yield _wrapped(field.description) + "\n"


def _facts(field: Field) -> str:
    kind = field.kind.replace('""', "an empty string").replace('"', "`")
    return f"*{kind[0].upper()}{kind[1:]}.* " + (
        "Required." if field.required else f"Default: {_shown(field.name, field.default)}."
    )


def _shown(name: str, value: Any) -> str:
    """A default as it would stand in the file."""
    if name in ("stream", "health"):
        return "empty"
    if isinstance(value, tuple) and value:
        return "all of them"
    text = json.dumps(value)  # the same as TOML for what stands here
    large = name.endswith("_bytes") and value >= 2**20
    return f"`{text}`" + (f" ({value // 2**20} MiB)" if large else "")


def _image_defaults() -> str:
    return ", ".join(f"`{key} = {value}`" for key, value in DIALECT_STREAM_DEFAULTS["images"].items())


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)
