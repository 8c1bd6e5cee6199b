"""What an upstream's failure counts as: for `failover_on`, and for its health. Pure.

The line that matters is between what the upstream did wrong and what the client did. An error of the
client's own making would only be repeated elsewhere, at the price of its time, and a client that sends nonsense
must not be able to have an upstream taken out of service for everybody.

Sources: RFC 9110 section 15; the OpenAI and Anthropic API references, "Errors", and the types of their SDKs;
vLLM's, llama.cpp's and OpenRouter's error types.
"""

from __future__ import annotations

from typing import Final

from sluiceway.config.upstream_settings import FailureName
from sluiceway.errors import (
    GatewayError,
    TotalTimeout,
    UpstreamInvalid,
    UpstreamReported,
    UpstreamTimeout,
    UpstreamTruncated,
    UpstreamUnreachable,
)
from sluiceway.policy.cooldown import REFUSED

# Types and codes of errors that the request itself caused, whatever status they come with: some providers
# report a refused prompt with 403 or 500, and an event of a stream has no status at all.
_CLIENTS: Final = frozenset(
    {
        # OpenAI; the image codes are those of a response that failed
        "context_length_exceeded",
        "data_residency_mismatch",
        "empty_image_file",
        "failed_to_download_image",
        "image_file_not_found",
        "image_file_too_large",
        "image_generation_user_error",
        "image_parse_error",
        "image_too_large",
        "image_too_small",
        "invalid_base64_image",
        "invalid_image",
        "invalid_image_format",
        "invalid_image_mode",
        "invalid_image_url",
        "invalid_prompt",
        "model_not_found",
        "previous_response_not_found",
        "string_above_max_length",
        "unsupported_image_media_type",
        "unsupported_parameter",
        "unsupported_value",
        # moderation, here and elsewhere: Azure, OpenRouter, xAI
        "content_filter",
        "content_filtered",
        "moderation_blocked",
        # Anthropic
        "not_found_error",
        "request_too_large",
        # vLLM and llama.cpp
        "BadRequestError",
        "NotFoundError",
        "UnprocessableEntityError",
        "exceed_context_size_error",
    }
)
# New ones keep coming: content_policy_violation, bio_policy, misalignment_policy_violation.
_POLICY: Final = "policy"

_RATE_LIMITS: Final = ("rate_limit", "insufficient_quota", "too_many_requests", "throttl")

_HARMLESS: Final[frozenset[FailureName]] = frozenset({"429", "key"})


def kind_of(error: GatewayError, *, own_key: bool = True, empty: bool = False) -> FailureName | None:
    """What the failure of an attempt counts as; None if it is the client's or the gateway's own.

    `error`: an `UpstreamReported` is taken for an error event of a stream, or an error object under a 2xx
    status; for an HTTP error see `kind_of_status`. `own_key`: the upstream was asked with a key of the
    gateway's. `empty`: nothing at all had come of the answer, which ended cleanly.
    """
    if isinstance(error, UpstreamReported):
        if is_clients(error):
            return None
        words = f"{error.type} {error.code}".lower()
        if any(word in words for word in _RATE_LIMITS):
            return "429"
        kind = kind_of_status(error.status, own_key)
        return "error_event" if kind == "5xx" else kind
    if isinstance(error, UpstreamUnreachable):
        return "connect"
    if isinstance(error, TotalTimeout):
        return None  # the time for all attempts together is up
    if isinstance(error, UpstreamTimeout):
        return "timeout"
    if isinstance(error, UpstreamTruncated):
        return "empty" if empty else "truncated"
    if isinstance(error, UpstreamInvalid):
        return "invalid"
    # Not EventTooLarge either: a limit of the gateway's, which the same answer from elsewhere is over, too.
    return None


def kind_of_status(status: int, own_key: bool, error: UpstreamReported | None = None) -> FailureName | None:
    """What an HTTP status counts as; None for success, and for whatever the client did.

    `own_key`: as in `kind_of`; a client whose own key is refused has to hear of it. `error`: its body, where
    that was read, which may know better that the request was at fault.
    """
    if status < 400 or (error is not None and is_clients(error)):
        return None
    if status >= 500:  # also Anthropic's 529, overloaded, and Cloudflare's 520 to 526
        return "5xx"
    if status == 429:
        return "429"
    if status in REFUSED:
        return "key" if own_key else None
    if status == 408:
        # The upstream, or a balancer before it, waited in vain for the request, which the gateway holds and
        # sends at once: a connection that went bad. The request was not begun (RFC 9110 section 15.5.9).
        return "timeout"
    # 400, 422: the request. 404: its model or path; an upstream that lacks a model belongs in no rule for it.
    # 405, 406, 411, 415: how it asks. 409, 410, 412: what it refers to. 413, 414, 431: its size. 451: its
    # subject. All others are rarer and no different.
    return None


def is_clients(error: UpstreamReported) -> bool:
    """Whether the words of an upstream's error say that the request caused it, whatever the status."""
    type_, code = error.type, error.code or ""
    return type_ in _CLIENTS or code in _CLIENTS or _POLICY in code or _POLICY in type_


def counts_against_health(kind: FailureName | None) -> bool:
    """Whether a failure of that kind is one of the upstream's health, before its first event or after.

    429 and refused keys are not: the upstream is well, and it is the key that rests. Neither is what the
    client caused (None); a deadline that a client has shortened is its own making, too, which only the caller
    knows.
    """
    return kind is not None and kind not in _HARMLESS
