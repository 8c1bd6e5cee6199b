"""The gateway as a process, its console built, in front of a simulated provider: what tests in a browser open."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
from processes import Process, running, write_config

from sluiceway.mock.settings import MockSettings
from sluiceway.mock.testing import RunningMock, running_mock

ROOT = Path(__file__).parents[2]

# Everything that a page may want to show is kept, and soon.
SETTINGS = """
[store]
flush_s = 0.05
[capture]
mode = "all"
[inspector]
show_content = true
[admin]
live_s = 0.1
"""


class Console(msgspec.Struct, frozen=True):
    """`url` has no path. `folder` holds the configuration and all that the gateway writes."""

    url: str
    mock: RunningMock
    process: Process
    folder: Path

    @property
    def port(self) -> int:
        """Of the gateway."""
        return self.process.port


def build_site() -> None:
    """The pages as their sources are now; fails if they can't be built."""
    subprocess.run([sys.executable, str(ROOT / "scripts" / "build_web.py")], check=True)


@contextlib.contextmanager
def running_console(
    folder: Path,
    *,
    server: str = "",
    upstream: str = "",
    settings: str = SETTINGS,
    mock: MockSettings | None = None,
) -> Iterator[Console]:
    """Run one with a configuration of its own, in that folder.

    `server`: lines of its `[server]`; `upstream`: of its upstream, named `mock`; `settings`: the tables after it.
    `mock`: how the provider answers, unless a model's name says otherwise (`mock-gpt?tps=50`).
    """
    with running_mock(mock) if mock is not None else running_mock() as provider:
        file = write_config(
            folder, provider.base_url, server, f'api_keys = ["sk-upstream"]\n{upstream}\n{settings}'
        )
        with running(folder, "serve", "--config", str(file)) as process:
            yield Console(f"http://localhost:{process.port}", provider, process, folder)
