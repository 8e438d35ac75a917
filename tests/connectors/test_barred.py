"""Names of the settings that lead where nothing of ours may go: said by DNS, proxies or a stolen name."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from connectors.barred import Barred, barred, check
from connectors.calls import VendorAnswer, not_now, vendor_session
from connectors.site import SiteSettings


@pytest.mark.parametrize(
    ("address", "host", "why"),
    [
        ("169.254.169.254", "acme.example", "a cloud's metadata"),
        ("::ffff:169.254.169.254", "acme.example", "the same in IPv6's clothes"),
        ("fd00:ec2::254", "acme.example", "a cloud's metadata in IPv6"),
        ("fe80::1%eth0", "acme.example", "link-local"),
        ("127.0.0.1", "acme.example", "this machine, by a public name"),
        ("::1", "acme.example", "this machine, by a public name"),
        ("0.0.0.0", "acme.example", "nobody's"),
        ("224.0.0.1", "acme.example", "everybody's"),
        ("169.254.169.254", "169.254.169.254", "also if the settings say so themselves"),
    ],
)
def test_some_addresses_are_never_spoken_to(address: str, host: str, why: str) -> None:
    assert barred(address, host), why


@pytest.mark.parametrize(
    ("address", "host", "why"),
    [
        ("104.16.51.111", "acme.example", "a public one"),
        ("10.1.2.3", "jira.acme.example", "Data Center in a network of one's own"),
        ("fd12:3456::7", "jira.acme.example", "the same in IPv6"),
        ("127.0.0.1", "127.0.0.1", "a sandbox"),
        ("::1", "localhost", "a sandbox"),
    ],
)
def test_others_are(address: str, host: str, why: str) -> None:
    assert barred(address, host) is None, why


@pytest.fixture
def listener() -> Iterator[tuple[int, list[bytes]]]:
    """Something on this machine that a stranger's name leads to; what it was told."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(5)

        def listen() -> None:
            opened, _ = server.accept()
            with opened, contextlib.suppress(ConnectionError):  # who hangs up at once has said nothing
                heard.append(opened.recv(1000))

        thread = threading.Thread(target=listen)
        thread.start()
        yield server.getsockname()[1], heard
        thread.join()


def test_where_a_vendors_answer_points_nobody_goes() -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.5)

        def answer() -> None:
            with contextlib.suppress(TimeoutError):
                while True:
                    opened, _ = server.accept()
                    with opened:
                        asked.append(opened.recv(4000).partition(b" HTTP")[0])
                        opened.sendall(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        with vendor_session(SiteSettings(vendor="desk", url=address)) as session, pytest.raises(VendorAnswer) as caught:
            session.get(f"{address}/here", timeout=5)
        thread.join()
    assert (caught.value.status, asked) == (302, [b"GET /here"])


def test_a_name_that_leads_to_this_machine_is_not_told_a_word(listener: tuple[int, list[bytes]]) -> None:
    port, heard = listener
    opened = socket.create_connection(("127.0.0.1", port))
    with pytest.raises(Barred, match=r"acme\.example leads to this machine itself; nothing was sent"):
        check(opened, "acme.example")
    assert opened.fileno() == -1
    assert heard in ([], [b""])


def test_a_vendors_session_asks_before_it_speaks(listener: tuple[int, list[bytes]], tmp_path: Path) -> None:
    """A host that resolves to this machine, and is no address of loopback as the settings know them."""
    port, heard = listener
    session = vendor_session(SiteSettings(vendor="desk", url="https://acme.example"))
    with session, pytest.raises(requests.ConnectionError) as caught:
        session.get(f"http://127.1:{port}/", timeout=5)
    later = not_now(caught.value)
    assert later is not None
    assert not later.sent
    assert heard in ([], [b""])
