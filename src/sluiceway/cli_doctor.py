"""The command line's `doctor`: examine a deployed path from the client's side, and say what to change.

The report goes to stdout, for people or as JSON; what is being done meanwhile to stderr.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

if TYPE_CHECKING:  # what it takes to examine is loaded when it is done: that keeps --help quick
    from sluiceway.doctor.finding import Finding, Report

_MARKS: Final = {
    "ok": ("✓", "green"),
    "note": ("·", "cyan"),
    "warning": ("!", "yellow"),
    "error": ("✗", "red"),
}

_out = Console(highlight=False)
_err = Console(stderr=True, soft_wrap=True, highlight=False)


def add_doctor(app: typer.Typer) -> None:
    """Give the command line its `doctor`."""

    @app.command("doctor")
    def doctor(
        url: Annotated[
            str,
            typer.Argument(
                metavar="URL",
                help="The public address, as clients have it: `https://ai.example.com/v1`; `/v1` may be left out.",
            ),
        ],
        key: Annotated[
            str,
            typer.Option(
                envvar="SLUICEWAY_KEY",
                help="An API key for the gateway; better in the environment than here.",
                show_default=False,
                show_envvar=True,
            ),
        ] = "",
        model: Annotated[
            str,
            typer.Option(
                help="The model to ask for. Best is one of the simulated provider (`sluiceway mock`) behind the "
                "gateway, which can be slow and silent at will. A real one gets one short question."
            ),
        ] = "mock-gpt",
        silence: Annotated[
            float,
            typer.Option(
                min=0,
                max=3600,
                metavar="SECONDS",
                help="How long the upstream says nothing in the test for that. 75 finds limits of 60 s, as nginx "
                "has, 130 those of Cloudflare; 0 leaves it out.",
            ),
        ] = 75.0,
        as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
    ) -> None:
        """Check the way from a client to the gateway: does it stream, and what has to be changed where?

        Looks for buffering, compression, cut connections, changed headers, size limits and wrong paths. Exits
        with 0 if all is well, 1 if something should be changed, 2 if it could not be checked.
        """
        from sluiceway.doctor.asking import target_of
        from sluiceway.doctor.examine import Examination

        try:
            target = target_of(url)
        except ValueError as error:
            _err.print(str(error), style="red", markup=False)
            raise typer.Exit(2) from None
        with _err.status("connecting") as status:
            examination = Examination(target, key=key, model=model, silence_s=silence, told=status.update)
            report = asyncio.run(examination.run())
        if as_json:
            typer.echo(msgspec.json.format(msgspec.json.encode(_for_programs(report)), indent=2))
        else:
            _tell(report)
        raise typer.Exit(report.exit_code)


def _for_programs(report: Report) -> dict[str, object]:
    """The report as it is, with what its exit code says."""
    return {**msgspec.structs.asdict(report), "exit_code": report.exit_code}


def _tell(report: Report) -> None:
    way = " → ".join(["client", *(report.hops or ("nobody who says so",)), "gateway"])
    _out.print(Text(f"{report.url}\n{way}\n"))
    for finding in report.findings:
        _tell_one(finding)
    _out.print(Text(f"\n{_summary(report)}"))


def _tell_one(finding: Finding) -> None:
    mark, colour = _MARKS[finding.severity]
    _out.print(Text.assemble((f"{mark} ", colour), (finding.title, "bold")))
    if finding.seen:
        _out.print(Padding(Text(finding.seen, style="dim"), (0, 0, 0, 2), expand=False))
    for change in finding.changes:
        _out.print(
            Padding(
                Text.assemble("→ ", (change.where, "cyan"), f": {change.what}"), (0, 0, 0, 2), expand=False
            )
        )


def _summary(report: Report) -> str:
    if report.exit_code == 2:
        return "This could not be checked to the end."
    asking = sum(finding.severity in ("warning", "error") for finding in report.findings)
    if not asking:
        return "Nothing has to be changed."
    return f"{asking} finding{'s' if asking != 1 else ''} that something should be changed for."
