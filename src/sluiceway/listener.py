"""The listening socket: opened once, shared among processes, and closed without a reset for anyone."""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import struct
import sys

# What the kernel may hold of connections that are not accepted yet; bursts of some thousand clients are usual.
BACKLOG = 4096

# How long accepting goes on after the last new connection was let in: a client that had our SYN-ACK when the
# door closed answers within a round trip, and takes itself for connected.
HANDSHAKE_S = 0.25

_SO_ATTACH_FILTER = 26  # asm-generic/socket.h; the socket module does not name it

# Classic BPF over the TCP header: flags = byte 13; SYN without ACK is dropped, all else passes.
_DROP_SYN = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, 13),  # ldb [13]
        (0x54, 0, 0, 0x12),  # and #(SYN | ACK)
        (0x15, 0, 1, 0x02),  # jeq #SYN, next, the one after
        (0x06, 0, 0, 0),  # ret #0: drop
        (0x06, 0, 0, 0xFFFFFFFF),  # ret #-1: pass
    )
)


def listen(host: str, port: int) -> socket.socket:
    """Open the port (0: any free one), so that a taken one is known before anything starts. Raises `OSError`."""
    return _open(host, port, reuse_port=False)


def listen_for(workers: int, host: str, port: int) -> list[socket.socket]:
    """One socket for each of several processes, all on the same port. Raises `OSError`.

    With SO_REUSEPORT the kernel spreads connections evenly (by a hash of their addresses). One socket that
    all accept from leaves that to who wakes first, and a burst goes to one process almost whole: of 400
    streams over four workers, 380 to one. Streams last, so that matters. Whoever opened the sockets must keep
    them open, since the connections that wait in one of them are reset when its last holder closes it.
    """
    if sys.platform != "linux":  # elsewhere the option does not spread
        return [listen(host, port)] * workers
    # Without the option first: with it, another gateway on this port would not be noticed.
    with listen(host, port) as first:
        port = first.getsockname()[1]
    return [_open(host, port, reuse_port=True) for _ in range(workers)]


def _open(host: str, port: int, *, reuse_port: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server(
        (host, port), family=family, backlog=BACKLOG, reuse_port=reuse_port, dualstack_ipv6=host == "::"
    )


def let_nobody_in(fileno: int) -> None:
    """Ignore new connections from now on, in every process that holds this socket; those whose handshake has
    begun still come, and have to be accepted for `HANDSHAKE_S` before it is closed.

    Closing alone resets connections that the kernel has completed and nobody has accepted, and those in the
    middle of their handshake. Clients that are ignored ask again after a second and are refused. Only Linux
    can do it; elsewhere a connection that comes in the very moment of closing is reset.
    """
    if sys.platform != "linux":
        return
    program = ctypes.create_string_buffer(_DROP_SYN)
    option = struct.pack("HL", len(_DROP_SYN) // 8, ctypes.addressof(program))  # struct sock_fprog
    with (
        contextlib.suppress(OSError),  # a sandbox may forbid it
        socket.socket(fileno=os.dup(fileno)) as listener,
    ):
        listener.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, option)
