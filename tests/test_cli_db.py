"""`sluiceway db`: bringing a database up to date, telling how it stands, and errors in words."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sluiceway.cli_db import db_app
from sluiceway.observe.record import Record
from sluiceway.store.inserting import Inserter
from sluiceway.store.opening import Store
from sluiceway.store.spill import Spill
from sluiceway.store.tables import HEAD

ONE = Record(request_id="req_1", started=1_767_268_800.0, method="GET", path="/v1/models", outcome="ok")


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SLUICEWAY_CONFIG", raising=False)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(db_app, arguments)


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert done.exit_code == 2
    assert done.stdout == "" or arguments[0] == "status"
    return done.stderr


def test_upgrade_makes_the_tables_once(tmp_path: Path) -> None:
    assert run("upgrade").stdout == f"sqlite:///{tmp_path}/sluiceway.db was empty, is at {HEAD} now\n"
    assert run("upgrade").stdout == f"sqlite:///{tmp_path}/sluiceway.db is at {HEAD} already\n"


def test_the_database_is_the_one_that_the_configuration_names(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    (folder / "gateway.toml").write_text(
        '[store]\nurl = "sqlite:///mine.db"\n[[upstreams]]\nname = "a"\napi_keys = ["env:NOT_IN_THIS_SHELL"]\n'
    )
    assert run("upgrade", "--config", "etc/gateway.toml").exit_code == 0
    assert (folder / "mine.db").exists()


def test_status_tells_what_is_there_and_what_waits(tmp_path: Path) -> None:
    run("upgrade")
    spill = Spill(tmp_path / "sluiceway-spill", 10_000)
    spill.append([ONE])
    spill.close()
    with closing(Store(f"sqlite:///{tmp_path}/sluiceway.db")) as store:
        Inserter(store).write([ONE])
    moment = "2026-01-01 12:00:00+00:00"
    assert run("status").stdout.splitlines() == [
        f"{Spill(tmp_path / 'sluiceway-spill', 0).used_bytes:,} bytes wait in {tmp_path}/sluiceway-spill",
        f"sqlite:///{tmp_path}/sluiceway.db is at {HEAD}, this program needs {HEAD}",
        f"1 records, from {moment} to {moment}",
        "0 requests with bodies, 0 bytes",
    ]


def test_status_of_nothing_makes_nothing(tmp_path: Path) -> None:
    assert "sluiceway.db: there is no such file" in refused("status")
    assert list(tmp_path.iterdir()) == []


def test_an_empty_database_is_told_from_one_with_tables() -> None:
    Path("sluiceway.db").touch()
    done = run("status")
    assert done.exit_code == 0
    assert "is at no version" in done.stdout
    assert "records" not in done.stdout


def test_where_nothing_is_kept_there_is_nothing_to_do() -> None:
    Path("sluiceway.toml").write_text('[store]\nurl = ""\n')
    assert "store.url is empty, so nothing is kept" in refused("upgrade")


def test_mistakes_are_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("sluiceway.toml").write_text('[store]\nurl = "postgresql://u:secret@127.0.0.1:1/db"\n')
    told = refused("upgrade")
    assert "refused" in told
    assert "secret" not in told
    with monkeypatch.context() as patched:
        patched.setitem(sys.modules, "psycopg", None)
        assert 'pip install "sluiceway[postgres]"' in refused("status")
    assert " bytes wait in " in run("status").stdout, "which is known while the database is away"
    Path("sluiceway.toml").write_text("[store]\nurl = 1\n")
    assert "store.url" in refused("upgrade")
    assert "can't be read" in refused("upgrade", "--config", "absent.toml")
