"""What every request to the API meets: paths, methods, bodies, errors, headers."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from console_client import FakeStore, console, run

from sluiceway.console.api import OPERATIONS
from sluiceway.console.operation import MAX_BODY_BYTES


def test_every_response_says_that_it_is_nobody_elses() -> None:
    async def scenario() -> None:
        async with console() as client:
            for path in ("/api/overview", "/api/none", "/api/records"):
                answer = await client.get(path)
                assert answer.headers["cache-control"] == "no-store"
                assert answer.headers["x-content-type-options"] == "nosniff"
                assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
                assert answer.headers["x-request-id"].startswith("req_")
                assert not [name for name in answer.headers if name.startswith("access-control")]

    run(scenario())


def test_paths_that_are_not_there_are_404_in_the_shape_of_all_errors() -> None:
    async def scenario() -> None:
        async with console() as client:
            for path in (
                "/api",
                "/api/",
                "/api/none",
                "/api/overview/",
                "/api/records/a/b",
                "/api//overview",
            ):
                answer = await client.get(path)
                assert answer.status == 404, path
                assert answer.error.keys() == {"message", "type", "param", "code"}
                assert answer.error["code"] == "invalid_request"

    run(scenario())


def test_a_method_that_is_not_there_is_405_and_says_which_are() -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.post("/api/overview")
            assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
            answer = await client.ask("DELETE", "/api/keys")
            assert (answer.status, answer.headers["allow"]) == (405, "GET, POST, HEAD, OPTIONS")

    run(scenario())


def test_options_tells_methods_and_nothing_of_cors() -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.ask("OPTIONS", "/api/keys")
            assert (answer.status, answer.body) == (204, b"")
            assert answer.headers["allow"] == "GET, POST, HEAD, OPTIONS"
            answer = await client.ask("OPTIONS", "/api/keys", origin="https://evil.example")
            assert answer.status == 403

    run(scenario())


def test_head_is_get_without_its_body() -> None:
    async def scenario() -> None:
        async with console(store=FakeStore()) as client:
            for path in ("/api/overview", "/api/records/export?format=csv", "/api/records/unknown"):
                head, get = await client.ask("HEAD", path), await client.get(path)
                assert head.body == b""
                assert head.status == get.status
                assert head.headers["content-type"] == get.headers["content-type"]

    run(scenario())


@pytest.mark.parametrize(
    ("path", "param"),
    [
        ("/api/records?nonsense=1", "nonsense"),
        ("/api/records?limit=0", "limit"),
        ("/api/records?limit=501", "limit"),
        ("/api/records?limit=many", "limit"),
        ("/api/records?limit=", "limit"),
        ("/api/records?limit=1&limit=2", "limit"),
        ("/api/records?outcome=fine", "outcome"),
        ("/api/records?since=nan", "since"),
        ("/api/records?status=null", "status"),
        ("/api/records?since=-1", "since"),
        ("/api/records?since=1e400", "since"),
        ("/api/records?key=%00", "key"),
        ("/api/records?cursor=nonsense", "cursor"),
        ("/api/records?key=" + "k" * 501, "key"),
        ("/api/usage?group=day,hour", "group[1]"),
        ("/api/usage?since=2026-13-01", "since"),
        ("/api/overview?x=1", "x"),
        ("/api/records?key=%ff", None),
        ("/api/records?" + "&".join(f"p{number}=1" for number in range(200)), None),
    ],
)
def test_a_query_that_is_not_understood_is_refused_by_name(path: str, param: str | None) -> None:
    async def scenario() -> None:
        async with console(store=FakeStore()) as client:
            answer = await client.get(path)
            assert answer.status == 400
            assert answer.error["param"] == param

    run(scenario())


@pytest.mark.parametrize(
    ("body", "param"),
    [
        (b"{", None),
        (b"\xff", None),
        (b'{"toml": "\xff"}', None),
        (b"[" * 100_000, None),
        (b"[]", None),
        (b"null", None),
        (b"{}", "toml"),
        (b'{"toml": 1}', "toml"),
        (b'{"toml": "", "more": 1}', "more"),
    ],
)
def test_a_body_that_is_not_understood_is_refused_by_name(body: bytes, param: str | None) -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.post("/api/config/validate", body)
            assert answer.status == 400
            assert answer.error["param"] == param

    run(scenario())


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_not_read_to_its_end(declared: bool) -> None:
    async def scenario() -> None:
        body = b" " * (MAX_BODY_BYTES + 1)
        given: dict[str, Any] = {"content_length": str(len(body))} if declared else {}
        async with console() as client:
            answer = await client.post("/api/config/validate", body, chunks=64, **given)
            assert (answer.status, answer.error["code"]) == (413, "body_too_large")

    run(scenario())


def test_a_body_may_come_in_pieces() -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.post("/api/config/validate", {"toml": "[server]"}, chunks=5)
            assert answer.json["valid"] is False, "there are no upstreams"

    run(scenario())


def test_what_changes_something_has_to_be_json() -> None:
    async def scenario() -> None:
        async with console() as client:
            answer = await client.post("/api/upstreams/one/drain", content_type="text/plain")
            assert answer.status == 415
            assert not client.deps.gateway.upstreams["one"].drained

    run(scenario())


def test_a_client_that_leaves_while_it_sends_is_not_answered(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        async with console() as client:
            exchange = client.begin("POST", "/api/config/validate", b"{}", content_length="100")
            exchange._body = []
            exchange.leave()
            await exchange.task
            assert exchange.start == {}

    run(scenario())
    assert not caplog.records


def test_a_defect_is_500_in_the_log_and_tells_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        store = FakeStore()
        monkeypatch.setattr(store, "record", lambda _id: 1 / 0)
        async with console(store=store) as client:
            answer = await client.get("/api/records/req_1")
            assert (answer.status, answer.error["code"]) == (500, "internal_error")
            assert b"division" not in answer.body

    with caplog.at_level(logging.ERROR):
        run(scenario())
    assert "division" in caplog.text


def test_there_is_no_console_where_the_operator_wants_none() -> None:
    async def scenario() -> None:
        async with console({"admin": {"enabled": False}}) as client:
            answer = await client.get("/api/overview")
            assert answer.status == 404
            assert "admin.enabled" in answer.error["message"]

    run(scenario())


def test_a_name_may_hold_a_slash() -> None:
    async def scenario() -> None:
        upstream = {"name": "team/one two", "base_url": "http://127.0.0.1:9/v1"}
        async with console({"upstreams": [upstream]}) as client:
            answer = await client.post("/api/upstreams/team%2Fone%20two/drain")
            assert (answer.status, answer.json["name"]) == (200, "team/one two")

    run(scenario())


def test_names_of_operations_are_told_apart() -> None:
    names = [operation.name for operation in OPERATIONS]
    assert len(names) == len(set(names))
    places = [(operation.method, operation.path) for operation in OPERATIONS]
    assert len(places) == len(set(places))
