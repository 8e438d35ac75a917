"""`make fuzz`: whatever bytes and headers come, every vendor's reader answers or says no in one of the agreed ways.

    python tests/bench/fuzzing.py [VENDOR …] [--seconds N] [--corpus FOLDER]

Guided by coverage (atheris). It begins with the vendor's own samples, and signs what it makes up, so that it gets past
the door. Anything but BadSignature, TryLater or Unreadable is a crash: it is printed with the bytes, and the exit code
is not 0. A vendor has a process of its own.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
NOW = datetime(2027, 3, 1, 9, tzinfo=UTC)
SEPARATOR = b"\x00\x00"
"""Between the body and a header's value that is made up."""
HEADERS = (
    "x-hub-signature",
    "x-zendesk-webhook-signature-timestamp",
    "authorization",
    "x-atlassian-webhook-identifier",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("vendors", nargs="*")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--corpus", type=Path, default=None)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.here:
        return fuzz(wanted.vendors[0], wanted.seconds, wanted.corpus)
    from connectors import discover

    worst = 0
    for vendor in wanted.vendors or discover():
        with tempfile.TemporaryDirectory(prefix="stepladder-fuzz-") as folder:
            corpus = planted((wanted.corpus or Path(folder)) / vendor, vendor)
            command = [sys.executable, __file__, vendor, "--seconds", str(wanted.seconds), "--corpus", str(corpus)]
            print(f"{vendor}: {wanted.seconds} s, beginning with {len(list(corpus.iterdir()))} deliveries", flush=True)
            done = subprocess.run([*command, "--here"], check=False, cwd=folder, stderr=subprocess.PIPE, text=True)
            tried = re.search(r"number_of_executed_units: (\d+)", done.stderr)
            if done.returncode or tried is None:
                print(done.stderr[-6000:])
                worst = 1
            else:
                print(f"{vendor}: {int(tried[1]):,} deliveries made up, nothing found", flush=True)
    return worst


def planted(corpus: Path, vendor: str) -> Path:
    """Put the vendor's samples where the fuzzer begins."""
    corpus.mkdir(parents=True, exist_ok=True)
    for sample in (ROOT / "connectors" / vendor / "samples").glob("*.json"):
        told = json.loads(sample.read_text("utf-8"))
        body = told.get("body")
        written = body if isinstance(body, str) else json.dumps(body)
        (corpus / sample.stem).write_bytes(written.encode())
    return corpus


def fuzz(vendor: str, seconds: int, corpus: Path) -> int:
    """Make up deliveries for one vendor until the time is over or something breaks."""
    import atheris

    with atheris.instrument_imports(include=["connectors", "policies.model"]):
        connector = importlib.import_module(f"connectors.{vendor}").CONNECTOR
    reads = reader(vendor, connector)
    told = [f"-max_total_time={seconds}", "-max_len=60000", "-timeout=5", "-rss_limit_mb=2048", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *told, str(corpus)], reads)
    atheris.Fuzz()
    return 0


def reader(vendor: str, connector: Any) -> Callable[[bytes], None]:
    """Return what takes one made-up delivery through all that happens to it before anything is decided."""
    from pydantic import SecretStr

    from connectors.contract import BadSignature, Delivery, TryLater, Unreadable
    from connectors.site import Site

    sandbox = importlib.import_module(f"connectors.{vendor}.sandbox")
    secrets = {"webhook_secrets": ["a secret that nobody else knows"]}
    known = tuple(map(SecretStr, secrets["webhook_secrets"]))
    settings = connector.settings.model_construct(url="https://127.0.0.1", webhook_secrets=known)
    site = Site(name="acme", settings=settings, account="9000")
    agreed = (BadSignature, TryLater, Unreadable)

    def reads(data: bytes) -> None:
        body, _, odd = data.partition(SEPARATOR)
        strange = odd.decode("latin-1")
        for headers in (sandbox.sign(body, secrets, NOW), dict.fromkeys(HEADERS, strange)):
            lower = {name.lower(): value for name, value in headers.items()}
            delivery = Delivery(
                vendor=vendor, site="acme", body=body, received_at=NOW, headers=lower, query=strange[:200]
            )
            for step in (connector.verify, connector.delivery_id, connector.tickets):
                try:
                    found = step(*_arguments(step, connector, delivery, site))
                except agreed:
                    continue
                if step is connector.tickets:
                    _read(connector, delivery, site, found, agreed)

    return reads


def _arguments(step: object, connector: Any, delivery: Any, site: Any) -> tuple[Any, ...]:
    if step is connector.verify:
        return delivery, site.settings, NOW
    return (delivery,) if step is connector.delivery_id else (delivery, site)


def _read(connector: Any, delivery: Any, site: Any, refs: Any, agreed: tuple[type[Exception], ...]) -> None:
    for ref in refs:
        try:
            for event in connector.read(delivery, site, ref):
                assert event.ticket is None or event.ticket.ref == ref, "an event tells of another ticket"
        except agreed:
            continue


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code) if "--here" in sys.argv else sys.exit(code)
