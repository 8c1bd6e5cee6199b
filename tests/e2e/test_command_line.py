"""The `sluiceway` command as a process: what it prints, what it answers, how it ends."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from harness import RawClient, chat, wait_until

import sluiceway
from sluiceway.mock.testing import RunningMock, running_mock
from sluiceway.wire.sse import parse_events

# A wide terminal: what is tested is the text, not where lines break.
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.endswith(("_API_KEY", "_BASE_URL"))},
    "COLUMNS": "200",
    "NO_COLOR": "1",
}


def run(*arguments: str, **extra: str) -> subprocess.CompletedProcess[str]:
    """One command to its end, in a directory without a configuration."""
    return subprocess.run(
        [sys.executable, "-m", "sluiceway", *arguments],
        capture_output=True,
        text=True,
        timeout=50,
        env={**ENVIRONMENT, **extra},
        cwd="/",
        check=False,
    )


class Process:
    """A command that stays. `line` is the first that it printed, `port` the one in it."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._printed = b""
        self.line = self.read_line().decode()
        found = re.search(r"http://[^ ]*?:(\d+)", self.line)
        assert found, self.line
        self.port = int(found[1])

    def read_line(self, timeout_s: float = 40.0) -> bytes:
        """The next line of stdout."""
        assert self.process.stdout is not None
        while b"\n" not in self._printed:
            ready, _, _ = select.select([self.process.stdout], [], [], timeout_s)
            assert ready, (self._printed, "no line came")
            data = os.read(self.process.stdout.fileno(), 65536)
            assert data, (self._printed, "stdout was closed")
            self._printed += data
        line, self._printed = self._printed.split(b"\n", 1)
        return line + b"\n"

    def stop(self) -> tuple[int, str, str]:
        """SIGTERM; the exit code, what was left of stdout, and stderr."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=40)
        return self.process.returncode, (self._printed + out).decode(), err.decode()


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[Process]:
    with subprocess.Popen(
        [sys.executable, "-m", "sluiceway", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
        cwd="/",
    ) as process:
        try:
            yield Process(process)
        finally:
            process.kill()


@pytest.fixture(scope="module")
def mock() -> Iterator[RunningMock]:
    with running_mock() as provider:
        yield provider


def config_for(mock: RunningMock, path: Path, server: str = "", more: str = "") -> str:
    file = path / "sluiceway.toml"
    file.write_text(
        f'[server]\nport = 0\n{server}\n[[upstreams]]\nname = "mock"\nbase_url = "{mock.base_url}"\n{more}'
    )
    return str(file)


def accepts(port: int) -> bool:
    """Whether anybody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=30).close()
    except ConnectionRefusedError:
        return False
    return True


def has_ended_well(code: int) -> None:
    """0, or by the signal itself: what a service manager takes for a clean stop."""
    assert code in (0, -signal.SIGTERM)


# ── commands that end by themselves ─────────────────────────────────────────────────────────────────


def test_help_names_every_command() -> None:
    done = run("--help")
    assert done.returncode == 0
    for command in ("serve", "check", "demo", "mock", "keys"):
        assert re.search(rf"^\W*{command}\b", done.stdout, re.MULTILINE), command
    assert "a stream never dies quietly" in done.stdout


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["serve"], ["--config", "--host", "--port", "SIGTERM", "drain"]),
        (["check"], ["--config"]),
        (["demo"], ["--port", "curl"]),
        (["mock"], ["--set", "--list", "fault-rst"]),
        (["keys", "new"], ["SHA-256", "--expires", "--models", "--print-only", "--config"]),
        (["keys", "list"], ["--json", "--config"]),
        (["keys", "revoke"], ["--config"]),
        (["keys", "rotate"], ["--grace-s", "--config"]),
    ],
)
def test_the_help_of_a_command_says_what_it_takes(command: list[str], words: list[str]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert [word for word in words if word not in done.stdout] == []


def test_version_is_the_packages() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"sluiceway {sluiceway.__version__}\n")


def test_a_command_that_does_not_exist_is_a_usage_error() -> None:
    done = run("serv")
    assert done.returncode == 2
    assert "serv" in done.stderr


def test_check_says_what_a_good_configuration_means(mock: RunningMock, tmp_path: Path) -> None:
    digest = hashlib.sha256(b"k").hexdigest()
    more = (
        'api_keys = ["env:MY_KEY", "sk-2"]\nforce_stream = true\n'
        '[[models]]\nname = "gpt-*"\nupstreams = ["mock"]\nrewrite_to = "mock-gpt"\n'
        f'[[keys]]\nname = "me"\nsha256 = "{digest}"\n'
    )
    done = run("check", "--config", config_for(mock, tmp_path, more=more), MY_KEY="sk-secret")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("ok ")
    for words in (
        "mock",
        mock.base_url,
        "2 keys",
        "forced to stream",
        "gpt-*",
        "mock-gpt",
        "need one of 1 key",
    ):
        assert words in done.stdout
    assert "sk-" not in done.stdout


