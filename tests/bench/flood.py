"""`python tests/bench/flood.py`: genuine deliveries at 20/s, alone and while strangers storm the same door.

50 senders that trickle, forged deliveries as fast as four callers get answers, and requests that are too large.
"""

from __future__ import annotations

import collections
import shutil
import socket
import sys
import tempfile
import threading
from pathlib import Path

import report
from messages import request
from trials import Bench, Outcome, percentile
from wire import dial, status_of

from adapter.settings import Server, Worker

SLOW, FORGERS, RATE, COUNT = 50, 4, 20, 120
_START = b"POST /webhooks/zendesk/bench HTTP/1.1\r\nHost: here\r\n"
_OVERSIZED = (
    _START + b"Content-Length: 50000000\r\n\r\n",
    _START + b"X-Long: " + b"a" * 40_000 + b"\r\n\r\n",
)


class Strangers:
    """Everybody at the door who is no vendor, each in a thread; `answers` counts what they were told."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._gone = threading.Event()
        self.answers: collections.Counter[int] = collections.Counter()
        forged = request(1).replace(b"Signature: ", b"Signature: x", 1)
        crowd = [self._trickle] * SLOW + [lambda: self._storm(forged)] * FORGERS
        crowd += [lambda data=data: self._storm(data) for data in _OVERSIZED]
        self._threads = [threading.Thread(target=stranger, daemon=True) for stranger in crowd]

    def __enter__(self) -> Strangers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._gone.set()
        for thread in self._threads:
            thread.join()

    def _trickle(self) -> None:
        while not self._gone.is_set():
            try:
                with socket.create_connection(self._address, timeout=5) as opened:
                    opened.sendall(_START + b"Content-Length: 2000\r\n\r\n")
                    while not self._gone.wait(1):
                        opened.sendall(b"{")
            except OSError:  # hung up on: come again
                self._gone.wait(0.2)

    def _storm(self, data: bytes) -> None:
        while not self._gone.is_set():
            try:
                connection = dial(self._address, 5)
                connection.send(data)
                self.answers[status_of(connection.receive()[0])] += 1
                connection.close()
            except OSError:
                self.answers[0] += 1


def row(name: str, outcome: Outcome) -> str:
    """Return a line of the table; a time is from when the delivery was due."""
    times = [1000 * (one[3] - one[1]) for one in outcome.rows]
    thanked = sum(one[4] in (200, 202) for one in outcome.rows)
    return f"| {name} | {thanked} of {COUNT} | {percentile(times, 50):.1f} ms | {percentile(times, 99):.1f} ms |"


def main() -> int:
    """Measure and print."""
    folder = Path(tempfile.mkdtemp(prefix="flood-", dir=report.working_folder()))
    bench = Bench(folder, server=Server().threads, worker=Worker().threads)
    try:
        receiver = bench.stepladder(bench.place())
        try:
            bench.receive(receiver, 40, rate=RATE)
            calm = bench.receive(receiver, COUNT, rate=RATE)
            with Strangers(receiver.address) as strangers:
                storm = bench.receive(receiver, COUNT, rate=RATE)
        finally:
            receiver.stop()
    finally:
        bench.close()
        shutil.rmtree(folder, ignore_errors=True)
    print("| genuine deliveries at 20/s | thanked | p50 | p99 |\n|---|---|---|---|")
    print(row("alone", calm))
    print(row("in the storm", storm))
    told = ", ".join(f"{count} × {status or 'no answer'}" for status, count in sorted(strangers.answers.items()))
    print(f"\nThe strangers were told: {told}; {SLOW} more trickled.")
    return 0 if all(one[4] in (200, 202, 503) for one in storm.rows) else 1


if __name__ == "__main__":
    sys.exit(main())
