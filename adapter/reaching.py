"""Asking an address of the settings: one GET with an end in any case; no proxy, no redirect, nothing of ~/.netrc."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import SplitResult, quote

import certifi

from adapter.deadline import Deadline
from connectors import barred


def get(url: SplitResult, headers: Mapping[str, str], seconds: float, most: int) -> tuple[int, bytes]:
    """Ask once; return the status, and of a good answer up to so many bytes. Raises OSError or HTTPException."""
    query = f"?{url.query}" if url.query else ""
    aim = quote(f"{url.path or '/'}{query}", safe="!$%&'()*+,/:;=?@[]~")
    with closing(_connection(url, seconds)) as connection:
        connection.connect()
        opened = connection.sock
        barred.check(opened, url.hostname or "")
        with Deadline(seconds, lambda: opened):
            connection.request("GET", aim, headers={"User-Agent": "Stepladder", **headers})
            with connection.getresponse() as answer:
                return answer.status, answer.read(most) if answer.status == http.client.OK else b""


def _connection(url: SplitResult, timeout: float) -> http.client.HTTPConnection:
    host = url.hostname or ""
    if url.scheme == "https":
        trust = ssl.create_default_context(cafile=certifi.where())
        return http.client.HTTPSConnection(host, url.port, timeout=timeout, context=trust)
    return http.client.HTTPConnection(host, url.port, timeout=timeout)
