"""The soak's judge: honest answers pass, each kind of dishonest one is told."""

from __future__ import annotations

import json

import msgspec
import pytest

from bench.soak.check import Answer, DishonestAnswer, events, judge
from bench.soak.load import BAD, Wish

STREAM = {"content-type": "text/event-stream", "x-request-id": "req_1"}
JSON = {"content-type": "application/json", "x-request-id": "req_1"}
WISH = Wish(
    api="chat",
    stream=True,
    model="plain",
    fault="",
    effect="",
    key="sk",
    manner="stays",
    text="t.0 t.1 t.2",
    knobs="",
    pause_s=0.0,
    after_bytes=1,
    rough=False,
    think_s=0.0,
)


def wish(**changes: object) -> Wish:
    return msgspec.structs.replace(WISH, **changes)


def chunk(text: str) -> str:
    return f'data: {{"choices": [{{"delta": {{"content": "{text}"}}}}]}}\n\n'


def stream(*parts: str, whole: bool = True) -> Answer:
    return Answer(200, STREAM, "".join(parts).encode(), whole)


def error(status: int, code: str, **headers: str) -> Answer:
    body = json.dumps({"error": {"message": "no", "code": code}}).encode()
    return Answer(status, {**JSON, **headers}, body, True)


DONE = "data: [DONE]\n\n"
ERROR = 'data: {"error": {"message": "broken", "code": "upstream_truncated"}}\n\n'
WHOLE = chunk("t.0") + ": beat\n\n" + chunk(" t.1 t.2")


def test_a_whole_stream_is_complete() -> None:
    assert judge(WISH, stream(WHOLE, DONE)) == "complete"


def test_a_stream_that_ends_in_an_error_after_the_beginning_of_its_text_is_honest() -> None:
    assert judge(WISH, stream(chunk("t.0"), ERROR)) == "error upstream_truncated"


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (stream(WHOLE, DONE, DONE), "after the end"),
        (stream(WHOLE), "0 ends"),
        (stream(WHOLE, ERROR, DONE), "after the end"),
        (stream(WHOLE, DONE, whole=False), "cut off"),
        (stream(WHOLE, "data: [DONE]\n"), "within an event"),
        (stream(chunk("t.0"), DONE), "says only"),
        (stream(chunk("u.0"), ERROR), "says 'u.0'"),
        (stream("data: {\n\n", DONE), "not JSON"),
        (stream("HTTP/1.1 200 OK\n\n", DONE), "not a line"),
        (Answer(200, JSON, b"{}", True), "a stream was asked for"),
        (error(502, "upstream_invalid"), "proper one"),
        (error(403, "forbidden"), "for a proper request"),
        (error(500, "internal_error"), "defect"),
        (error(503, "queue_timeout"), "without retry-after"),
        (Answer(502, JSON, b"<html>", True), "not JSON"),
        (Answer(204, JSON, b"", True), "status 204"),
    ],
)
def test_a_dishonest_answer_is_told(answer: Answer, why: str) -> None:
    with pytest.raises(DishonestAnswer, match=why):
        judge(WISH, answer)


def test_a_refusal_that_says_when_to_come_back_is_honest() -> None:
    assert judge(WISH, error(503, "queue_timeout", **{"retry-after": "1"})) == "refused 503 queue_timeout"


def test_an_answer_that_no_upstream_can_have_given_is_dishonest() -> None:
    broken = wish(fault="eof", effect="fatal")
    with pytest.raises(DishonestAnswer, match="although every upstream"):
        judge(broken, stream(WHOLE, DONE))
    assert judge(msgspec.structs.replace(broken, model="failover"), stream(WHOLE, DONE)) == "complete"


def test_a_continued_stream_is_what_was_sent_and_then_all_of_it() -> None:
    seam = ": continued by third\n\n"
    assert judge(WISH, stream(chunk("t.0 t.1"), seam, WHOLE, DONE)) == "continued"
    with pytest.raises(DishonestAnswer, match="continued, and says"):
        judge(WISH, stream(chunk("t.0 t.1"), seam, chunk("t.0 t.2"), DONE))


def test_numbers_of_a_responses_stream_only_grow() -> None:
    def event(kind: str, number: int) -> str:
        data = {"type": kind, "sequence_number": number, "delta": WISH.text}
        return f"event: {kind}\ndata: {json.dumps(data)}\n\n"

    asked = wish(api="responses")
    delta, end = "response.output_text.delta", "response.completed"
    assert judge(asked, stream(event(delta, 0), event(end, 1))) == "complete"
    with pytest.raises(DishonestAnswer, match="sequence_number 0 after 0"):
        judge(asked, stream(event(delta, 0), event(end, 0)))


def test_a_bad_request_has_to_be_refused_as_such() -> None:
    bad = wish(bad=next(one for one in BAD if one.name == "not JSON"))
    assert judge(bad, error(400, "invalid_request")) == "refused 400 invalid_request"
    with pytest.raises(DishonestAnswer, match="status 200"):
        judge(bad, stream(WHOLE, DONE))


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_events_are_read_with_each_kind_of_line_end(end: str) -> None:
    text = f"\ufeff: hello{end}{end}event: a{end}data: 1{end}data: 2{end}{end}id: 7{end}data:3{end}{end}"
    assert events(text.encode()) == [(":", "hello"), ("a", "1\n2"), ("", "3")]
