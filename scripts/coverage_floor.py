"""Coverage by module: print the weakest, and fail if one is below the floor.

    python scripts/coverage_floor.py .coverage.json

A total hides the one module that nobody tests; so the floor holds for each.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FLOOR_PERCENT = 80.0
SHOWN = 8


def main(report: Path) -> int:
    """0 if every module reaches the floor."""
    files = json.loads(report.read_text())["files"]
    rows = sorted((data["summary"]["percent_covered"], name) for name, data in files.items())
    print(f"least covered modules (floor {FLOOR_PERCENT:g} % each):")
    for percent, name in rows[:SHOWN]:
        print(f"  {percent:5.1f} %  {name}")
    low = [name for percent, name in rows if percent < FLOOR_PERCENT]
    if low:
        print(f"below the floor: {', '.join(low)}", file=sys.stderr)
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
