"""The deploy kit as tests read it: its files, and the configurations in them as the gateway loads them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from sluiceway import listener, server, watching
from sluiceway.config.keyfile import change_keys
from sluiceway.config.load import load
from sluiceway.config.settings import Settings

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
CONTAINER = DEPLOY / "container"
CONTAINERFILE = CONTAINER / "Containerfile"
COMPOSE = CONTAINER / "compose.yaml"
UNIT = DEPLOY / "systemd" / "sluiceway.service"
CADDYFILE = DEPLOY / "caddy" / "Caddyfile"
HOW_TO = ROOT / "docs" / "how-to" / "deploy.md"

# What a process may take when `drain_s` is over: the last bytes leave, twice (ours and uvicorn's patience), and
# bodies, records and traces are written.
LEAVING_S = (
    listener.HANDSHAKE_S + 2 * server.GRACE_S + watching.CAPTURES_S + watching.STORE_S + watching.TRACES_S
)

ENVIRONMENT = re.compile(r'"env:(\w+)"')


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def yaml_files() -> list[Path]:
    return sorted(path for path in DEPLOY.rglob("*.y*ml") if "node_modules" not in path.parts)


def manifest(name: str) -> Any:
    return yaml.safe_load(text_of(KUBERNETES / name))


def manifests() -> list[Path]:
    return [path for path in sorted(KUBERNETES.glob("*.yaml")) if path.name != "kustomization.yaml"]


def compose() -> Any:
    return yaml.safe_load(text_of(COMPOSE))


def pod() -> Any:
    return manifest("deployment.yaml")["spec"]["template"]["spec"]


def container() -> Any:
    (only,) = pod()["containers"]
    return only


def unit() -> dict[str, dict[str, list[str]]]:
    """Sections of the unit: each directive's values, in order (`systemd.syntax(7)`, without continued lines)."""
    sections: dict[str, dict[str, list[str]]] = {}
    current: dict[str, list[str]] = {}
    for line in text_of(UNIT).splitlines():
        if not line or line.startswith(("#", ";")):
            continue
        if match := re.fullmatch(r"\[(\w+)\]", line):
            current = sections.setdefault(match[1], {})
            continue
        name, separator, value = line.partition("=")
        assert separator, line
        assert not line.endswith("\\"), line
        assert name == name.strip(), line
        current.setdefault(name, []).append(value)
    return sections


def seconds(text: str | float) -> float:
    """`135`, `135s` or `2min` as seconds."""
    match = re.fullmatch(r"(\d+)\s*(s|m|min)?", str(text))
    assert match is not None, text
    return float(match[1]) * (1 if match[2] in (None, "s") else 60)


def settings_of(config: str, folder: Path) -> Settings:
    """The configuration as the gateway loads it, where its files are in `folder` and one key was made."""
    keys_file = tomllib.loads(config)["server"]["keys_file"]
    if keys_file:
        kept = folder / "keys.json"
        change_keys(kept, lambda keys: keys)
        config = config.replace(f'"{keys_file}"', f'"{kept}"')
    path = folder / "sluiceway.toml"
    path.write_text(config, encoding="utf-8")
    values = {
        "REDIS_URL": "redis://:secret@redis:6379/0",
        "DATABASE_URL": "postgresql://sluiceway:secret@postgres/sluiceway",
    }
    return load(
        path, {name: values.get(name, "sk-example-of-a-secret") for name in ENVIRONMENT.findall(config)}
    )


def config_map() -> str:
    config: str = manifest("configmap.yaml")["data"]["sluiceway.toml"]
    return config


def shown_for_systemd() -> str:
    (config,) = re.findall(r"^```toml\n(.*?)^```$", text_of(HOW_TO), re.MULTILINE | re.DOTALL)
    return str(config)


CONFIGURATIONS = {
    "container": text_of(CONTAINER / "sluiceway.toml"),
    "kubernetes": config_map(),
    "systemd": shown_for_systemd(),
}
EACH = pytest.mark.parametrize("config", CONFIGURATIONS.values(), ids=CONFIGURATIONS.keys())
