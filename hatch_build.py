"""Building the package builds the console's pages first; `SLUICEWAY_SKIP_WEB=1` makes a package without them.

Node is a requirement of the build only where the pages have to be built and the machine has no Node that will do.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebBuildHook(BuildHookInterface):  # type: ignore[type-arg,misc]
    """See the module."""

    def dependencies(self) -> list[str]:
        """What the build needs from PyPI besides hatchling."""
        builder = _builder(self.root)
        if _skipped() or builder.is_current(Path(self.root)) or builder.find_node():
            return []
        return [builder.NODE_FROM_PYPI]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before anything is packed."""
        if _skipped():
            self.app.display_warning("SLUICEWAY_SKIP_WEB=1: the package comes without the console's pages")
            return
        builder = _builder(self.root)
        try:
            builder.build(Path(self.root))
        except (builder.CannotBuild, subprocess.CalledProcessError, OSError) as error:
            # Who works on the gateway need not have the console; who gets a package must not lack it unknowingly.
            if version != "editable":
                raise
            self.app.display_warning(f"the console's pages were not built, `make web` does that: {error}")


def _skipped() -> bool:
    return os.environ.get("SLUICEWAY_SKIP_WEB", "") not in ("", "0")


def _builder(root: str) -> ModuleType:
    """`scripts/build_web.py`, which is no package."""
    spec = importlib.util.spec_from_file_location("build_web", Path(root) / "scripts" / "build_web.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
