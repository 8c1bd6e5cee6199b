"""Was an answer honest? Pure, and on purpose without a line of the gateway's own code.

Honest is what a program can act upon: a whole answer that says what was asked for, or an error in the form of its
API; never half of one taken for whole, never two ends, never somebody else's words.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from bench.soak.config import HEALING
from bench.soak.load import Wish

_LINE = re.compile(r"\r\n|\n|\r")
_OVERLOADED = ("rate_limited", "gateway_overloaded", "queue_timeout")
_WRONG_KEY = (401, 429)
_PNG = "iVBOR"  # how a PNG file begins, in base64


class Answer(NamedTuple):
    """`whole`: its framing came to an end. Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes
    whole: bool


class DishonestAnswer(Exception):
    """What is wrong with it."""


class Told(NamedTuple):
    """What a stream said: its text, how often it ended, the error it ended with, who went on with it."""

    text: str
    ends: int
    error: dict[str, Any] | None
    continued: bool


def judge(wish: Wish, answer: Answer) -> str:
    """The outcome, as `complete`, `error CODE`, `refused STATUS CODE`. Raises `DishonestAnswer`."""
    if wish.bad is not None:
        return _expected_refusal(wish, answer, (*wish.bad.statuses, *(_WRONG_KEY if wish.wrong_key else ())))
    if not answer.whole:
        # A body that the gateway does not read can only break as its connection does.
        if wish.api == "other":
            return "cut"
        raise DishonestAnswer(f"cut off after {len(answer.body)} bytes under status {answer.status}")
    if "x-request-id" not in answer.headers:
        raise DishonestAnswer("no x-request-id")
    if wish.wrong_key:
        return _expected_refusal(wish, answer, _WRONG_KEY)
    if answer.status != 200:
        return _refused(wish, answer)
    outcome = _stream(wish, answer) if wish.stream else _json(wish, answer)
    if outcome == "complete" and wish.effect == "fatal" and wish.model not in HEALING:
        raise DishonestAnswer(f"complete, although every upstream has the fault {wish.fault}")
    return outcome


def _expected_refusal(wish: Wish, answer: Answer, statuses: tuple[int, ...]) -> str:
    if answer.status in (429, 503) and not wish.wrong_key:
        return _refused(wish, answer)
    if answer.status not in statuses:
        raise DishonestAnswer(f"status {answer.status}, not one of {statuses}: {answer.body[:200]!r}")
    return f"refused {answer.status} {_code(_error_of(wish, answer))}"


def _refused(wish: Wish, answer: Answer) -> str:
    status = answer.status
    if status in (200, 204) or not 400 <= status < 600:
        raise DishonestAnswer(f"status {status}")
    if wish.fault == "http-500-html" and status == 500:
        return "refused 500 (the upstream's page)"
    error = _error_of(wish, answer)
    code = _code(error)
    unfaulted_500 = status == 500 and code == "internal_error" and not wish.fault
    if unfaulted_500 or "the gateway failed" in str(error.get("message")):
        raise DishonestAnswer(f"a defect of the gateway: {error}")
    if code in _OVERLOADED and "retry-after" not in answer.headers:
        raise DishonestAnswer(f"{status} {code} without retry-after")
    client_errors = {"http-400": (400,), "http-429:1": (429,)}.get(wish.fault, ())
    if status < 500 and status != 429 and status not in client_errors:
        raise DishonestAnswer(f"{status} for a proper request: {error}")
    _check_blame(wish, code)
    return f"refused {status} {code}"


def _check_blame(wish: Wish, code: str) -> None:
    """An upstream that did nothing wrong but die is not said to break its API."""
    if wish.effect != "fatal" and code in ("upstream_invalid", "event_too_large"):
        raise DishonestAnswer(
            f"{code}, although the upstream's answer was a proper one ({wish.fault or 'no fault'})"
        )


def _error_of(wish: Wish, answer: Answer) -> dict[str, Any]:
    document = _parsed(answer.body.decode("utf-8", "strict"))
    if not isinstance(document, dict) or not isinstance(document.get("error"), dict):
        raise DishonestAnswer(f"status {answer.status} without an error object: {answer.body[:200]!r}")
    if wish.api == "messages" and wish.bad is None and document.get("type") != "error":
        raise DishonestAnswer(f"not Anthropic's form of error: {answer.body[:200]!r}")
    error: dict[str, Any] = document["error"]
    if not error.get("message"):
        raise DishonestAnswer(f"an error without a message: {answer.body[:200]!r}")
    return error


def _code(error: dict[str, Any]) -> str:
    return str(error.get("code") or error.get("type"))


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        raise DishonestAnswer(f"not JSON: {text[:200]!r}") from None


# ── JSON ────────────────────────────────────────────────────────────────────────────────────────────


def _json(wish: Wish, answer: Answer) -> str:
    document = _parsed(answer.body.decode("utf-8", "strict"))
    if (
        document.get("error") and wish.api == "responses"
    ):  # under a 200 that had to be sent before (json_heartbeat_s)
        error = document["error"]
        _check_blame(wish, _code(error))
        return f"error {_code(error)}"
    try:
        said = _TEXT_OF[wish.api](document)
    except (LookupError, TypeError) as wrong:
        raise DishonestAnswer(f"not an answer ({wrong!r}): {answer.body[:200]!r}") from None
    _check_text(wish, Told(said, 1, None, False))
    return "complete"


