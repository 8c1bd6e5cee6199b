"""An upstream that holds every request until it is told to answer, and knows how many it ever held at once.

Its count falls before the first byte of an answer leaves, so whoever is let in because of that answer can't be
counted beside it: `most` is exact.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from harness import RawClient, chat, wait_until
from upstreams import Asked, scripted_upstream

HELD_AT_MOST_S = 40.0

ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "any",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "Hi", "refusal": None},
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}


class Turnstile:
    """`held`: who is here now; `came`: everyone, in order; by the header `x-who`. `most`: ever held at once."""

    def __init__(self) -> None:
        self.base_url = ""
        self.held: list[str] = []
        self.came: list[str] = []
        self.most = 0
        self._open = False
        self._change = threading.Condition()
        self._leaving: set[str] = set()

    def let_go(self, who: str) -> None:
        """Answer that one, now or as soon as it comes."""
        with self._change:
            self._leaving.add(who)
            self._change.notify_all()

    def let_next_go(self) -> str:
        """Answer the one that came first, once there is one; who it was."""
        wait_until(lambda: bool(self.held))
        who = self.held[0]
        self.let_go(who)
        wait_until(lambda: who not in self.held)
        return who

    def open(self) -> None:
        """Answer everyone from now on."""
        with self._change:
            self._open = True
            self._change.notify_all()

    def serve(self, asked: Asked) -> None:
        """For `scripted_upstream`."""
        asked.body_bytes()
        who = asked.header("x-who") or ""
        with self._change:
            self.held.append(who)
            self.came.append(who)
            self.most = max(self.most, len(self.held))
            self._change.wait_for(lambda: self._open or who in self._leaving, HELD_AT_MOST_S)
            self.held.remove(who)
        asked.respond(ANSWER)


@contextlib.contextmanager
def running_turnstile() -> Iterator[Turnstile]:
    """One of them; at the end everyone is let go."""
    turnstile = Turnstile()
    with scripted_upstream(turnstile.serve) as upstream:
        turnstile.base_url = upstream.base_url
        try:
            yield turnstile
        finally:
            turnstile.open()


class Crowd:
    """Clients, each in a thread and on a connection of its own."""

    def __init__(self, pool: ThreadPoolExecutor) -> None:
        self._pool = pool
        self.asked: dict[str, Future[int]] = {}

    def ask(self, port: int, who: str, *, key: str = "", model: str = "mock-gpt") -> None:
        """Ask for JSON as `who`, with the key of that name."""
        headers = {"x-who": who, **({"authorization": f"Bearer sk-{key}"} if key else {})}

        def status() -> int:
            with RawClient(port, timeout_s=HELD_AT_MOST_S) as client:
                client.post(chat(model, stream=False), headers=headers)
                return client.response()[0]

        self.asked[who] = self._pool.submit(status)

    def statuses(self) -> list[int]:
        """How all of them were answered, in the order in which they asked; waits for that."""
        return [answer.result(HELD_AT_MOST_S) for answer in self.asked.values()]


@contextlib.contextmanager
def crowd(size: int = 40) -> Iterator[Crowd]:
    """Room for so many clients."""
    with ThreadPoolExecutor(size) as pool:
        yield Crowd(pool)
