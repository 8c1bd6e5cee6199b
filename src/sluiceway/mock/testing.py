"""A simulated provider for your tests: in a thread of its own, on a free port.

with running_mock() as mock:
    client = openai.OpenAI(base_url=mock.base_url, api_key="any")
    ...
    assert mock.last.outcome == "aborted"
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

import uvloop

from sluiceway.mock.app import MockProvider
from sluiceway.mock.journal import Record
from sluiceway.mock.server import MockServer, make_server
from sluiceway.mock.settings import MockSettings

_STOP_S = 10.0
_POLL_S = 0.002


class RunningMock:
    """A provider that is up. `url` has no path; `base_url` ends in `/v1`, as SDKs want it."""

    def __init__(self, server: MockServer) -> None:
        self.provider = server.provider
        self.port = server.port
        self.url = f"http://127.0.0.1:{self.port}"
        self.base_url = f"{self.url}/v1"

    @property
    def requests(self) -> list[Record]:
        """The requests it received, oldest first."""
        return self.provider.journal.records

    @property
    def last(self) -> Record:
        """The latest request; IndexError if there is none."""
        return self.requests[-1]

    def last_ended(self, timeout_s: float = 30.0) -> Record:
        """The latest request, once its answer has ended in one way or another.

        A client has its answer before the provider has noted the end. Raises `TimeoutError`.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            records = self.requests
            if records and records[-1].ended:
                return records[-1]
            time.sleep(_POLL_S)
        raise TimeoutError(f"no request ended within {timeout_s} s: {self.requests[-1:]}")


@contextlib.contextmanager
def running_mock(settings: MockSettings | None = None) -> Iterator[RunningMock]:
    """Run a provider in a background thread while the body runs."""
    server = make_server(MockProvider(settings), signals=False)
    thread = threading.Thread(target=lambda: uvloop.run(server.serve()), name="sluiceway-mock", daemon=True)
    thread.start()
    try:
        yield RunningMock(server)
    finally:
        server.should_exit = True
        thread.join(_STOP_S)
