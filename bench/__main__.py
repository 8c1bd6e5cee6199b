"""`python -m bench`: run, install the peers, or render saved results again."""

from __future__ import annotations

import argparse
import resource
import signal
import sys
from pathlib import Path

from bench import install, peers, report, results, runner, scenarios
from bench.client import BenchError

PAGE = runner.ROOT / "docs/reference/performance.md"
FULL = runner.HOME / "results.json"
PARTIAL = runner.HOME / "partial.json"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m bench", description="Sluiceway beside its peers.")
    commands = top.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="measure; a full run updates docs/reference/performance.md")
    run.add_argument("--rounds", type=int, help="rounds for each scenario (5; with --quick 1)")
    run.add_argument("--quick", action="store_true", help="small loads, one round: does everything work?")
    run.add_argument("--only", action="append", default=[], choices=peers.NAMES, metavar="PEER",
                     help=f"only this gateway, repeatable: {', '.join(peers.NAMES)}")  # fmt: skip
    run.add_argument("--scenario", action="append", default=[], choices=scenarios.NAMES, metavar="NAME",
                     help=f"only this scenario, repeatable: {', '.join(scenarios.NAMES)}")  # fmt: skip
    commands.add_parser("install", help="install the peers that come from PyPI into .bench/")
    render = commands.add_parser("report", help="write saved results into docs/reference/performance.md")
    render.add_argument("results", type=Path, nargs="?", default=FULL)
    return top


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
        else:
            measure(arguments)
    except BenchError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("interrupted; everything that was started has been ended")


if __name__ == "__main__":
    main()
