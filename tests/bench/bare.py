"""What a careful person writes in an hour: verify, parse, write inline, forget. A restart loses what is under way.

The same server and threads as Stepladder's, so that the ratio says what durability, deciding and order cost.

    python bare.py PORT THREADS VENDOR-URL BUNDLE
"""

from __future__ import annotations

import hmac
import json
import sys
import threading

import requests
from flask import Flask, Response, jsonify, request
from messages import PATH, signature

from adapter.settings import Server
from adapter.web.server import listen, make_server

NOTE = (
    "<p><strong>Escalated to Specialist</strong></p><p>An urgent ticket. Please take it by 10:00.</p>" + "<p>…</p>" * 60
)
"""About as long as Stepladder's own notes."""


def write(ticket: int) -> dict[str, object]:
    """Return the write that an urgent ticket needs."""
    return {
        "group_id": 361, "assignee_id": None, "priority": "urgent", "metadata": {"bare": f"{ticket}/1"},
        "custom_fields": [{"id": 360010, "value": "stepladder_level_2"}],
        "comment": {"html_body": NOTE, "public": False},
    }  # fmt: skip


def bare(vendor: str, bundle: str) -> Flask:
    """Make the handler."""
    app, mine = Flask("bare"), threading.local()

    def session() -> requests.Session:
        if not hasattr(mine, "session"):
            mine.session = requests.Session()
            mine.session.verify, mine.session.trust_env = bundle, False
            mine.session.headers["Authorization"] = "Bearer bench"
        kept: requests.Session = mine.session
        return kept

    @app.post(PATH)
    def receive() -> tuple[Response, int]:
        body = request.get_data()
        stamp = request.headers.get("X-Zendesk-Webhook-Signature-Timestamp", "")
        if not hmac.compare_digest(request.headers.get("X-Zendesk-Webhook-Signature", ""), signature(body, stamp)):
            return jsonify(status="forged"), 401
        detail = json.loads(body)["detail"]
        if detail["priority"] == "URGENT":
            ticket = int(detail["id"])
            where = f"{vendor}/api/v2/tickets/{ticket}.json"
            session().put(where, json={"ticket": write(ticket)}, timeout=6).raise_for_status()
        return jsonify(status="accepted"), 202

    @app.get("/readyz")
    def ready() -> Response:
        return jsonify(ready=True)

    return app


def main(port: str, threads: str, vendor: str, bundle: str) -> None:
    """Serve until killed."""
    server = Server(port=int(port), threads=int(threads))
    make_server(bare(vendor, bundle), server, listen(server)).run()


if __name__ == "__main__":
    main(*sys.argv[1:])
