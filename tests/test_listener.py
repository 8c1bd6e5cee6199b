"""The listening socket: one or several on a port, and closing it without a reset."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from sluiceway.listener import let_nobody_in, listen, listen_for

HOST = "127.0.0.1"


def connect(port: int, timeout_s: float = 30.0) -> socket.socket:
    return socket.create_connection((HOST, port), timeout=timeout_s)


def test_several_sockets_share_a_port_and_its_connections() -> None:
    listeners = listen_for(2, HOST, 0)
    ports = {listener.getsockname()[1] for listener in listeners}
    assert len(ports) == 1
    counts = dict.fromkeys(map(id, listeners), 0)
    clients = [connect(*ports) for _ in range(64)]
    for listener in listeners:
        listener.setblocking(False)
        try:
            while True:
                listener.accept()[0].close()
                counts[id(listener)] += 1
        except BlockingIOError:
            listener.close()
    for client in clients:
        client.close()
    assert sum(counts.values()) == 64
    if sys.platform == "linux":
        assert min(counts.values()) >= 10  # fewer: once in a hundred million times


@pytest.mark.parametrize("workers", [1, 2])
def test_a_port_that_is_taken_is_noticed_also_if_it_is_shared(workers: int) -> None:
    listeners = listen_for(workers, HOST, 0)
    port = listeners[0].getsockname()[1]
    for count in (1, 2):
        with pytest.raises(OSError, match="in use"):
            listen_for(count, HOST, port)
    with pytest.raises(OSError, match="in use"):
        listen(HOST, port)
    for listener in listeners:
        listener.close()


def test_nobody_comes_in_any_more_and_who_is_in_stays() -> None:
    with listen(HOST, 0) as listener:
        port = listener.getsockname()[1]
        with connect(port) as early:
            let_nobody_in(listener.fileno())
            accepted, _ = listener.accept()
            early.sendall(b"hello")
            assert accepted.recv(5) == b"hello"
            accepted.close()
        if sys.platform == "linux":
            with pytest.raises(TimeoutError):
                connect(port, timeout_s=0.2)


def test_who_comes_too_late_is_refused_and_not_reset() -> None:
    listener = listen(HOST, 0)
    port = listener.getsockname()[1]
    let_nobody_in(listener.fileno())
    closing = threading.Timer(0.2, listener.close)
    closing.start()
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    closing.join()


def test_a_socket_that_takes_no_filter_is_left_as_it_is() -> None:
    one, other = socket.socketpair()
    with one, other:
        let_nobody_in(one.fileno())


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "::"])
def test_either_family_is_listened_on(host: str) -> None:
    with listen(host, 0) as listener:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        with socket.socket(family) as client:
            client.connect(("::1" if ":" in host else host, listener.getsockname()[1]))
