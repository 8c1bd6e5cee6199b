"""Do answers arrive whole and unchanged, and may requests be large? Pure."""

from __future__ import annotations

from typing import Final

from sluiceway.doctor.asking import LARGE_BODY_BYTES
from sluiceway.doctor.events import Stream, error_of, text_of_json
from sluiceway.doctor.finding import Change, Finding
from sluiceway.doctor.hops import changes_for
from sluiceway.doctor.reach import is_found
from sluiceway.doctor.seen import Seen

_MIB: Final = 1024 * 1024


def model_answers(seen: Seen, model: str) -> Finding | None:
    """Why nothing can be asked of this model; None if it can. From a first request for JSON, or a stream."""
    if seen.status == 200:
        return None
    code, message = error_of(seen) or ("", "")
    change = Change(
        "this command", "--model NAME: one that the gateway serves, best the simulated provider's"
    )
    if code.startswith("upstream_") or seen.status >= 500:
        change = Change(
            "sluiceway.toml, [[upstreams]]", "its base_url and api_keys; the gateway's log says more"
        )
    return Finding(
        code="model",
        severity="error",
        title=f"{model} does not answer",
        seen=f"status {seen.status or 'none'}; {code}: {message}"
        if code
        else f"status {seen.status or 'none'}",
        figures={"status": seen.status},
        changes=(change,),
        stops=True,
    )


def whole(seen: Seen, stream: Stream, as_json: Seen | None) -> Finding:
    """Whether the stream came whole and says what the JSON answer said.

    `as_json`: of the same seed, None if the model never says the same twice.
    """
    figures = {"events": len(stream.events), "bytes": len(seen.body)}
    fault = ""
    if stream.broken:
        fault = stream.broken
    elif stream.error is not None:
        fault = f"an error event: {stream.error[0]}: {stream.error[1]}"
    elif seen.end != "whole" or not stream.ended:
        fault = f"it ended ({seen.end}) after {len(stream.events)} events without its end marker"
    if fault:
        change = Change(
            "the proxy's error log", f"what happened to {seen.header('x-request-id') or 'this answer'}"
        )
        return Finding(
            code="whole",
            severity="error",
            title="the stream did not arrive whole",
            seen=fault,
            figures=figures,
            changes=(change,),
        )
    if as_json is not None and text_of_json(as_json) != stream.text:
        change = Change(
            "the proxy", "nothing that rewrites bodies: sub_filter, Workers, body filters of a firewall"
        )
        return Finding(
            code="whole",
            severity="error",
            title="the answer was changed on the way",
            seen="the same answer says one thing as a stream and another as JSON",
            figures=figures,
            changes=(change,),
        )
    same = "; it says what the JSON answer says" if as_json is not None else ""
    return Finding(
        code="whole",
        severity="ok",
        title="answers arrive whole",
        seen=f"{len(stream.events)} events, {len(seen.body)} bytes{same}",
        figures=figures,
    )


def large_body(seen: Seen, hops: tuple[str, ...]) -> Finding:
    """Whether a request of two MiB, as one with a picture is, gets through."""
    figures = {"body_bytes": LARGE_BODY_BYTES, "status": seen.status}
    size = f"{LARGE_BODY_BYTES // _MIB} MiB"
    if is_found(seen):
        return Finding(
            code="body-size", severity="ok", title=f"requests of {size} get through", figures=figures
        )
    error = error_of(seen)
    if seen.status == 413 and error is not None:
        return Finding(
            code="body-size",
            severity="warning",
            title=f"the gateway refuses requests of {size}",
            seen=f"{error[0]}: {error[1]}",
            figures=figures,
            changes=(Change("sluiceway.toml, [server]", "max_body_bytes = 67108864"),),
        )
    how = f"status {seen.status}" if seen.status else f"no answer, the connection was {seen.end}"
    return Finding(
        code="body-size",
        severity="warning",
        title=f"requests of {size} are refused on the way, so pictures and long chats will be",
        seen=how,
        figures=figures,
        changes=changes_for("body size", hops),
    )
