"""The pictures of the documentation are those that the script takes, and are not too heavy for a page."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest
from loaded_scripts import loaded
from PIL import Image

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
MOST_BYTES = 1_500_000
_SHOWN = re.compile(r"""(?:!\[[^\]]*\]\(|src=["'])([^)"']+/pictures/[^)"']+)""")


@pytest.fixture
def script() -> ModuleType:
    return loaded("pictures")


def test_each_picture_that_a_page_shows_is_taken_by_the_script_and_no_other_is(script: ModuleType) -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    shown = {
        (page.parent / target).resolve()
        for page in pages
        for target in _SHOWN.findall(page.read_text(encoding="utf-8"))
    }
    taken = {PICTURES / name for name in script.TAKEN}
    assert shown == taken == set(PICTURES.iterdir())


def test_the_pictures_are_pictures_and_light_together() -> None:
    files = list(PICTURES.iterdir())
    for file in files:
        with Image.open(file) as picture:
            picture.verify()
    assert 0 < sum(file.stat().st_size for file in files) < MOST_BYTES


def test_a_picture_that_is_not_known_is_named_with_those_that_are(
    script: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["forming.jpg"]) == 2
    assert "there is no forming.jpg; there are streams.webp" in capsys.readouterr().err
