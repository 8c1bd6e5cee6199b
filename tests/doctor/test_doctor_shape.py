"""Findings are pure: only the client and the examination do I/O."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import sluiceway.doctor

FOLDER = Path(sluiceway.doctor.__file__).parent
IO = {"client.py", "examine.py"}
PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "doctor.md"


def test_nothing_but_the_client_and_the_examination_does_io() -> None:
    for path in FOLDER.glob("*.py"):
        if path.name not in IO:
            imported = {
                name
                for node in ast.walk(ast.parse(path.read_text()))
                for name in (
                    [alias.name for alias in node.names]
                    if isinstance(node, ast.Import)
                    else [node.module or ""]
                    if isinstance(node, ast.ImportFrom)
                    else []
                )
            }
            assert not imported & {"asyncio", "socket", "ssl", "time", "os", "sluiceway.doctor.client"}, (
                path.name
            )


def test_the_findings_on_the_page_are_those_of_the_code() -> None:
    from_code = {
        code for path in FOLDER.glob("*.py") for code in re.findall(r'code="([\w-]+)"', path.read_text())
    }
    rows = re.findall(r"^\| (`.+?`) \| ", PAGE.read_text(), re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([\w-]+)`", row)} == from_code
