"""Headers and connections: what was done to them."""

from __future__ import annotations

from doctor_seen import DONE, NGINX, STREAM_HEADERS, answered, nothing_came, streamed

from sluiceway.doctor.finding import Finding
from sluiceway.doctor.heads import headers, keep_alive


def found(*changed: tuple[str, str], without: str = "", version: str = "1.1") -> dict[str, Finding]:
    names = {name for name, _ in changed} | {without}
    kept = [header for header in STREAM_HEADERS if header[0] not in names]
    seen = streamed([(0.1, DONE)], headers=[*kept, *changed], version=version)
    return {finding.code: finding for finding in headers(seen, ("nginx",))}


def test_an_untouched_head_is_fine() -> None:
    assert {code: finding.severity for code, finding in found().items()} == {
        "compression": "ok",
        "headers": "ok",
    }


def test_compression_of_an_event_stream_is_told_with_its_remedy() -> None:
    finding = found(("content-encoding", "gzip"))["compression"]
    assert (finding.severity, finding.changes[0].what) == ("warning", "gzip off;")
    assert found(("content-encoding", "identity"))["compression"].severity == "ok"


def test_no_transform_that_was_taken_away_is_told() -> None:
    assert found(without="cache-control")["headers"].severity == "warning"
    assert "max-age=60" in found(("cache-control", "max-age=60"))["headers"].seen


def test_a_stream_with_another_label_is_none_for_browsers() -> None:
    assert found(("content-type", "text/plain"))["headers"].severity == "error"


def test_the_header_that_nginx_takes_for_itself_is_worth_a_note() -> None:
    finding = found(without="x-accel-buffering")["headers"]
    assert (finding.severity, "proxy_pass_header" in finding.seen) == ("note", True)


def test_an_old_version_of_http_is_told() -> None:
    assert found(version="1.0")["http"].severity == "warning"


def test_connections_are_kept_or_not() -> None:
    answer = answered(400, {}, NGINX)
    assert keep_alive(answer, answer, ()).severity == "ok"
    promised = keep_alive(answer, nothing_came(), ("nginx",))
    assert (promised.severity, promised.seen) == ("warning", "it was closed before the second request")
    said = keep_alive(answered(400, {}, end="closed"), None, ("nginx",))
    assert said.seen == "the answer says connection: close"
