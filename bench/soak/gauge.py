"""What the gateway's process holds: read from outside, and held against what it may hold."""

from __future__ import annotations

import http.client
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]

from bench import procs


class Ready(msgspec.Struct, frozen=True):
    """What `/readyz` says. `tasks`: asyncio tasks, the one that answers this included."""

    in_flight: int
    queued: int
    upstreams: dict[str, int]
    tasks: int

    @property
    def is_quiet(self) -> bool:
        """No request is under way, and nobody holds a place."""
        return not (self.in_flight or self.queued or any(self.upstreams.values()))


class Sample(msgspec.Struct, frozen=True):
    """`at_s`: since the load began. `clients`, `upstreams`: TCP connections. `ready`: None while it is too busy."""

    at_s: float
    rss_bytes: int
    files: int
    clients: int
    upstreams: int
    ready: Ready | None


def sample(pid: int, port: int, upstream_ports: Collection[int], at_s: float) -> Sample:
    """Look once. Raises `psutil.NoSuchProcess` if it is gone."""
    asked = ready(port)
    connections = psutil.Process(pid).net_connections("tcp")
    live = [one for one in connections if one.status != psutil.CONN_LISTEN]
    return Sample(
        at_s,
        procs.memory(pid).rss,
        len(list(Path(f"/proc/{pid}/fd").iterdir())),
        sum(one.laddr.port == port for one in live),
        sum(bool(one.raddr) and one.raddr.port in upstream_ports for one in live),
        asked,
    )


def ready(port: int) -> Ready | None:
    """Ask `/readyz`, on a connection of its own that is closed again."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/readyz", headers={"connection": "close"})
            return msgspec.json.decode(connection.getresponse().read(), type=Ready)
    finally:
        connection.close()
    return None


def slope_bytes_per_min(samples: Sequence[Sample]) -> float:
    """By least squares."""
    if len(samples) < 2:
        return 0.0
    mean_at = sum(one.at_s for one in samples) / len(samples)
    mean_rss = sum(one.rss_bytes for one in samples) / len(samples)
    above = sum((one.at_s - mean_at) * (one.rss_bytes - mean_rss) for one in samples)
    below = sum((one.at_s - mean_at) ** 2 for one in samples)
    return above / below * 60 if below else 0.0


def late(samples: Sequence[Sample], part: float = 0.6) -> list[Sample]:
    """The samples of the last part of the run: by then caches are full, and memory should be what it is."""
    if not samples:
        return []
    since_s = samples[-1].at_s * (1 - part)
    return [one for one in samples if one.at_s >= since_s]
