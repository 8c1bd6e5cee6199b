"""Keeps what a stream has sent, so that another upstream can take it up where it breaks (`dialects.resume`)."""

from __future__ import annotations

from sluiceway.config.upstream_settings import UpstreamSettings
from sluiceway.dialects.resume import Resumed, mark_translated, partial_answer, resumed_request
from sluiceway.dialects.resume_text import Partial
from sluiceway.errors import InvalidRequest
from sluiceway.outbound import Outbound, Request, prepare
from sluiceway.policy.routing import Route, spoken
from sluiceway.relay.relay import Relay
from sluiceway.runtime import UpstreamRuntime

# Of one answer; a longer one is not continued. A thousand tokens are some 200 KiB of chat chunks.
MAX_KEPT_BYTES = 4 * 1024 * 1024

_DIALECTS = ("chat", "messages")


class Continuation:
    """Of one exchange. Costs one list entry per write, where the operator has asked for it."""

    __slots__ = ("_kept_bytes", "_partial", "_request", "_sent", "_write")

    def __init__(self, request: Request, relay: Relay) -> None:
        self._request = request
        self._sent: list[bytes] = []
        self._kept_bytes = 0
        self._partial: Partial | None = None
        self._write = relay.write
        relay.write = self._keep

    @staticmethod
    def possible(request: Request) -> bool:
        """Whether its answer is of the kind that can be taken up: a stream of text."""
        dialect, parsed = request.dialect, request.parsed
        return dialect is not None and dialect.name in _DIALECTS and parsed is not None and parsed.stream

    @property
    def broken(self) -> bool:
        """An answer broke, and is to be taken up."""
        return self._partial is not None

    def broke(self) -> bool:
        """It broke now: can what was sent be taken up?"""
        assert self._request.dialect is not None
        self._partial = None
        if self._kept_bytes <= MAX_KEPT_BYTES:
            self._partial = partial_answer(self._request.dialect.name, self._sent)
        return self.broken

    def suits(self, upstream: UpstreamSettings) -> bool:
        """Whether that upstream can be asked to."""
        dialect, parsed, partial = self._request.dialect, self._request.parsed, self._partial
        assert dialect is not None
        assert parsed is not None
        assert partial is not None
        return resumed_request(dialect.name, parsed, partial, upstream.prefill) is not None

    def outbound(self, route: Route, upstream: UpstreamRuntime, *, max_answer_bytes: int) -> Outbound:
        """The request that asks it to. Raises `InvalidRequest` where it can't be said there."""
        dialect, parsed, partial = self._request.dialect, self._request.parsed, self._partial
        assert dialect is not None
        assert parsed is not None
        assert partial is not None
        prefill = upstream.settings.prefill
        resumed = resumed_request(dialect.name, parsed, partial, prefill)
        if resumed is None:
            raise InvalidRequest("the answer can't be continued there")
        outbound = prepare(self._request, route, upstream, max_answer_bytes=max_answer_bytes, parsed=resumed)
        assert outbound.crossing is not None
        body = outbound.body
        if dialect.name == "messages" and spoken(dialect.name, upstream.settings.dialects) == "chat":
            body = mark_translated(body, prefill)
        crossing = Resumed(dialect.name, outbound.crossing, partial, prefill)
        return Outbound(body, crossing, outbound.translated_to, outbound.dropped)

    def _keep(self, data: bytes) -> None:
        self._kept_bytes += len(data)
        if self._kept_bytes <= MAX_KEPT_BYTES:
            self._sent.append(data)
        elif self._sent:
            self._sent.clear()
        self._write(data)
