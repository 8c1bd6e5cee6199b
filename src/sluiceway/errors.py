"""Every error that Sluiceway raises, and what each means for the request.

    GatewayError
    ├── InvalidRequest        400  the client's request can't be understood or served
    │   ├── UnknownPath       404
    │   ├── UnknownModel      404
    │   └── WrongMethod       405
    ├── InvalidApiKey         401  no key, an unknown, expired or revoked one
    ├── Forbidden             403  the key is right, but not for this
    ├── BodyTooLarge          413
    ├── RateLimited           429  the key has used up a rate
    │   └── BudgetExceeded    429  … or its budget of a day or month
    ├── Overloaded            503  no room for one more request
    │   └── QueueTimeout      503  it waited for room as long as it may
    ├── StateUnavailable      503  what processes share can't be reached, and the operator wants to be sure
    ├── Draining              503  this process is shutting down
    ├── ClientGone            499  nobody is there to be answered (records only)
    ├── Cancelled             503  an administrator ended it
    └── UpstreamError         502
        ├── UpstreamUnreachable   502  no connection, or it broke before a response byte came
        │   └── StaleConnection   502  a reused keep-alive connection turned out dead: safe to send again
        ├── UpstreamTimeout       504  one of the four clocks ran out:
        │   ├── ConnectTimeout    504  … no connection in time
        │   ├── FirstEventTimeout 504  … nothing came in time
        │   ├── IdleTimeout       504  … nothing more came
        │   └── TotalTimeout      504  … it all took too long
        ├── UpstreamTruncated     502  the answer stopped before its end
        ├── UpstreamInvalid       502  the answer breaks HTTP, SSE, JSON or the dialect
        ├── EventTooLarge         502  one event, or one answer that must be held whole, is over its limit
        └── UpstreamReported      its  the upstream itself said what is wrong

An error carries its decision: `status` for the response, `code` for the client's program; what it means for failover,
`policy.failure` says. Dialects turn it into bytes; nobody else formats errors.
"""

from __future__ import annotations

import math


class GatewayError(Exception):
    """Base of all errors that end a request.

    `message` is for people and may reach the client: it never holds a key, a prompt or a stack trace.
    `param` names the request field at fault, if one is.
    """

    status: int = 500
    code: str | None = "internal_error"
    type: str = "api_error"

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.headers: list[tuple[bytes, bytes]] = []


class InvalidRequest(GatewayError):
    """The request can't be understood or served as it is; sending it again will not help."""

    status = 400
    code = "invalid_request"
    type = "invalid_request_error"


class UnknownPath(InvalidRequest):
    """No such path."""

    status = 404


class UnknownModel(InvalidRequest):
    """No upstream serves this model (in this dialect)."""

    status = 404


class WrongMethod(InvalidRequest):
    """The path exists, but not for this method. `allowed` is the value of the `Allow` header."""

    status = 405

    def __init__(self, message: str, *, allowed: str) -> None:
        super().__init__(message)
        self.headers.append((b"allow", allowed.encode()))


class InvalidApiKey(GatewayError):
    """No key, or one that is not known here, or no longer."""

    status = 401
    code = "invalid_api_key"
    type = "authentication_error"


class Forbidden(GatewayError):
    """The key is right, but may not be used for this: the model, the API, or from this address."""

    status = 403
    code = "forbidden"
    type = "permission_error"


class BodyTooLarge(GatewayError):
    """The request body is over `server.max_body_bytes`."""

    status = 413
    code = "body_too_large"
    type = "invalid_request_error"


class _Later(GatewayError):
    """Refused for now. `retry_after_s` becomes the response's `retry-after`, in whole seconds, rounded up."""

    def __init__(self, message: str, *, retry_after_s: float | None = None, param: str | None = None) -> None:
        super().__init__(message, param=param)
        self.retry_after_s = retry_after_s
        if retry_after_s is not None:
            self.headers.append((b"retry-after", b"%d" % max(1, math.ceil(retry_after_s))))


class RateLimited(_Later):
    """The client's key has used up its requests or tokens of a minute."""

    status = 429
    code = "rate_limited"
    type = "rate_limit_error"


class BudgetExceeded(RateLimited):
    """The client's key has used up its budget of a day or a month."""

    code = "budget_exceeded"


class Overloaded(_Later):
    """A limit on requests in flight is reached, and the queue is full or off."""

    status = 503
    code = "gateway_overloaded"
    type = "overloaded_error"


class QueueTimeout(Overloaded):
    """The request waited in the queue for as long as it may."""

    code = "queue_timeout"


class StateUnavailable(_Later):
    """The state that several processes share can't be reached, and `state.on_unreachable` is `closed`."""

    status = 503
    code = "state_unavailable"
    type = "overloaded_error"


class Draining(_Later):
    """The process was told to stop; another instance should take the request."""

    status = 503
    code = "draining"
    type = "overloaded_error"

    def __init__(self, message: str) -> None:
        super().__init__(message, retry_after_s=1.0)


class ClientGone(GatewayError):
    """The client left. Never sent; 499 is nginx's number for it in logs."""

    status = 499
    code = "client_gone"


class Cancelled(GatewayError):
    """An administrator ended the request."""

    status = 503
    code = "cancelled"


class UpstreamError(GatewayError):
    """Something beyond the gateway failed."""

    status = 502
    code: str | None = "upstream_invalid"
    type = "upstream_error"


class UpstreamUnreachable(UpstreamError):
    """No connection, or it broke before the first byte of a response."""

    code = "upstream_unreachable"


class StaleConnection(UpstreamUnreachable):
    """A reused connection broke before any response byte; RFC 9112 section 9.3.1 allows a retry."""


class UpstreamTimeout(UpstreamError):
    """A clock ran out: connect, first event, idle or total."""

    status = 504
    code = "upstream_timeout"


class ConnectTimeout(UpstreamTimeout):
    """No connection within `connect_s`."""

    code = "upstream_timeout_connect"


class FirstEventTimeout(UpstreamTimeout):
    """No real event, and no byte of a JSON answer, within `first_event_s`."""

    code = "upstream_timeout_first_event"


class IdleTimeout(UpstreamTimeout):
    """Nothing more came for `idle_s`."""

    code = "upstream_timeout_idle"


class TotalTimeout(UpstreamTimeout):
    """The answer took longer than `total_s`."""

    code = "upstream_timeout_total"


class UpstreamTruncated(UpstreamError):
    """The upstream's answer stopped before its end."""

    code = "upstream_truncated"


class UpstreamInvalid(UpstreamError):
    """The upstream's answer breaks HTTP, SSE, JSON or its dialect."""

    code = "upstream_invalid"


class EventTooLarge(UpstreamError):
    """An event, or an answer that has to be held whole, is over its limit."""

    code = "event_too_large"


class UpstreamReported(UpstreamError):
    """The upstream said itself what is wrong: in an HTTP error body, or in an error event.

    `status` is the upstream's HTTP status where it had one. `code` and `type` are the upstream's own
    (`code` may be None).
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 502,
        type: str | None = None,  # noqa: A002 - the field's name on the wire
        code: str | None = None,
        param: str | None = None,
    ) -> None:
        super().__init__(message, param=param)
        self.status = status
        self.type = type or "upstream_error"
        self.code = code


def code_of(error: GatewayError, upstream_status: int | None) -> str:
    """What records call it: by an upstream's status where it answered with one that is no success, whether or not
    its body was read for words of its own; else by its code."""
    if isinstance(error, UpstreamReported) and upstream_status is not None and upstream_status >= 300:
        return f"upstream_{upstream_status}"
    return error.code or error.type
