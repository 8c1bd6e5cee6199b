"""Records of requests: lists, one of them, its bodies where they were kept, and all of them as a file."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from sluiceway.console.asking import asked
from sluiceway.console.deps import Deps
from sluiceway.console.export import csv_rows, json_lines
from sluiceway.console.operation import Call, Nothing, Operation, failing
from sluiceway.console.seams import Store
from sluiceway.console.streaming import Export
from sluiceway.observe.captured import Captured
from sluiceway.observe.record import Outcome, Record
from sluiceway.store.queries import RecordFilter

MAX_PAGE: Final = 500

EXPORT_CHUNK: Final = 500
"""Records that are in memory while they are exported; some hundred KiB."""

_Moment = Annotated[float, Meta(ge=0, le=1e11)]
_Milliseconds = Annotated[float, Meta(ge=0, le=1e12)]
_Status = Annotated[int, Meta(ge=0, le=999)]
_Name = Annotated[str, Meta(max_length=500)]


class RecordsWanted(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records; what is left out does not matter."""

    since: Annotated[_Moment | None, Meta(description="They began then or later, in Unix seconds.")] = None
    until: Annotated[_Moment | None, Meta(description="They began before that.")] = None
    key: Annotated[_Name | None, Meta(description="The client's key, by its name.")] = None
    model: Annotated[
        _Name | None, Meta(description="As the client calls it: a name, or a glob with `*` and `?`.")
    ] = None
    upstream: Annotated[_Name | None, Meta(description="That answered, or was the last to be asked.")] = None
    dialect: Annotated[_Name | None, Meta(description="`chat`, `responses`, `messages`, `images`.")] = None
    outcome: Annotated[Outcome | None, Meta(description="How they ended.")] = None
    status: Annotated[_Status | None, Meta(description="Of the response.")] = None
    error_code: Annotated[_Name | None, Meta(description="As `upstream_truncated`.")] = None
    failed: Annotated[
        bool | None, Meta(description="The outcome is anything but `ok`; or, if false, `ok`.")
    ] = None
    stream: Annotated[bool | None, Meta(description="The client asked for a stream.")] = None
    text: Annotated[
        _Name | None, Meta(description="Stands within the request's id or the model, in any case of letters.")
    ] = None
    min_duration_ms: Annotated[_Milliseconds | None, Meta(description="They took as long, or longer.")] = None
    min_first_event_ms: Annotated[
        _Milliseconds | None, Meta(description="Their first event took as long, or longer.")
    ] = None

    def filter(self) -> RecordFilter:
        """The same for the store."""
        return RecordFilter(**{name: getattr(self, name) for name in RecordFilter.__struct_fields__})


