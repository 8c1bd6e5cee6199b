"""What an upstream's failure counts as, and whose fault it is."""

from __future__ import annotations

from http import HTTPStatus
from typing import get_args

import pytest

from sluiceway import errors
from sluiceway.config.upstream_settings import FailureName
from sluiceway.errors import GatewayError, UpstreamError, UpstreamReported
from sluiceway.policy.failure import counts_against_health, kind_of, kind_of_status


def reported(status: int = 502, type: str | None = None, code: str | None = None) -> UpstreamReported:  # noqa: A002
    return UpstreamReported("it says so", status=status, type=type, code=code)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (errors.UpstreamUnreachable("no"), "connect"),
        (errors.StaleConnection("no"), "connect"),
        (errors.ConnectTimeout("late"), "timeout"),
        (errors.FirstEventTimeout("late"), "timeout"),
        (errors.IdleTimeout("late"), "timeout"),
        (errors.UpstreamTruncated("half"), "truncated"),
        (errors.UpstreamInvalid("odd"), "invalid"),
        (errors.TotalTimeout("over"), None),
        (errors.EventTooLarge("big"), None),
        (errors.ClientGone("bye"), None),
        (errors.Draining("bye"), None),
        (errors.InvalidRequest("what"), None),
        (errors.RateLimited("slowly"), None),
        (errors.QueueTimeout("late"), None),
    ],
)
def test_each_error_of_the_gateway_has_its_name_in_failover_on_or_none(
    error: GatewayError, kind: FailureName | None
) -> None:
    assert kind_of(error) == kind


def test_an_answer_that_ended_with_nothing_in_it_is_empty() -> None:
    assert kind_of(errors.UpstreamTruncated("nothing"), empty=True) == "empty"


@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 520, 529, 599])
def test_a_5xx_is_the_upstreams(status: int) -> None:
    assert kind_of_status(status, own_key=True) == kind_of_status(status, own_key=False) == "5xx"


@pytest.mark.parametrize("status", [401, 402, 403])
def test_a_refused_key_is_the_gateways_matter_only_if_the_key_is(status: int) -> None:
    assert kind_of_status(status, own_key=True) == "key"
    assert kind_of_status(status, own_key=False) is None
    assert kind_of(reported(status), own_key=True) == "key"
    assert kind_of(reported(status), own_key=False) is None


def test_the_other_kinds_that_a_status_can_be() -> None:
    assert kind_of_status(429, own_key=False) == "429"
    assert kind_of_status(408, own_key=False) == "timeout"


def test_no_other_status_below_500_ever_moves_a_request() -> None:
    known = {401, 402, 403, 408, 429}
    for status in [*(int(one) for one in HTTPStatus), 418, 425, 440, 460, 499]:
        if status < 500 and status not in known:
            assert kind_of_status(status, own_key=True) is None, status


@pytest.mark.parametrize(
    ("type_", "code"),
    [
        ("invalid_request_error", "context_length_exceeded"),
        ("invalid_request_error", "string_above_max_length"),
        ("image_generation_user_error", "moderation_blocked"),
        ("server_error", "content_policy_violation"),
        (None, "invalid_prompt"),
        (None, "image_content_policy_violation"),
        (None, "bio_policy"),
        (None, "content_filter"),
        ("not_found_error", None),
        ("request_too_large", None),
        ("BadRequestError", None),
        ("exceed_context_size_error", None),
    ],
)
@pytest.mark.parametrize("status", [400, 403, 429, 500, 502])
def test_what_the_client_caused_is_nobody_elses_whatever_the_status(
    status: int, type_: str | None, code: str | None
) -> None:
    error = reported(status, type_, code)
    assert kind_of(error) is None
    assert kind_of_status(status, True, error) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (reported(), "error_event"),
        (reported(503, "overloaded_error"), "error_event"),
        (reported(529, "overloaded_error"), "error_event"),
        (reported(502, "server_error", "server_error"), "error_event"),
        (reported(502, None, "vector_store_timeout"), "error_event"),
        (reported(500, "api_error"), "error_event"),
        (reported(504, "timeout_error"), "error_event"),
        (reported(429, "rate_limit_error"), "429"),
        (reported(502, "requests", "rate_limit_exceeded"), "429"),
        (reported(502, "insufficient_quota", "insufficient_quota"), "429"),
        (reported(502, "ThrottlingException"), "429"),
        (reported(401, "invalid_request_error", "invalid_api_key"), "key"),
        (reported(402, "billing_error"), "key"),
        (reported(400, "invalid_request_error"), None),
        (reported(404), None),
        (reported(413), None),
        (reported(422), None),
    ],
)
def test_an_error_event_counts_as_what_it_reports(error: UpstreamReported, kind: FailureName | None) -> None:
    assert kind_of(error) == kind


def test_health_suffers_from_all_but_refused_and_limited_keys() -> None:
    harmless = {kind for kind in get_args(FailureName) if not counts_against_health(kind)}
    assert harmless == {"429", "key"}
    assert not counts_against_health(None)


def test_of_upstreams_errors_only_those_have_no_kind_that_another_could_not_spare() -> None:
    """Time that is up is up everywhere; and who sends too much for us would, asked again."""
    found = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, UpstreamError)]
    assert len(found) > 8
    without = {one for one in found if kind_of(one("so")) is None}
    assert without == {UpstreamError, errors.TotalTimeout, errors.EventTooLarge}