def test_check_shows_names_as_they_are_and_notes_what_is_hardly_meant(
    mock: RunningMock, tmp_path: Path
) -> None:
    rules = ("[ab]*", "*", "gpt-5")
    more = "".join(f'[[models]]\nname = "{name}"\nupstreams = ["mock"]\n' for name in rules)
    done = run("check", "--config", config_for(mock, tmp_path, more=more))
    assert done.returncode == 0, done.stderr
    assert "  model [ab]*: mock\n" in done.stdout
    assert "  note: models[2]: gpt-5 never comes to it, since models[1] (*) matches first\n" in done.stdout
    assert done.stdout.count("note:") == 1


def test_check_names_every_wrong_key_its_path_and_the_nearest(mock: RunningMock, tmp_path: Path) -> None:
    path = config_for(
        mock, tmp_path, server="drian_s = 3\n", more='force_steam = true\napi_keys = ["env:ABSENT"]\n'
    )
    done = run("check", "--config", path)
    assert done.returncode == 2
    assert "server.drian_s" in done.stderr
    assert "drain_s" in done.stderr.replace("drian_s", "")
    assert "force_steam" in done.stderr
    assert "force_stream" in done.stderr
    assert "ABSENT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("text", ["[server\n", 'upstreams = "one"\n', "\xff"])
def test_check_survives_a_file_that_is_no_configuration(tmp_path: Path, text: str) -> None:
    file = tmp_path / "bad.toml"
    file.write_bytes(text.encode("latin-1"))
    done = run("check", "-c", str(file))
    assert done.returncode == 2
    assert str(file) in done.stderr
    assert "Traceback" not in done.stderr


def test_check_says_so_if_a_file_or_every_upstream_is_missing(tmp_path: Path) -> None:
    missing = run("check", "--config", str(tmp_path / "absent.toml"))
    assert missing.returncode == 2
    assert "absent.toml" in missing.stderr
    nothing = run("check")
    assert nothing.returncode == 2
    assert "OPENAI_API_KEY" in nothing.stderr


def test_without_a_file_upstreams_come_from_the_environment() -> None:
    done = run("check", OPENAI_API_KEY="sk-from-env", OPENAI_BASE_URL="http://127.0.0.1:1/v1")
    assert done.returncode == 0, done.stderr
    assert "http://127.0.0.1:1/v1" in done.stdout
    assert "sk-from-env" not in done.stdout + done.stderr


def test_a_new_key_is_shown_once_alone_on_stdout_and_counts_from_then_on(
    mock: RunningMock, tmp_path: Path
) -> None:
    path = config_for(mock, tmp_path)
    assert "need no key" in run("check", "--config", path).stdout
    done = run("keys", "new", "team-a", "--config", path)
    assert done.returncode == 0, done.stderr
    key = done.stdout.strip()
    assert key.startswith("sk-")
    assert len(key) > 40
    assert key not in done.stderr
    assert hashlib.sha256(key.encode()).hexdigest() in (tmp_path / "sluiceway-keys.json").read_text()
    assert "need one of 1 key" in run("check", "--config", path).stdout
    assert run("keys", "revoke", "team-a", "--config", path).returncode == 0
    assert "need one of 0 keys" in run("check", "--config", path).stdout


def test_check_names_what_is_wrong_with_the_keys_file(mock: RunningMock, tmp_path: Path) -> None:
    path = config_for(mock, tmp_path)
    (tmp_path / "sluiceway-keys.json").write_text('{"version": 1, "keys": [{"name": "a"}]}')
    done = run("check", "--config", path)
    assert done.returncode == 2
    assert "sluiceway-keys.json has 1 problem" in done.stderr
    assert "keys[0].sha256: is missing" in done.stderr


def test_a_new_keys_table_can_be_pasted_whatever_the_name(mock: RunningMock, tmp_path: Path) -> None:
    done = run("keys", "new", "--print-only", 'Ann "the key" O\\Neill')
    table = done.stderr[done.stderr.index("[[keys]]") :]
    checked = run("check", "--config", config_for(mock, tmp_path, more=table))
    assert checked.returncode == 0, checked.stderr


def test_the_mocks_list_names_every_fault() -> None:
    done = run("mock", "--list")
    assert done.returncode == 0
    for name in ("ttft", "fault", "rst-before", "endless-body", "1xx"):
        assert re.search(rf"^{name}\b", done.stdout, re.MULTILINE), name


@pytest.mark.parametrize(
    ("knob", "word"),
    [("ttff=2", "ttft"), ("fault=rts", "rst"), ("fault=rst:many", "rst"), ("ttft=x", "ttft")],
)
def test_a_mock_with_an_unknown_knob_or_fault_does_not_start(knob: str, word: str) -> None:
    done = run("mock", "--port", "0", "--set", knob)
    assert done.returncode == 2
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_an_error_in_words(mock: RunningMock, tmp_path: Path) -> None:
    config = config_for(mock, tmp_path)
    for command in (["serve", "--config", config], ["mock"], ["demo"]):
        done = run(*command, "--port", str(mock.port))
        assert done.returncode not in (0, None), command
        assert "address already in use" in done.stderr.lower(), command
        assert "Traceback" not in done.stderr, command


# ── commands that stay ──────────────────────────────────────────────────────────────────────────────


def test_serve_prints_one_line_answers_and_stops(mock: RunningMock, tmp_path: Path) -> None:
    with running("serve", "--config", config_for(mock, tmp_path)) as process:
        assert process.line.startswith(f"Sluiceway {sluiceway.__version__} on http://127.0.0.1:")
        assert mock.base_url in process.line
        assert "need no key" in process.line
        with RawClient(process.port) as client:
            client.post(chat("mock-gpt?tokens=3"))
            status, _headers, body = client.response()
            assert status == 200
            assert body.endswith(b"data: [DONE]\n\n")
            client.send(b"GET /healthz HTTP/1.1\r\nhost: g\r\n\r\n")
            status, _headers, body = client.response()
            assert status == 200
            assert msgspec.json.decode(body)["status"] == "ok"
            client.send(b"GET /readyz HTTP/1.1\r\nhost: g\r\n\r\n")
            assert client.response()[0] == 200
        code, out, err = process.stop()
        has_ended_well(code)
        assert (out, err) == ("", "")


def test_a_stream_may_finish_after_sigterm_while_the_gateway_says_it_is_not_ready(
    mock: RunningMock, tmp_path: Path
) -> None:
    with running("serve", "--config", config_for(mock, tmp_path, "drain_s = 10")) as process:
        with RawClient(process.port) as streaming, RawClient(process.port) as kept:
            kept.send(b"GET /readyz HTTP/1.1\r\nhost: g\r\n\r\n")
            assert kept.response()[0] == 200
            streaming.post(chat("mock-gpt?tokens=20&tps=10"))
            streaming.read_until(b"\n\n")
            process.process.terminate()
            wait_until(lambda: not accepts(process.port))
            kept.send(b"GET /readyz HTTP/1.1\r\nhost: g\r\n\r\n")
            status, _headers, body = kept.response()
            assert status == 503
            assert msgspec.json.decode(body)["status"] == "draining"
            rest = streaming.read_until(b"0\r\n\r\n")
            assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
        has_ended_well(process.process.wait(30))


def test_a_stream_is_whole_although_sigterm_came_in_its_middle(mock: RunningMock, tmp_path: Path) -> None:
    with running("serve", "--config", config_for(mock, tmp_path, "drain_s = 10")) as process:
        with RawClient(process.port) as streaming:
            streaming.post(chat("mock-gpt?tokens=20&tps=10"))
            streaming.read_until(b"\n\n")
            process.process.terminate()
            wait_until(lambda: not accepts(process.port))
            rest = streaming.read_until(b"0\r\n\r\n")
            assert rest.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
            assert b'"error"' not in rest
            assert streaming.read_to_end() == b""
        has_ended_well(process.process.wait(30))


@pytest.mark.parametrize("drain_s", ["0", "0.3"])
def test_what_has_not_finished_within_drain_s_ends_with_an_error_in_band(
    mock: RunningMock, tmp_path: Path, drain_s: str
) -> None:
    with running("serve", "--config", config_for(mock, tmp_path, f"drain_s = {drain_s}")) as process:
        with RawClient(process.port) as streaming, RawClient(process.port) as waiting:
            streaming.post(chat("fault-stall"))
            streaming.read_until(b"\n\n")
            waiting.post(chat("fault-silent", stream=False))
            wait_until(lambda: [one.fault for one in mock.requests[-2:]] == ["stall", "silent"])
            process.process.terminate()
            rest = streaming.read_until(b"0\r\n\r\n").removesuffix(b"\r\n0\r\n\r\n")
            error = parse_events(rest.rpartition(b"\r\n")[2])[-1].data
            assert error is not None
            assert msgspec.json.decode(error)["error"]["code"] == "draining"
            assert b"[DONE]" not in rest
            status, _headers, body = waiting.response()
            assert status == 503
            assert msgspec.json.decode(body)["error"]["code"] == "draining"
        has_ended_well(process.process.wait(30))
        wait_until(lambda: all(one.outcome == "aborted" for one in mock.requests[-2:]))


@pytest.mark.parametrize("signals", [(signal.SIGINT,) * 2, (signal.SIGTERM,) * 2], ids=["SIGINT", "SIGTERM"])
def test_a_second_signal_ends_it_at_once(
    mock: RunningMock, tmp_path: Path, signals: tuple[signal.Signals, signal.Signals]
) -> None:
    config = config_for(mock, tmp_path, "drain_s = 60")
    with running("serve", "--config", config) as process, RawClient(process.port) as streaming:
        streaming.post(chat("fault-stall"))
        streaming.read_until(b"\n\n")
        process.process.send_signal(signals[0])
        wait_until(lambda: not accepts(process.port))  # of two at once the system may make one
        assert process.process.poll() is None
        process.process.send_signal(signals[1])
        _out, err = process.process.communicate(timeout=30)
        assert process.process.returncode == 0
        assert b"Traceback" not in err


def test_the_access_log_has_every_request_up_to_the_last(mock: RunningMock, tmp_path: Path) -> None:
    config = config_for(mock, tmp_path, "access_log = true")
    with running("serve", "--config", config) as process:
        with RawClient(process.port) as client:
            client.post(chat("mock-gpt?tokens=3"), headers={"authorization": "Bearer sk-client-secret"})
            assert client.response()[0] == 200
            line = msgspec.json.decode(process.read_line())
            assert line["path"] == "/v1/chat/completions"
            assert line["status"] == 200
            assert line["usage"]["output_tokens"] == 3
            client.post(b"{")
            assert client.response()[0] == 400
        _code, out, err = process.stop()
        assert [msgspec.json.decode(line)["status"] for line in out.splitlines()] == [400]
        assert "sk-client-secret" not in out + err


def test_an_access_log_that_nobody_reads_stops_no_request(mock: RunningMock, tmp_path: Path) -> None:
    """Invariant 9: an observer may not block; a pipe holds 64 KiB."""
    config = config_for(mock, tmp_path, "access_log = true")
    with running("serve", "--config", config) as process, RawClient(process.port) as client:
        for _ in range(5):
            for _ in range(200):
                client.send(b"GET /v1/models HTTP/1.1\r\nhost: g\r\n\r\n")
                assert client.response()[0] == 200
            time.sleep(0.6)  # a batch is written every half second


def test_a_failure_is_a_line_of_json_on_stderr(mock: RunningMock, tmp_path: Path) -> None:
    with running("serve", "--config", config_for(mock, tmp_path)) as process:
        with RawClient(process.port) as client:
            client.post(chat("fault-eof"))
            assert client.response()[0] == 200
        _code, _out, err = process.stop()
        (line,) = err.splitlines()
        assert msgspec.json.decode(line)["error_code"] == "upstream_truncated"


def test_the_mock_prints_its_address_and_answers() -> None:
    with running("mock", "--port", "0", "--set", "tokens=4") as process:
        assert "/v1" in process.line
        with RawClient(process.port) as client:
            client.post(chat(stream=False))
            status, _headers, body = client.response()
            assert status == 200
            assert msgspec.json.decode(body)["usage"]["completion_tokens"] == 4
            client.post(chat("fault-silent"))
            code, _out, err = process.stop()
        has_ended_well(code)
        assert "Traceback" not in err


def test_the_demo_prints_a_line_to_try_that_works() -> None:
    with running("demo", "--port", "0") as process:
        assert "need no key" in process.line
        shown = b""
        while b"fault-rst" not in shown:
            shown += process.read_line()
        address = re.search(rb"curl -N (http://[0-9.]+:(\d+)/v1/chat/completions)", shown)
        body = re.search(rb"-d '(\{.*\})'", shown)
        assert address
        assert body
        assert int(address[2]) == process.port
        with RawClient(process.port) as client:
            client.post(body[1])
            status, headers, answer = client.response()
            assert status == 200
            assert headers["content-type"] == "text/event-stream"
            assert answer.endswith(b"data: [DONE]\n\n")
            client.post(chat("fault-rst"))
            assert b'"upstream_truncated"' in client.response()[2]
        code, _out, err = process.stop()
        has_ended_well(code)
        assert "Traceback" not in err
