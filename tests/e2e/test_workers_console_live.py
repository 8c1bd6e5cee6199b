"""The console's API of several processes: whoever is asked tells of all of them, and what is ordered reaches all."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil  # type: ignore[import-untyped]
import pytest
from harness import RawClient, chat, wait_until
from processes import Process, running, write_config

from sluiceway.mock.testing import RunningMock, running_mock

WORKERS = 3
SERVER = f"workers = {WORKERS}\nwatch_config = false\n"
ADMIN = "[admin]\nlive_s = 0.05\n"
JSON = {"content-type": "application/json"}
SLOW = "mock-gpt?tokens=400&tps=10"


class Door:
    """A connection to one of the workers, which stays with it."""

    def __init__(self, port: int) -> None:
        self.http = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self.worker: int = self.get("/api/overview")["worker"]

    def get(self, path: str) -> Any:
        return self._told("GET", path)

    def post(self, path: str, body: Any = None) -> Any:
        return self._told("POST", path, msgspec.json.encode(body or {}))

    def status(self, method: str, path: str) -> int:
        self.http.request(method, path, b"{}" if method == "POST" else None, JSON)
        response = self.http.getresponse()
        response.read()
        return response.status

    def events(self, path: str) -> Iterator[Any]:
        """What a live view tells; the door is of no more use."""
        self.http.request("GET", path)
        response = self.http.getresponse()
        assert response.status == 200
        while line := response.readline():
            if line.startswith(b"data: "):
                yield msgspec.json.decode(line[len(b"data: ") :])

    def _told(self, method: str, path: str, body: bytes | None = None) -> Any:
        self.http.request(method, path, body, JSON if body is not None else {})
        response = self.http.getresponse()
        data = response.read()
        assert response.status < 300, (response.status, data)
        return msgspec.json.decode(data)


class Service:
    """A gateway of three workers."""

    def __init__(
        self, process: Process, folder: Path, mock: RunningMock, stack: contextlib.ExitStack
    ) -> None:
        self.process = process
        self.port = process.port
        self._folder = folder
        self._mock = mock
        self._stack = stack

    def write(self, server: str = "") -> None:
        write_config(self._folder, self._mock.base_url, SERVER + server, ADMIN)

    def door(self) -> Door:
        door = Door(self.port)
        self._stack.callback(door.http.close)
        return door

    def doors(self, wanted: int = WORKERS) -> dict[int, Door]:
        """One to each worker, as far as the kernel lets us."""
        found: dict[int, Door] = {}
        for _ in range(200):
            door = self.door()
            found.setdefault(door.worker, door)
            if len(found) == wanted:
                return dict(sorted(found.items()))
        raise AssertionError(sorted(found))

    def streams(self, door: Door, model: str = SLOW) -> dict[int, list[str]]:
        """Streams that run, at least one in each worker: their ids."""
        running: dict[int, list[str]] = {}
        for _ in range(200):
            client = self._stack.enter_context(RawClient(self.port))
            client.post(chat(model))
            client.read_until(b"\n\n")
            running = {}
            for one in door.get("/api/streams?state=live")["live"]:
                running.setdefault(one["worker"], []).append(one["request_id"])
            if len(running) == WORKERS:
                return running
        raise AssertionError(running)

    def pids(self) -> list[int]:
        """Of the workers; none once it is over."""
        if self.process.process.poll() is not None:
            return []
        return [child.pid for child in psutil.Process(self.process.process.pid).children()]

    def statuses(self, count: int = 24) -> set[int]:
        """Of requests on so many connections that each worker has some."""
        found = set()
        for _ in range(count):
            with RawClient(self.port) as client:
                client.post(chat(stream=False))
                found.add(client.response()[0])
        return found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    with running_mock() as mock, contextlib.ExitStack() as stack:
        file = write_config(tmp_path, mock.base_url, SERVER, ADMIN)
        process = stack.enter_context(running(tmp_path, "serve", "--config", str(file)))
        service = Service(process, tmp_path, mock, stack)
        pids = service.pids()
        try:
            yield service
        finally:
            for pid in {*pids, *service.pids()}:
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker = psutil.Process(pid)
                    if "sluiceway.worker" in worker.cmdline():
                        worker.kill()


def killed(service: Service, door: Door) -> int:
    """Kill a worker that is not the one behind the door; its number."""
    before = {one["worker"]: one for one in door.get("/api/upstreams")["upstreams"][0]["workers"]}
    assert len(before) == WORKERS
    mine = next(
        pid
        for pid in service.pids()
        for one in psutil.Process(pid).net_connections("tcp")
        if one.raddr and one.raddr.port == door.http.sock.getsockname()[1]
    )
    doomed = next(pid for pid in service.pids() if pid != mine)
    os.kill(doomed, signal.SIGKILL)
    wait_until(lambda: len(door.get("/api/overview")["heard"]) == WORKERS - 1)
    return int((before.keys() - set(door.get("/api/overview")["heard"])).pop())


def whole(door: Door) -> Callable[[], bool]:
    return lambda: len(door.get("/api/overview")["heard"]) == WORKERS


def test_any_worker_lists_finds_and_ends_the_streams_of_all(service: Service) -> None:
    doors = service.doors()
    streams = service.streams(doors[0])
    every = {request_id for ids in streams.values() for request_id in ids}
    for door in doors.values():
        listed = door.get("/api/streams")
        assert listed["heard"] == [0, 1, 2]
        assert {one["request_id"] for one in listed["live"]} == every
        started = [one["started"] for one in listed["live"]]
        assert started == sorted(started, reverse=True)
        overview = door.get("/api/overview")
        assert (overview["in_flight"], overview["heard"]) == (len(every), [0, 1, 2])
        assert overview["upstreams"][0]["in_flight"] == len(every)
        (upstream,) = door.get("/api/upstreams")["upstreams"]
        assert upstream["in_flight"] == len(every)
        assert {one["worker"]: one["in_flight"] for one in upstream["workers"]} == {
            worker: len(ids) for worker, ids in streams.items()
        }
        for ids in streams.values():
            assert door.get(f"/api/streams/{ids[0]}")["summary"]["request_id"] == ids[0]
    for worker, ids in streams.items():
        other = doors[(worker + 1) % WORKERS]
        assert other.post(f"/api/streams/{ids[0]}/cancel") == {"request_id": ids[0]}
    ended = {ids[0] for ids in streams.values()}
    wait_until(lambda: len(doors[0].get("/api/streams?outcomes=cancelled")["recent"]) == WORKERS)
    listed = doors[0].get("/api/streams")
    assert {one["request_id"] for one in listed["recent"]} == ended
    assert {one["request_id"] for one in listed["live"]} == every - ended
    assert doors[1].status("POST", "/api/streams/req_none/cancel") == 404
    assert doors[1].status("GET", "/api/streams/req_none") == 404


def test_any_worker_follows_a_stream_of_another(service: Service) -> None:
    doors = service.doors()
    ((worker, (request_id, *_)), *_others) = service.streams(doors[0], "mock-gpt?tokens=40&tps=10").items()
    told = list(doors[(worker + 1) % WORKERS].events(f"/api/streams/{request_id}/events"))
    numbers = [event["number"] for timeline in told for event in timeline["events"]]
    assert len(told) > 3, "live, not all at the end"
    assert numbers == list(range(len(numbers))), "each event once, in order"
    assert told[-1]["summary"]["outcome"] == "ok"
    assert told[-1]["summary"]["events"] == len(numbers)


def test_changes_of_all_are_told_once_and_a_cursor_holds_in_any_worker(service: Service) -> None:
    doors = service.doors()
    streams = service.streams(doors[0])
    every = sorted(request_id for ids in streams.values() for request_id in ids)
    view = service.door().events("/api/streams/events")
    first = next(view)
    assert sorted(one["request_id"] for one in first["began"]) == every
    assert first["heard"] == [0, 1, 2]
    doomed = streams[1][0]
    doors[0].post(f"/api/streams/{doomed}/cancel")
    told = [first]
    while not told[-1]["ended"]:
        told.append(next(view))
    assert [(one["request_id"], one["worker"]) for one in told[-1]["ended"]] == [(doomed, 1)]
    assert not any(one["began"] or one["missed"] or one["restarted"] for one in told[1:])
    # Who comes back, to whomever, is told what is new since then, of all of them.
    for door in doors.values():
        again = next(service.doors()[door.worker].events(f"/api/streams/events?since={first['next']}"))
        assert again["began"] == []
        assert [one["request_id"] for one in again["ended"]] == [doomed]


def test_a_worker_that_dies_breaks_no_answer_and_its_streams_are_let_go(service: Service) -> None:
    doors = service.doors()
    service.streams(doors[0])
    view = service.door()
    door = service.doors()[view.worker]
    events = view.events("/api/streams/events")
    first = next(events)
    number = killed(service, door)
    assert number not in door.get("/api/streams")["heard"]
    assert all(one["worker"] != number for one in door.get("/api/streams")["live"])
    lost = next(one["request_id"] for one in first["began"] if one["worker"] == number)
    assert door.status("GET", f"/api/streams/{lost}") in (404, 503)  # 503: until there is a successor to ask
    wait_until(whole(door))
    assert door.status("GET", f"/api/streams/{lost}") == 404
    heard = [first["heard"]]
    for told in events:
        if told["heard"] != heard[-1]:
            heard.append(told["heard"])
        if told["restarted"]:
            break
    assert told["restarted"] == [number]
    assert heard[-1] == [0, 1, 2]
    assert service.process.process.poll() is None


def test_a_worker_that_is_stuck_is_left_out(service: Service) -> None:
    doors = service.doors()
    door = doors[0]
    mine = door.http.sock.getsockname()[1]
    stuck = next(
        pid
        for pid in service.pids()
        if all(not one.raddr or one.raddr.port != mine for one in psutil.Process(pid).net_connections("tcp"))
    )
    os.kill(stuck, signal.SIGSTOP)
    try:
        assert len(door.get("/api/overview")["heard"]) == WORKERS - 1
        assert len(door.get("/api/streams")["heard"]) == WORKERS - 1
        assert door.status("POST", "/api/streams/req_none/cancel") == 503, "it may run there"
    finally:
        os.kill(stuck, signal.SIGCONT)
    wait_until(whole(door))


def test_a_drained_upstream_is_so_for_all_and_for_a_successor(service: Service) -> None:
    doors = service.doors()
    told = doors[2].post("/api/upstreams/mock/drain")
    assert told["drained"] is True
    assert [one["drained"] for one in told["workers"]] == [True] * WORKERS
    assert service.statuses() == {503}
    killed(service, doors[0])
    wait_until(whole(doors[0]))
    (upstream,) = doors[0].get("/api/upstreams")["upstreams"]
    assert [one["drained"] for one in upstream["workers"]] == [True] * WORKERS
    assert service.statuses() == {503}
    assert doors[0].post("/api/upstreams/mock/enable")["drained"] is False
    assert service.statuses() == {200}


def test_any_worker_has_the_configuration_read_again_for_all(service: Service) -> None:
    doors = service.doors()
    service.write("max_in_flight = 90\n")
    for door in doors.values():
        assert door.get("/api/config")["can_reload"] is True
    result = doors[1].post("/api/config/reload")
    assert (result["ok"], result["changes"]) == (True, ["server.max_in_flight: 0 -> 90"])
    for door in doors.values():
        told = door.get("/api/config")
        assert told["settings"]["server"]["max_in_flight"] == 90, "the whole, not a worker's part"
        assert told["last_reload"] == result
        assert told["files"][0].endswith("sluiceway.toml")
    service.write("max_in_flght = 90\n")
    result = doors[2].post("/api/config/reload")
    assert result["ok"] is False
    assert len(result["problems"]) == 1
    killed(service, doors[0])
    wait_until(whole(doors[0]))
    for door in service.doors().values():
        told = door.get("/api/config")
        assert (told["last_reload"], told["settings"]["server"]["max_in_flight"]) == (result, 90)


def test_a_key_that_is_made_in_one_counts_in_all_at_once(service: Service, tmp_path: Path) -> None:
    service.write(f'keys_file = "{tmp_path / "keys.json"}"\n')
    doors = service.doors()
    assert doors[0].post("/api/config/reload")["ok"] is True
    made = doors[1].post("/api/keys", {"name": "alice"})
    assert made["in_force"] is True
    for _ in range(24):
        for key, status in ((made["api_key"], 200), ("sk-other", 401)):
            with RawClient(service.port) as client:
                client.post(chat(stream=False), headers={"authorization": f"Bearer {key}"})
                assert client.response()[0] == status


def test_all_of_it_drains_with_live_views_open(service: Service) -> None:
    views = [service.door().events("/api/streams/events") for _ in range(6)]
    for view in views:
        next(view)
    service.process.process.terminate()
    for view in views:
        list(view)
    assert service.process.process.wait(40) == 0
    assert service.process.errors() == ""
