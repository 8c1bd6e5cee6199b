"""A gateway that is reconfigured while it works: no stream breaks, and what is new counts."""

from __future__ import annotations

import asyncio
import hashlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from flood import Ends, again_and_again, asked_so_far, begun, one
from harness import RawClient, chat, wait_until
from processes import Process, running, write_config

from sluiceway.config.key_settings import KeySettings
from sluiceway.config.keyfile import change_keys
from sluiceway.config.stored_keys import add, revoke, rotate
from sluiceway.mock.testing import RunningMock, running_mock

RELOADS = 50
STREAMS = 200


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


def reloads(process: Process) -> int:
    return process.errors().count('"configuration reloaded"')


def test_fifty_reloads_under_two_hundred_streams_break_none(mock: RunningMock, tmp_path: Path) -> None:
    file = write_config(tmp_path, mock.base_url, "watch_config = false")
    with running(tmp_path, "serve", "--config", str(file)) as process:
        streams, requests = Ends(), Ends()

        async def reload_often() -> None:
            for index in range(1, RELOADS + 1):
                more = f"include_usage = {'true' if index % 2 else 'false'}\nweight = {index}\n"
                write_config(
                    tmp_path, mock.base_url, f"watch_config = false\nmax_body_bytes = {index}000", more
                )
                process.process.send_signal(signal.SIGHUP)
                while reloads(process) < index:
                    await asyncio.sleep(0.02)
                await asyncio.sleep(0.05)
            requests.over = True

        async def main() -> None:
            json = chat("mock-gpt?tokens=2", stream=False)
            clients = [one(process.port, chat("mock-gpt?tokens=60&tps=10"), streams) for _ in range(STREAMS)]
            busy = [again_and_again(process.port, json, requests, keep=True, pause_s=0.05) for _ in range(4)]
            await asyncio.gather(*clients, *busy, reload_often())

        asyncio.run(asyncio.wait_for(main(), 50))
        assert streams == {"ok": STREAMS}
        assert requests.bad == {}
        assert process.stop()[0] == 0


def test_what_was_changed_counts_and_is_said_without_secrets(mock: RunningMock, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"sk-client").hexdigest()
    file = write_config(tmp_path, mock.base_url)
    with running(tmp_path, "serve", "--config", str(file)) as process, RawClient(process.port) as client:
        client.post(chat(stream=False))
        assert client.response()[0] == 200
        more = f'api_keys = ["sk-upstream"]\n[[keys]]\nname = "me"\nsha256 = "{digest}"\n'
        write_config(tmp_path, mock.base_url, "head_timeout_s = 9", more)
        wait_until(lambda: reloads(process) == 1)
        client.post(chat(stream=False))
        assert client.response()[0] == 401
        client.post(chat(stream=False), headers={"authorization": "Bearer sk-client"})
        assert client.response()[0] == 200
        (line,) = map(msgspec.json.decode, process.errors().splitlines()[:1])
        assert line["changes"] == [
            "server.head_timeout_s: 30 -> 9",
            "upstreams.mock.api_keys changed",
            "keys: +me",
            "keys: clients now need one",
        ]
        assert "sk-" not in process.errors()
        assert process.stop()[0] == 0


def test_a_mistake_changes_nothing_and_is_reported(mock: RunningMock, tmp_path: Path) -> None:
    file = write_config(tmp_path, mock.base_url)
    with running(tmp_path, "serve", "--config", str(file)) as process, RawClient(process.port) as client:
        write_config(tmp_path, mock.base_url, "drian_s = 1")
        wait_until(lambda: "drian_s" in process.errors())
        client.post(chat(stream=False))
        assert client.response()[0] == 200
        file.unlink()
        wait_until(lambda: "No such file" in process.errors())
        client.post(chat(stream=False))
        assert client.response()[0] == 200
        assert process.stop()[0] == 0


def test_a_running_stream_keeps_the_clocks_that_it_began_with(mock: RunningMock, tmp_path: Path) -> None:
    file = write_config(tmp_path, mock.base_url)
    with running(tmp_path, "serve", "--config", str(file)) as process, RawClient(process.port) as stream:
        stream.post(chat("mock-gpt?tokens=4&tps=1"))
        stream.read_until(b"\n\n")
        write_config(tmp_path, mock.base_url, more="[upstreams.stream]\nidle_s = 0.1\n")
        wait_until(lambda: reloads(process) == 1)
        assert stream.read_until(b"0\r\n\r\n").endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
        stream.post(chat("mock-gpt?tokens=4&tps=1"))
        assert b"upstream_timeout" in stream.response()[2]
        assert process.stop()[0] == 0


def test_keys_made_rotated_and_revoked_under_load_count_within_seconds(
    mock: RunningMock, tmp_path: Path
) -> None:
    keys_file = tmp_path / "sluiceway-keys.json"
    change_keys(keys_file, lambda keys: add(keys, key("ann", "sk-1"), 1.0))
    file = write_config(tmp_path, mock.base_url, more='api_keys = ["sk-upstream"]\n')
    with running(tmp_path, "serve", "--config", str(file)) as process:

        def status(plain: str) -> int:
            with RawClient(process.port) as client:
                client.post(chat(stream=False), headers={"authorization": f"Bearer {plain}"})
                return client.response()[0]

        ends = Ends()
        before = asked_so_far(mock)

        async def main() -> None:
            streams = [
                one(process.port, chat("mock-gpt?tokens=40&tps=10"), ends, key="sk-1") for _ in range(40)
            ]
            await asyncio.gather(*streams, asyncio.to_thread(change))

        def change() -> None:
            wait_until(lambda: begun(mock, before) == 40)
            assert status("sk-2") == 401
            digest = hashlib.sha256(b"sk-2").hexdigest()
            change_keys(keys_file, lambda keys: rotate(keys, "ann", digest, time.time(), 0))
            wait_until(lambda: status("sk-2") == 200)
            assert status("sk-1") == 401
            change_keys(keys_file, lambda keys: revoke(keys, "ann", time.time()))
            wait_until(lambda: status("sk-2") == 401)

        asyncio.run(asyncio.wait_for(main(), 50))
        assert ends == {"ok": 40}  # their key is gone; their answers are not
        assert process.stop()[0] == 0


def key(name: str, plain: str) -> KeySettings:
    return KeySettings(name=name, sha256=hashlib.sha256(plain.encode()).hexdigest())
