"""Answers whole and unchanged; requests of any size."""

from __future__ import annotations

import pytest
from doctor_seen import DONE, NGINX, answered, chunk, error_body, nothing_came, refused_by_gateway, streamed

from sluiceway.doctor.answers import large_body, model_answers, whole
from sluiceway.doctor.events import read_stream
from sluiceway.doctor.seen import Seen

JSON = answered(200, {"choices": [{"message": {"content": "one two"}}]})


def test_an_answer_that_says_the_same_twice_is_whole() -> None:
    seen = streamed([(0.1, chunk("one ")), (0.2, chunk("two") + DONE)])
    finding = whole(seen, read_stream(seen), JSON)
    assert (finding.severity, finding.figures["events"]) == ("ok", 3)
    assert whole(seen, read_stream(seen), None).severity == "ok"


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        (streamed([(0.1, chunk("one "))]), "without its end marker"),
        (streamed([(0.1, chunk("one two") + DONE)], end="closed"), "it ended (closed)"),
        (streamed([(0.1, b"data: {oops\n\n" + DONE)]), "event 1 is not JSON"),
        (streamed([(0.1, b'data: {"error": {"message": "no", "code": "x"}}\n\n')]), "an error event: x: no"),
    ],
)
def test_an_answer_that_is_not_whole_is_told_with_its_reason(seen: Seen, why: str) -> None:
    finding = whole(seen, read_stream(seen), JSON)
    assert finding.severity == "error"
    assert why in finding.seen
    assert "req_1" in finding.changes[0].what


def test_an_answer_that_was_changed_is_told() -> None:
    seen = streamed([(0.1, chunk("one three") + DONE)])
    assert whole(seen, read_stream(seen), JSON).title == "the answer was changed on the way"


def test_a_model_that_answers_is_no_finding() -> None:
    assert model_answers(JSON, "mock-gpt") is None


@pytest.mark.parametrize(
    ("seen", "where"),
    [
        (refused_by_gateway(404, "invalid_request", "no model mock-gpt"), "this command"),
        (refused_by_gateway(502, "upstream_unreachable"), "sluiceway.toml, [[upstreams]]"),
        (nothing_came(), "this command"),
    ],
)
def test_a_model_that_does_not_answer_ends_the_examination(seen: Seen, where: str) -> None:
    finding = model_answers(seen, "mock-gpt")
    assert finding is not None
    assert (finding.stops, finding.changes[0].where) == (True, where)


def test_a_large_request_gets_through_or_somebody_refuses_it() -> None:
    assert large_body(refused_by_gateway(400, "invalid_request"), ()).severity == "ok"
    by_nginx = large_body(answered(413, b"<html>", NGINX), ("nginx",))
    assert (by_nginx.severity, by_nginx.changes[0].what) == ("warning", "client_max_body_size 64m;")
    by_gateway = large_body(answered(413, error_body("body_too_large")), ("nginx",))
    assert by_gateway.changes[0].what == "max_body_bytes = 67108864"
    assert "the connection was reset" in large_body(nothing_came("reset"), ()).seen
