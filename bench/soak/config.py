"""The gateway that is soaked: its configuration, with every part switched on and every clock short."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

MOCKS: Final = ("first", "second", "third", "flaky")
"""The simulated providers, each a process of its own. `flaky` is killed now and then."""

KEYS: Final = {"steady": "sk-soak-steady", "batch": "sk-soak-batch", "poor": "sk-soak-poor"}
WRONG_KEY: Final = "sk-soak-wrong"

MODELS: Final = {
    "plain": ("first", "second"),
    "hedged": ("first", "second"),
    "failover": ("first", "third"),
    "goes-on": ("first",),
    "flaky": ("flaky", "third"),
    "narrow": ("narrow",),
    "translated": ("chat-only",),
}
"""Kinds of models, by the first word of their names, and the upstreams that serve each."""

HEALING: Final = ("failover", "goes-on", "flaky")
"""Models that `third` serves in the end, which never breaks an answer: its faults are switched off."""

TOTAL_S: Final = 15.0
FIRST_EVENT_S: Final = 1.5
MAX_WAIT_S: Final = 2.0
MAX_ATTEMPTS: Final = 3

_CHECKED = {"check_path": "/models", "check_interval_s": 2.0, "check_timeout_s": 1.0}


def config(port: int, mocks: Mapping[str, int], *, changed: bool = False) -> dict[str, object]:
    """The tables of sluiceway.toml. `mocks`: ports by name. `changed`: what a reload brings in, and takes away."""
    upstreams = [
        _upstream("first", mocks["first"], max_in_flight=24, health=_CHECKED),
        _upstream("second", mocks["second"], api_keys=["up-a", "up-b"], repairs=["model"]),
        _upstream("third", mocks["third"], prefill="plain", headers={"x-mock-fault": ""}, health=_CHECKED),
        _upstream("flaky", mocks["flaky"], health=_CHECKED),
        _upstream(
            "narrow",
            mocks["second"],
            max_in_flight=3,
            stream={"on_disconnect": "drain", "drain_after_disconnect_s": 1.0},
        ),
        _upstream("chat-only", mocks["third"], dialects=["chat"], on_untranslatable="drop"),
    ]
    models = [
        {"name": f"{name}*", "upstreams": list(served), **_RULES.get(name, {})}
        for name, served in MODELS.items()
    ]
    if changed:
        upstreams.append(_upstream("spare", mocks["second"], weight=2.0))
        models[0] = {"name": "plain*", "upstreams": ["first", "spare"], "select": "weighted"}
    return {
        "server": {
            "host": "127.0.0.1",
            "port": port,
            "max_in_flight": 30 if changed else 36,
            "drain_s": 3.0,
            "head_timeout_s": 3.0,
            "body_timeout_s": 3.0,
            "log_level": "warning",
        },
        "stream": {
            "heartbeat_s": 0.2,
            "commit_after_s": 0.3,
            "connect_s": 2.0,
            "first_event_s": FIRST_EVENT_S,
            "idle_s": 1.5,
            "total_s": TOTAL_S,
            "images": {"commit_after_s": 0.0, "idle_s": 1.5},
            "responses": {"json_heartbeat_s": 0.3},
        },
        "queue": {"max_waiting": 24 if changed else 32, "max_wait_s": MAX_WAIT_S},
        "routing": {"select": "least_in_flight"},
        "failover": {"max_attempts": MAX_ATTEMPTS, "max_s": 8.0, "backoff_s": 0.05},
        "health": {"max_failures": 8, "open_s": 0.5, "max_open_s": 2.0, "cooldown_s": 0.5, "max_cooldown_s": 1.0},
        "state": {"file": "state.json"},
        "upstreams": upstreams,
        "models": models,
        "prices": [{"model": "*", "input": 1.25, "cached_input": 0.125, "output": 10.0}],
        "keys": [
            _key("steady", priority=4, tokens_per_day=10**12),
            _key("batch", max_in_flight=8 if changed else 10, cost_per_month=10.0**9),
            _key("poor", requests_per_minute=60, tokens_per_minute=20_000),
        ],
    }  # fmt: skip


_RULES: dict[str, dict[str, object]] = {
    "plain": {"affinity": "header:x-session-id"},
    "hedged": {"hedge_after_s": 0.2, "select": "fastest"},
    "failover": {"select": "order"},
    "goes-on": {"continue_on": ["third"], "select": "order"},
    "flaky": {"select": "order"},
}


def toml(tables: Mapping[str, object]) -> bytes:
    """As a file."""
    lines: list[str] = []
    _write(lines, tables, "")
    return "\n".join(lines).encode() + b"\n"


def _write(lines: list[str], table: Mapping[str, object], path: str) -> None:
    inner = {name: value for name, value in table.items() if isinstance(value, dict)}
    rows = {name: value for name, value in table.items() if _is_tables(value)}
    for name, value in table.items():
        if name not in inner and name not in rows:
            lines.append(
                f"{name} = {msgspec.json.encode(value).decode()}"
            )  # JSON's scalars and lists are TOML's
    for name, value in inner.items():
        lines.append(f"[{path}{name}]")
        _write(lines, value, f"{path}{name}.")
    for name, value in rows.items():
        for row in value if isinstance(value, list) else ():
            lines.append(f"[[{path}{name}]]")
            _write(lines, row, f"{path}{name}.")


def _is_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and isinstance(value[0], dict)


def _upstream(name: str, port: int, **settings: object) -> dict[str, object]:
    return {"name": name, "base_url": f"http://127.0.0.1:{port}/v1", "api_keys": ["up"], **settings}


def _key(name: str, **settings: object) -> dict[str, object]:
    return {"name": name, "sha256": hashlib.sha256(KEYS[name].encode()).hexdigest(), **settings}
