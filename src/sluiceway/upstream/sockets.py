"""Connected TCP sockets, by name."""

from __future__ import annotations

import asyncio
import socket

import aiohappyeyeballs

# RFC 8305 section 5: how long one address may take before the next is tried beside it.
HAPPY_EYEBALLS_S = 0.25

# A model may think for many minutes without a byte, longer than some NATs and firewalls remember a silent
# connection (AWS's NAT gateway: 350 s). Probes keep it known, and find out if the other side is gone.
TCP_KEEPALIVE_S = 60


async def open_socket(host: str, port: int) -> socket.socket:
    """A connected TCP socket. Addresses race as in RFC 8305: uvloop's own `create_connection` tries them in turn."""
    infos = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    try:
        sock = await aiohappyeyeballs.start_connection(infos, happy_eyeballs_delay=HAPPY_EYEBALLS_S)
    except RuntimeError as error:  # uvloop's, for some addresses that can't be
        raise OSError(str(error)) from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):  # Linux, macOS, both
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), TCP_KEEPALIVE_S)
    return sock