class RecordsQuery(RecordsWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records, and how many at once."""

    limit: Annotated[int, Meta(ge=1, le=MAX_PAGE, description="The most of a page.")] = 50
    cursor: Annotated[_Name | None, Meta(description="That of the page before.")] = None


class ExportQuery(RecordsWanted, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which records, and as what."""

    format: Annotated[
        Literal["csv", "jsonl"], Meta(description="A table for spreadsheets, or a JSON object a line.")
    ] = "jsonl"


class Records(msgspec.Struct, frozen=True):
    """A page, the newest first."""

    records: Sequence[Record]
    cursor: Annotated[str | None, Meta(description="Of the next page; null if this is the last.")]


class Body(msgspec.Struct, frozen=True):
    """A body that was kept, redacted."""

    text: Annotated[str | None, Meta(description="If it is UTF-8.")]
    base64: Annotated[str | None, Meta(description="If it is not.")]
    size: Annotated[int, Meta(description="Its bytes before anything was cut or replaced.")]
    complete: Annotated[bool, Meta(description="Nothing was cut off.")]


class Capture(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered."""

    request_id: str
    started: Annotated[float, Meta(description="Unix seconds.")]
    method: str
    path: str
    headers: Annotated[Sequence[tuple[str, str]], Meta(description="The request's, without credentials.")]
    request: Body
    response: Body
    response_type: Annotated[str, Meta(description="Its content type.")]
    timing: Annotated[
        Sequence[tuple[float, int]],
        Meta(description="Of each piece of the answer: milliseconds since the request came, and bytes."),
    ]
    redacted: Annotated[int, Meta(description="How often something was replaced.")]


async def list_records(call: Call[RecordsQuery, Nothing]) -> Records:
    """A page of them."""
    query = call.query
    try:
        page = await asked(
            call.deps, lambda store: store.records(query.filter(), query.limit, query.cursor or None)
        )
    except ValueError:
        raise failing(400, "query.cursor: is none that a page came with", param="cursor") from None
    return Records(page.records, page.cursor)


async def show_record(call: Call[Nothing, Nothing]) -> Record:
    """One of them."""
    request_id = call.path["request_id"]
    record = await asked(call.deps, lambda store: store.record(request_id))
    if record is None:
        raise failing(404, "there is no record of that request, or not yet", param="request_id")
    return record


async def show_capture(call: Call[Nothing, Nothing]) -> Capture:
    """Its bodies."""
    request_id = call.path["request_id"]
    captured = await asked(call.deps, lambda store: store.capture(request_id))
    if captured is None:
        raise failing(404, "the bodies of that request were not kept", param="request_id")
    return _capture(captured)


async def export_records(call: Call[ExportQuery, Nothing]) -> Export:
    """All of them as a file."""
    wanted, as_csv = call.query.filter(), call.query.format == "csv"
    encode = csv_rows if as_csv else json_lines

    def begin(store: Store) -> tuple[Iterator[Record], bytes]:
        found = store.iter_records(wanted)
        return found, encode(list(islice(found, EXPORT_CHUNK)), first=True)

    found, first = await asked(call.deps, begin)  # before the status line, so that errors still have one
    return Export(
        _pieces(call.deps, first, found, encode),
        media_type="text/csv" if as_csv else "application/jsonl",
        file_name=f"sluiceway-records.{call.query.format}",
    )


async def _pieces(
    deps: Deps, first: bytes, found: Iterator[Record], encode: Callable[..., bytes]
) -> AsyncGenerator[bytes, None]:
    piece = first
    while piece:
        yield piece
        piece = await deps.questions.ask(lambda: encode(list(islice(found, EXPORT_CHUNK)), first=False))


def _capture(captured: Captured) -> Capture:
    return Capture(
        request_id=captured.request_id,
        started=captured.started,
        method=captured.method,
        path=captured.path,
        headers=captured.headers,
        request=_body(captured.request, captured.request_size),
        response=_body(captured.response, captured.response_size),
        response_type=captured.response_type,
        timing=captured.timing,
        redacted=captured.redacted,
    )


def _body(kept: bytes, size: int) -> Body:
    try:
        return Body(kept.decode(), None, size, len(kept) >= size)
    except UnicodeDecodeError:
        return Body(None, base64.b64encode(kept).decode(), size, len(kept) >= size)


_AWAY: Final = {503: "nothing is kept, or the database is away"}

OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/api/records",
        name="listRecords",
        summary="Records of requests, the newest first.",
        handler=list_records,
        query=RecordsQuery,
        answer=Records,
        fails=_AWAY,
    ),
    Operation(
        method="GET",
        path="/api/records/export",
        name="exportRecords",
        summary="All records that are wanted, as a file that is written while it is read from the database.",
        handler=export_records,
        query=ExportQuery,
        content={
            "text/csv": "A table with a head; cells that a spreadsheet would take for formulas begin with a quote.",
            "application/jsonl": "A JSON object a line, as in `listRecords`.",
        },
        fails=_AWAY,
    ),
    Operation(
        method="GET",
        path="/api/records/{request_id}",
        name="showRecord",
        summary="The record of one request. It is there about a second after the request is over.",
        handler=show_record,
        answer=Record,
        fails={404: "there is none, or not yet", **_AWAY},
    ),
    Operation(
        method="GET",
        path="/api/records/{request_id}/capture",
        name="showCapture",
        summary="What was asked and answered, where `[capture]` keeps it.",
        handler=show_capture,
        answer=Capture,
        fails={404: "it was not kept", **_AWAY},
    ),
)
