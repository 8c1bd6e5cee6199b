"""A real nginx for tests: the site file of `deploy/`, with other addresses, on free ports, not as root."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import trustme

STARTS_WITHIN_S = 30.0
SITE = Path(__file__).parents[2] / "deploy" / "nginx" / "sluiceway.conf"

# Off the path of those who are not root, where Debian puts it.
_PLACES = (*os.environ.get("PATH", "").split(os.pathsep), "/usr/sbin", "/usr/local/sbin")

# What surrounds a site file in Debian's nginx.conf, without what needs root. Its `http` leaves gzip on, as Debian's.
_AROUND = """
daemon off;
worker_processes 1;
pid nginx.pid;
error_log error.log info;
events {{ worker_connections 256; }}
http {{
    gzip on;
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
{site}
}}
"""


class NginxServer:
    """`url`: the public address, by TLS. `trust`: what believes its certificate; `ca_file` is the same as a file."""

    def __init__(self, port: int, trust: ssl.SSLContext, ca_file: Path, folder: Path) -> None:
        self.port = port
        self.url = f"https://localhost:{port}"
        self.trust = trust
        self.ca_file = ca_file
        self._folder = folder

    def log(self) -> str:
        """What it had to complain about."""
        return (self._folder / "error.log").read_text()

    def access_log(self) -> str:
        """Who asked for what."""
        return (self._folder / "access.log").read_text()


def site_file(changes: Mapping[str, str]) -> str:
    """The site file with these lines, or parts of lines, replaced; each has to be there."""
    site = SITE.read_text()
    for old, new in changes.items():
        assert old in site, f"{old!r} is not in {SITE.name}"
        site = site.replace(old, new)
    return site


@contextmanager
def running_nginx(
    gateway_port: int, changes: Mapping[str, str] | None = None, *, more: str = ""
) -> Iterator[NginxServer]:
    """nginx with the site file in front of a gateway, while the body runs.

    `changes`: lines of the site file, or parts of them, and what stands there instead. `more`: other servers beside
    it; `{folder}` in either is where `site.pem` and `site.key` are.
    """
    with tempfile.TemporaryDirectory(prefix="sluiceway-nginx-") as name:
        folder = Path(name)
        port, plain_port = free_port(), free_port()
        ca = trustme.CA()
        ca_file = folder / "ca.pem"
        ca.cert_pem.write_to_path(ca_file)
        certificate = ca.issue_cert("localhost")
        certificate.private_key_pem.write_to_path(folder / "site.key")
        for number, part in enumerate(certificate.cert_chain_pems):
            part.write_to_path(folder / "site.pem", append=number > 0)
        own = {
            "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
            "listen 80;": f"listen 127.0.0.1:{plain_port};",
            "    listen [::]:443 ssl http2;\n": "",
            "    listen [::]:80;\n": "",
            "server_name ai.example.com;": "server_name localhost;",
            "/etc/letsencrypt/live/ai.example.com/fullchain.pem": f"{folder}/site.pem",
            "/etc/letsencrypt/live/ai.example.com/privkey.pem": f"{folder}/site.key",
            "/var/log/nginx/sluiceway.log": f"{folder}/access.log",
        }
        wanted = {old: new.replace("{folder}", name) for old, new in (changes or {}).items()}
        own |= {"server 127.0.0.1:8787;": f"server 127.0.0.1:{gateway_port};"}
        site = site_file({**{old: new for old, new in own.items() if old not in wanted}, **wanted})
        (folder / "nginx.conf").write_text(_AROUND.format(site=site + more.replace("{folder}", str(folder))))
        as_user = _as_user(folder)
        with (folder / "stderr.log").open("wb") as stderr:
            process = subprocess.Popen(
                [*as_user, _program(), "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"],
                cwd=folder,
                stderr=stderr,
            )
        try:
            _wait_until_it_answers(process, port, folder)
            yield NginxServer(port, ssl.create_default_context(cafile=ca_file), ca_file, folder)
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """One that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def uncommented(*directives: str) -> dict[str, str]:
    """Changes that take the `#` from these directives of the site file; each has to be there."""
    changes = {}
    for name in directives:
        found = re.search(rf"^ *# ({re.escape(name)} .*;)$", SITE.read_text(), re.MULTILINE)
        assert found is not None, f"{name!r} is not in {SITE.name}"
        changes[found[0]] = found[1]
    return changes


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline, "nginx does not answer"
            time.sleep(0.02)


def _program() -> str:
    program = shutil.which("nginx", path=os.pathsep.join(_PLACES))
    assert program is not None, "tests of the way through nginx need nginx installed"
    return program


def _as_user(folder: Path) -> tuple[str, ...]:
    """As root, somebody else, to whom the folder is given: a site file must not need root."""
    if os.getuid() != 0:
        return ()
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.iterdir()):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
    return ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups")
