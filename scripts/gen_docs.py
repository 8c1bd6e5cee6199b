"""Make the reference pages that come from the code; with `--check` only see whether they are current.

    python scripts/gen_docs.py [--check]

Another page is one more line in `PAGES`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from sluiceway import error_reference
from sluiceway.config import explain
from sluiceway.console import explain as api_reference
from sluiceway.observe import metric_reference

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"

PAGES: Mapping[str, Callable[[], str]] = {
    "configuration.md": explain.render,
    "errors.md": error_reference.render,
    "metrics.md": metric_reference.render,
    "api.md": api_reference.render,
}


def main(arguments: list[str], folder: Path = REFERENCE) -> int:
    """0 if all is done or current, 1 if a page is stale, 2 if the arguments make no sense."""
    if arguments not in ([], ["--check"]):
        print(__doc__, file=sys.stderr)
        return 2
    stale = [name for name, render in PAGES.items() if _read(folder / name) != render()]
    for name in stale:
        if arguments:
            print(f"{name} is stale: run `make docs`", file=sys.stderr)
        else:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(PAGES[name](), encoding="utf-8")
            print(f"wrote {name}")
    return 1 if arguments and stale else 0


def _read(page: Path) -> str | None:
    return page.read_text(encoding="utf-8") if page.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
