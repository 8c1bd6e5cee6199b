"""One mock, and a gateway that knows it under several names: all dialects, forced streams, one dialect each.

A model goes to the upstream that it is named after: `auto`, `forced`, `chat`, `responses`, `messages`,
`slow`, `mended`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from harness import RunningGateway, running_gateway

from sluiceway.mock.testing import RunningMock, running_mock

UPSTREAMS: dict[str, dict[str, Any]] = {
    "auto": {},
    "forced": {"force_stream": True},
    "chat": {"dialects": ["chat"]},
    "responses": {"dialects": ["responses"]},
    "messages": {"dialects": ["messages"]},
    "slow": {"stream": {"commit_after_s": 0.05, "heartbeat_s": 0.05}},
    "mended": {
        "repairs": ["model", "nulls", "choices", "obfuscation"],
        "drop_fields": ["system_fingerprint"],
    },
}


@contextlib.contextmanager
def dialect_gateway() -> Iterator[tuple[RunningGateway, RunningMock]]:
    """The two, for as long as the body runs."""
    with running_mock() as mock:
        tables = [
            {"name": name, "base_url": mock.base_url, "api_keys": ["sk-up"], **extra}
            for name, extra in UPSTREAMS.items()
        ]
        models = [{"name": f"{name}-*", "upstreams": [name]} for name in UPSTREAMS]
        with running_gateway({"upstreams": tables, "models": models}) as gateway:
            yield gateway, mock