_TEXT_OF: dict[str, Any] = {
    "chat": lambda answer: answer["choices"][0]["message"]["content"],
    "responses": lambda answer: answer["output"][0]["content"][0]["text"],
    "messages": lambda answer: answer["content"][0]["text"],
    "images": lambda answer: answer["data"][0]["b64_json"],
    "other": lambda answer: "" if answer["data"] else None,
}


# ── streams ─────────────────────────────────────────────────────────────────────────────────────────


def _stream(wish: Wish, answer: Answer) -> str:
    if not answer.headers.get("content-type", "").startswith("text/event-stream"):
        raise DishonestAnswer(f"a stream was asked for, and {answer.headers.get('content-type')} came")
    told = _told(wish, events(answer.body))
    if told.error is not None and told.ends:
        raise DishonestAnswer("both an error and an end")
    if told.ends > 1 or (told.error is None and not told.ends):
        raise DishonestAnswer(f"{told.ends} ends: {answer.body[-300:]!r}")
    _check_text(wish, told)
    if told.error is None:
        return "continued" if told.continued else "complete"
    code = _code(told.error)
    _check_blame(wish, code)
    return f"error {code}"


def events(body: bytes) -> list[tuple[str, str]]:
    """Name and data of each event, comments as the name `:`. Raises `DishonestAnswer` if the last is not whole."""
    try:
        text = body.decode("utf-8-sig", "strict")
    except UnicodeDecodeError as wrong:
        raise DishonestAnswer(f"not UTF-8: {wrong}") from None
    *lines, rest = _LINE.split(text)
    if rest or (lines and lines[-1]):
        raise DishonestAnswer(f"ends within an event: {text[-200:]!r}")
    found: list[tuple[str, str]] = []
    name = ""
    data: list[str] = []
    for line in lines:
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if not line:
            if data:
                found.append((name, "\n".join(data)))
            name, data = "", []
        elif not field:
            found.append((":", value))
        elif field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field not in ("id", "retry"):
            raise DishonestAnswer(f"not a line of an event stream: {line[:200]!r}")
    return found


class _Follower:
    """What one API's stream says, event by event."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.ends = 0
        self.error: dict[str, Any] | None = None
        self.number = -1

    def chat(self, _name: str, document: dict[str, Any]) -> None:
        if document.get("error"):
            self.error = document["error"]
        for choice in document.get("choices") or ():
            self.text.append((choice.get("delta") or {}).get("content") or "")

    def responses(self, name: str, document: dict[str, Any]) -> None:
        kind = document["type"]
        if name != kind:
            raise DishonestAnswer(f"event {name!r} of type {kind!r}")
        if document["sequence_number"] <= self.number:
            raise DishonestAnswer(f"sequence_number {document['sequence_number']} after {self.number}")
        self.number = document["sequence_number"]
        if kind == "response.output_text.delta":
            self.text.append(document["delta"])
        elif kind == "error":
            self.error = document
        elif kind == "response.failed":
            self.error = self.error or document["response"]["error"]
        elif kind in ("response.completed", "response.incomplete"):
            self.ends += 1

    def messages(self, name: str, document: dict[str, Any]) -> None:
        if name != document["type"]:
            raise DishonestAnswer(f"event {name!r} of type {document['type']!r}")
        if name == "content_block_delta":
            self.text.append(document["delta"].get("text", ""))
        elif name == "error":
            self.error = document["error"]
        elif name == "message_stop":
            self.ends += 1

    def images(self, name: str, document: dict[str, Any]) -> None:
        if name == "error":
            self.error = document.get("error", document)
        elif document["type"].endswith(".completed"):
            self.ends += 1
            self.text.append(document["b64_json"])


def _told(wish: Wish, found: list[tuple[str, str]]) -> Told:
    follower = _Follower()
    follow = getattr(follower, wish.api)
    continued = False
    for name, data in found:
        if name == ":":
            continued = continued or data.startswith("continued by")
            continue
        last_word = wish.api == "responses" and follower.error is not None and name == "response.failed"
        if (follower.ends or follower.error is not None) and not last_word and name != "ping":
            raise DishonestAnswer(f"after the end came {name!r} {data[:100]!r}")
        if wish.api == "chat" and data == "[DONE]":
            follower.ends += 1
            continue
        document = _parsed(data)
        try:
            follow(name, document)
        except (LookupError, TypeError, AttributeError) as wrong:
            raise DishonestAnswer(f"not an event of {wish.api} ({wrong!r}): {data[:200]!r}") from None
    return Told("".join(follower.text), follower.ends, follower.error, continued)


def _check_text(wish: Wish, told: Told) -> None:
    """It says what was asked for: all of it, or where it broke the beginning of it; see the knob `echo`."""
    if wish.api == "other":
        return
    if wish.api == "images":
        if told.ends and not told.text.startswith(_PNG):
            raise DishonestAnswer(f"not a picture: {told.text[:60]!r}")
        return
    text = told.text
    if told.continued:
        # The simulated provider does not go on: it says all of it once more.
        seam = text.rfind(wish.text.partition(" ")[0])
        begun, anew = text[:seam].rstrip(), text[seam:]
        if (
            not wish.text.startswith(begun)
            or not wish.text.startswith(anew)
            or (told.ends and anew != wish.text)
        ):
            raise DishonestAnswer(f"continued, and says {text[:200]!r}, not {wish.text[:100]!r}")
        return
    if not wish.text.startswith(text):
        raise DishonestAnswer(f"says {text[:200]!r}, not {wish.text[:100]!r}")
    if told.ends and text != wish.text:
        raise DishonestAnswer(f"complete, and says only {len(text)} of {len(wish.text)} characters")
