"""The table of faults: found by name, documented, and each of them tested."""

from __future__ import annotations

from pathlib import Path

import pytest

from sluiceway.errors import InvalidRequest
from sluiceway.mock.faults import FAULTS, find_fault, reference_table
from sluiceway.mock.faults.base import settings_with
from sluiceway.mock.settings import MockSettings


def test_a_fault_is_found_with_its_argument_or_its_default() -> None:
    assert find_fault("rst") == (FAULTS["rst"], -1)
    assert find_fault("rst:3") == (FAULTS["rst"], 3.0)
    assert find_fault("slow-headers") == (FAULTS["slow-headers"], 5.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rts", "No fault is called 'rts'; did you mean 'rst'"),
        ("", "No fault is called ''; there are 1xx, bad-json"),
        ("rst:", "takes a number of events, as in rst:3, not ''"),
        ("rst:x", "takes a number of events"),
        ("stall:-1", "takes a number of seconds"),
        ("stall:nan", "takes a number of seconds"),
        ("stall:1e9", "takes a number of seconds"),
        ("crlf:1", "The fault 'crlf' takes no argument"),
    ],
)
def test_a_fault_that_cannot_be_had_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        find_fault(text)
    assert caught.value.param == "fault"


def test_a_faults_own_settings_yield_to_those_of_the_request() -> None:
    fault = FAULTS["comments"]
    assert settings_with(MockSettings(), fault).ttft == 1.0
    assert settings_with(MockSettings(ttft=0.2), fault).ttft == 0.2


def test_every_fault_says_what_happens_and_what_a_good_client_does() -> None:
    for name, fault in FAULTS.items():
        assert fault.name == name
        assert fault.what.endswith(".")
        assert fault.expect.endswith(".")
        assert "|" not in fault.what + fault.expect
        assert f"| `{name}" in reference_table()


def test_every_fault_is_tested_by_name() -> None:
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob("test_mock_faults_*.py"))
    framed = ("crlf", "cr", "gzip", "deflate", "eof", "eof-mid-event")
    for name in FAULTS:
        assert f"fault-{name}" in tests or f"fault={name}" in tests or name in framed, name
