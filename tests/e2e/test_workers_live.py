"""Several processes on one port: real ones, killed and signalled."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest
from flood import Ends, again_and_again, asked_so_far, begun, one
from harness import RawClient, chat, wait_until
from processes import Process, running, write_config

from sluiceway.mock.testing import RunningMock, running_mock


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


@contextlib.contextmanager
def gateway(mock: RunningMock, folder: Path, server: str = "", more: str = "") -> Iterator[Process]:
    """Two workers. None of them outlives the test."""
    file = write_config(folder, mock.base_url, f"workers = 2\n{server}", more)
    with running(folder, "serve", "--config", str(file)) as process:
        pids = workers_of(process)
        try:
            yield process
        finally:
            for pid in pids:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker = psutil.Process(pid)
                    if "sluiceway.worker" in worker.cmdline():
                        worker.kill()


def workers_of(process: Process) -> list[int]:
    return [child.pid for child in psutil.Process(process.process.pid).children()]


def connections_of(pid: int) -> int:
    """Of clients: those whose own port is the one that is listened on."""
    open_ones = psutil.Process(pid).net_connections("tcp")
    ports = {one.laddr.port for one in open_ones if one.status == psutil.CONN_LISTEN}
    return sum(one.status == psutil.CONN_ESTABLISHED and one.laddr.port in ports for one in open_ones)


def answers(process: Process) -> int:
    with RawClient(process.port) as client:
        client.post(chat(stream=False))
        return client.response()[0]


def model(process: Process) -> str:
    """The model of an answer."""
    with RawClient(process.port) as client:
        client.post(chat(stream=False))
        return str(msgspec.json.decode(client.response()[2])["model"])


def events(process: Process) -> list[str]:
    return [msgspec.json.decode(line)["event"] for line in process.errors().splitlines()]


def test_connections_are_spread_over_workers_that_are_announced_once(
    mock: RunningMock, tmp_path: Path
) -> None:
    with gateway(mock, tmp_path) as process:
        assert process.line.startswith("Sluiceway ")
        pids = workers_of(process)
        assert len(pids) == 2
        with contextlib.ExitStack() as stack:
            for _ in range(64):
                stack.enter_context(RawClient(process.port))
            wait_until(lambda: sum(map(connections_of, pids)) == 64)
            assert min(map(connections_of, pids)) >= 10  # fewer: once in a hundred million times
        assert answers(process) == 200
        code, out, err = process.stop()
        assert (code, out, err) == (0, "", "")


def test_the_number_may_be_given_on_the_command_line(mock: RunningMock, tmp_path: Path) -> None:
    file = write_config(tmp_path, mock.base_url)
    with running(tmp_path, "serve", "--config", str(file), "--workers", "3") as process:
        assert len(workers_of(process)) == 3
        assert process.stop()[0] == 0


def test_a_worker_that_is_killed_comes_back_and_the_other_one_serves_on(
    mock: RunningMock, tmp_path: Path
) -> None:
    with gateway(mock, tmp_path) as process:
        pids = workers_of(process)
        with contextlib.ExitStack() as stack:
            streams = [stack.enter_context(RawClient(process.port)) for _ in range(16)]
            wait_until(lambda: sum(map(connections_of, pids)) == 16)
            for stream in streams:
                stream.post(chat("mock-gpt?tokens=40&tps=10"))
            for stream in streams:
                stream.read_until(b"\n\n")
            doomed, other = sorted(pids, key=connections_of)
            survivors = connections_of(other)
            os.kill(doomed, signal.SIGKILL)
            ended_well = sum(b"[DONE]" in stream.read_to_end_of_answer() for stream in map(Lenient, streams))
            assert ended_well == survivors
        # Nobody is refused, not even whom the kernel gives to the socket of the one that is not there.
        assert [answers(process) for _ in range(20)] == [200] * 20
        wait_until(lambda: len(workers_of(process)) == 2 and doomed not in workers_of(process))
        code, _out, err = process.stop()
        assert code == 0
        (line,) = err.splitlines()
        died = msgspec.json.decode(line)
        assert died["event"] == "a worker died and is started again"
        assert (died["pid"], died["how"]) == (doomed, "signal 9 (Killed)")


def test_sigterm_under_load_drains_all_of_them_and_resets_nobody(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path, "drain_s = 20") as process:
        streams, others = Ends(), Ends()
        before = asked_so_far(mock)

        async def main() -> None:
            json = chat("mock-gpt?tokens=2", stream=False)
            running_streams = asyncio.gather(
                *(one(process.port, chat("mock-gpt?tokens=30&tps=10"), streams) for _ in range(60))
            )
            while begun(mock, before) < 60:
                await asyncio.sleep(0.02)
            clients = asyncio.gather(
                *(again_and_again(process.port, json, others, keep=True, pause_s=0.02) for _ in range(16)),
                *(again_and_again(process.port, json, others, keep=False) for _ in range(8)),
            )
            while not others["ok"]:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.5)
            process.process.terminate()
            await asyncio.gather(running_streams, clients)

        asyncio.run(asyncio.wait_for(main(), 50))
        assert process.process.wait(30) == 0
        assert streams == {"ok": 60}
        assert others.bad == {}
        assert others["ok"] > 0


def test_ctrl_c_reaches_all_processes_and_is_one_order(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path, "drain_s = 20") as process, RawClient(process.port) as stream:
        stream.post(chat("mock-gpt?tokens=15&tps=10"))
        stream.read_until(b"\n\n")
        for pid in (*workers_of(process), process.process.pid):
            os.kill(pid, signal.SIGINT)
        assert stream.read_until(b"0\r\n\r\n").endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
        assert process.process.wait(30) == 0


def test_a_second_signal_ends_the_waiting(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path, "drain_s = 60") as process, RawClient(process.port) as stream:
        stream.post(chat("fault-stall"))
        stream.read_until(b"\n\n")
        process.process.terminate()
        time.sleep(0.5)
        assert process.process.poll() is None
        process.process.terminate()
        assert b'"draining"' in stream.read_until(b"0\r\n\r\n")
        assert process.process.wait(30) == 0


def test_workers_whose_supervisor_was_killed_drain_and_end(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path, "drain_s = 20") as process, RawClient(process.port) as stream:
        pids = workers_of(process)
        stream.post(chat("mock-gpt?tokens=15&tps=10"))
        stream.read_until(b"\n\n")
        process.process.kill()
        assert stream.read_until(b"0\r\n\r\n").endswith(b"[DONE]\n\n\r\n0\r\n\r\n")
        wait_until(lambda: not any(map(psutil.pid_exists, pids)))
        assert events(process) == ["the supervisor is gone; draining"] * 2
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", process.port))


def test_all_workers_have_the_new_configuration_or_none_has_it(mock: RunningMock, tmp_path: Path) -> None:
    def rewritten(name: str) -> str:
        return f'[[models]]\nname = "*"\nupstreams = ["mock"]\nrewrite_to = "{name}"\n'

    def models_asked_for() -> set[str]:
        """Over enough connections that each worker had some; the mock answers as the model it was asked for."""
        return {model(process) for _ in range(24)}

    with gateway(mock, tmp_path, "watch_config = false", rewritten("mock-one")) as process:
        assert models_asked_for() == {"mock-one"}
        write_config(tmp_path, mock.base_url, "workers = 2\nwatch_config = false", rewritten("mock-two"))
        process.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "configuration reloaded" in process.errors())
        wait_until(
            lambda: models_asked_for() == {"mock-two"}
        )  # the last of them may not have read its order yet
        (tmp_path / "sluiceway.toml").write_text("[server\n")
        process.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "not reloaded" in process.errors())
        assert models_asked_for() == {"mock-two"}
        # One that starts while the file is wrong has the last one that was right.
        doomed = workers_of(process)[0]
        os.kill(doomed, signal.SIGKILL)
        wait_until(lambda: doomed not in workers_of(process) and len(workers_of(process)) == 2)
        assert models_asked_for() == {"mock-two"}
        assert process.stop()[0] == 0


def test_a_changed_file_is_noticed_once_for_all(mock: RunningMock, tmp_path: Path) -> None:
    with gateway(mock, tmp_path) as process:
        write_config(tmp_path, mock.base_url, "workers = 2\ndrain_s = 3")
        wait_until(lambda: "configuration reloaded" in process.errors())
        time.sleep(0.5)
        assert events(process) == ["configuration reloaded"]
        assert process.stop()[0] == 0


def test_a_port_that_is_taken_is_an_error_in_words(mock: RunningMock, tmp_path: Path) -> None:
    """Also by another gateway with several workers, whose sockets would share it."""
    with gateway(mock, tmp_path) as process:
        other = tmp_path / "other"
        other.mkdir()
        write_config(other, mock.base_url, "workers = 2")
        with (
            pytest.raises(AssertionError, match=r"(?i)address already in use"),
            running(other, "serve", "--port", str(process.port)),
        ):
            pass


class Lenient:
    """Reads an answer as far as it comes."""

    def __init__(self, client: RawClient) -> None:
        self.client = client

    def read_to_end_of_answer(self) -> bytes:
        try:
            return self.client.read_until(b"0\r\n\r\n")
        except (EOFError, ConnectionResetError):
            return self.client.received
