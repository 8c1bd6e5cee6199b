"""`python -m bench`: run, install the peers, render saved results again, or soak."""

from __future__ import annotations

import argparse
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from bench import install, peers, report, results, runner, scenarios
from bench.client import BenchError
from bench.soak import page as soak_page
from bench.soak import run as soak
from bench.soak import verdict as soak_verdict

PAGE = runner.ROOT / "docs/reference/performance.md"
SOAK_PAGE = runner.ROOT / "docs/reference/soak.md"
FULL_SOAK_MINUTES = 10.0
FULL = runner.HOME / "results.json"
PARTIAL = runner.HOME / "partial.json"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m bench", description="Sluiceway beside its peers.")
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure; a full run updates docs/reference/performance.md")
    run.add_argument("--rounds", type=int, help="rounds for each scenario (5; with --quick 1)")
    run.add_argument("--quick", action="store_true", help="small loads, one round: does everything work?")
    known = ", ".join(peers.NAMES)
    run.add_argument("--only", action="extend", default=[], type=_some_of(peers.NAMES), metavar="PEER,…",
                     help=f"only these gateways, repeatable: {known}")  # fmt: skip
    known = ", ".join(scenarios.NAMES)
    run.add_argument("--scenario", action="extend", default=[], type=_some_of(scenarios.NAMES),
                     metavar="NAME,…", help=f"only these scenarios, repeatable: {known}")  # fmt: skip
    commands.add_parser("install", help="install the peers that come from PyPI into .bench/")
    render = commands.add_parser("report", help="write saved results into docs/reference/performance.md")
    render.add_argument("results", type=Path, nargs="?", default=FULL)
    soaking = commands.add_parser("soak", help="mixed load and faults, then: does anything leak?")
    soaking.add_argument("--minutes", type=float, default=FULL_SOAK_MINUTES,
                         help="of load; ten or more update the page (default: %(default)s)")  # fmt: skip
    soaking.add_argument("--seed", type=int, default=1, help="what clients draw their requests from")
    soaking.add_argument("--clients", type=int, default=60, help="at a time (default: %(default)s)")
    soaking.add_argument("--no-settle", action="store_true",
                         help="do not wait a minute until idle connections are closed")  # fmt: skip
    return top


def _some_of(known: tuple[str, ...]) -> Callable[[str], list[str]]:
    """Reads a list with commas between; argparse shows the error to whoever mistyped."""

    def read(text: str) -> list[str]:
        names = text.split(",")
        for name in names:
            if name not in known:
                raise argparse.ArgumentTypeError(f"no {name!r}; there are {', '.join(known)}")
        return names

    return read


def measure(arguments: argparse.Namespace) -> None:
    """Run the bench, save the results, and publish them if they are complete."""
    rounds = arguments.rounds or (1 if arguments.quick else 5)
    options = runner.Options(rounds, arguments.quick, arguments.only, arguments.scenario)
    measured = runner.run(options)
    complete = not (options.quick or options.only or options.scenario_names)
    path = FULL if complete else PARTIAL
    results.save(measured, path)
    print(report.render(measured))
    print(f"every run: {path}", file=sys.stderr)
    if complete:
        report.write(measured, PAGE)


def soak_gateway(arguments: argparse.Namespace) -> None:
    """Run a soak, publish it if it is a full one, and exit with 1 if it was not passed."""
    options = soak.Options(
        arguments.minutes,
        arguments.seed,
        arguments.clients,
        runner.HOME / "soak",
        settle=not arguments.no_settle,
    )
    result = soak.run(options)
    rendered = soak_page.render(result)
    print(rendered)
    if arguments.minutes >= FULL_SOAK_MINUTES:
        SOAK_PAGE.write_text(report.insert(SOAK_PAGE.read_text(), rendered, soak_page.BEGIN, soak_page.END))
    if not soak_verdict.passed(result):
        sys.exit("the soak was not passed")


def main() -> None:
    """Entry."""
    arguments = parser().parse_args()
    # SIGTERM as Ctrl-C: what was started is ended on the way out.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        if arguments.command == "install":
            install.install(runner.HOME)
        elif arguments.command == "report":
            report.write(results.load(arguments.results), PAGE)
        elif arguments.command == "soak":
            soak_gateway(arguments)
        else:
            measure(arguments)
    except BenchError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started has been ended")


if __name__ == "__main__":
    main()
