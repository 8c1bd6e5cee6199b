"""The shape of the source tree: what is pure stays pure, and every file says what it is for."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).parents[1] / "src"
PACKAGE = SRC / "sluiceway"
MODULES = sorted(PACKAGE.rglob("*.py"))

PURE = ("wire", "dialects", "policy", "translate")

# Of our own code, what pure modules may build on: each other, and values.
VALUES = (
    "errors",
    "config.kinds",
    "config.settings",
    "config.key_settings",
    "config.observe_settings",
    "config.server_settings",
    "config.stream_settings",
    "config.upstream_settings",
    "config.problems",
    "config.values",
)
PURE_MAY_IMPORT = (*(f"sluiceway.{name}" for name in PURE), *(f"sluiceway.{name}" for name in VALUES))

# Loops, sockets, files, processes, clocks and logs: whatever a test could not decide by its input alone.
IMPURE = frozenset(
    {
        "asyncio", "concurrent", "fcntl", "ftplib", "glob", "io", "logging", "mmap", "multiprocessing", "os",
        "pathlib", "select", "selectors", "shutil", "signal", "socket", "socketserver", "sqlite3", "ssl",
        "redis", "subprocess", "tempfile", "threading", "time", "watchfiles", "http.client", "http.server",
        "urllib.request", "aiohappyeyeballs", "anyio", "httptools", "python_socks", "rich", "structlog",
        "typer", "uvicorn", "uvloop",
    }
)  # fmt: skip
IMPURE_CALLS = frozenset({"open", "print", "input", "breakpoint", "__import__"})


def named(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(module: ast.Module) -> Iterator[str]:
    """Every module that is imported, and every name as if it were one: `from a import b` gives `a.b`."""
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, packages: tuple[str, ...] | frozenset[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def pure_modules() -> list[Path]:
    return [path for path in MODULES if path.relative_to(PACKAGE).parts[0] in PURE]


@pytest.mark.parametrize("path", pure_modules(), ids=named)
def test_pure_modules_import_nothing_that_does_io(path: Path) -> None:
    names = list(imported(tree(path)))
    assert [name for name in names if is_within(name, IMPURE)] == []
    ours = [name for name in names if is_within(name, ("sluiceway",))]
    assert [name for name in ours if not is_within(name, PURE_MAY_IMPORT)] == []


@pytest.mark.parametrize("path", pure_modules(), ids=named)
def test_pure_modules_await_nothing_and_call_nothing_that_does_io(path: Path) -> None:
    for node in ast.walk(tree(path)):
        assert not isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncFor | ast.AsyncWith), (
            node.lineno
        )
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in IMPURE_CALLS, node.lineno


def test_what_pure_modules_build_on_is_pure_itself() -> None:
    for name in VALUES:
        path = PACKAGE.joinpath(*name.split(".")).with_suffix(".py")
        names = list(imported(tree(path)))
        assert [one for one in names if is_within(one, IMPURE)] == [], path
        ours = [one for one in names if is_within(one, ("sluiceway",))]
        assert [one for one in ours if not is_within(one, PURE_MAY_IMPORT)] == [], path


def test_the_relay_decides_without_a_loop() -> None:
    """Only the sinks may know asyncio; everything else in `relay` is told the time and what happened."""
    for path in (PACKAGE / "relay").glob("*.py"):
        if path.name != "sinks.py":
            names = list(imported(tree(path)))
            assert [name for name in names if is_within(name, ("asyncio", "socket", "time"))] == [], path


@pytest.mark.parametrize("path", MODULES, ids=named)
def test_every_module_says_what_it_is_for(path: Path) -> None:
    assert ast.get_docstring(tree(path)), "a module begins with the question that it answers"


def test_importing_the_package_starts_nothing() -> None:
    """`sluiceway/__init__.py` holds its version alone, so that tools can read it without dependencies."""
    assert list(imported(tree(PACKAGE / "__init__.py"))) == []
