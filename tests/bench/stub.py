"""A vendor's desk in a process of its own: what the real zenpy calls, over TLS, after a chosen latency, and the moment
at which each write arrived. One blocking thread for each connection, which is the fastest that Python has to offer.

    python stub.py FOLDER        writes FOLDER/ca.pem, prints {"port": …}, then obeys lines of JSON (see `Desk.obey`)
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
import threading
import time
from pathlib import Path
from typing import Any

import certifi
import trustme
from messages import OURS
from wire import Connection, obey

_TICKET = re.compile(rb"PUT /api/v2/tickets/(\d+)(?:\.json)? ")
_SHOWN = re.compile(r"GET /api/v2/tickets/(\d+)\?")
_GROUPS = {360: "Support", 361: "Technical Support", 362: "Engineering", 363: "Billing", 364: "Management"}
_FIELDS = [360_001 + number for number in range(20)]  # a usual account has a score of fields; the level's is 360010
_LISTS: dict[str, list[dict[str, Any]]] = {
    "groups": [{"id": number, "name": name, "deleted": False} for number, name in _GROUPS.items()],
    "users": [{"id": 7000 + n, "name": f"Agent {n}", "email": f"agent{n}@example.com"} for n in range(40)],
    "group_memberships": [{"id": n, "user_id": 7000 + n, "group_id": 361} for n in range(40)],
    "sharing_agreements": [],
    "ticket_fields": [],
    "custom_statuses": [],
    "triggers": [],
    "automations": [],
    "webhooks": [],
    "brands": [{"id": 500, "name": "Example"}],
    "ticket_forms": [{"id": 600, "name": "Default"}],
}


class Desk:
    """What the stub knows, and how it answers."""

    def __init__(self) -> None:
        self.latency = 0.0
        self.writes: list[tuple[int, float]] = []
        self.others: list[str] = []
        self.refused = 0
        self.longest = 0
        self._never = threading.Event()

    def obey(self, said: dict[str, Any]) -> dict[str, Any]:
        """`{"latency": seconds}` sets it; `{"take": true}` returns the writes so far and forgets them."""
        self.latency = float(said.get("latency", self.latency))
        if "take" not in said:
            return {"writes": len(self.writes)}
        taken, self.writes = self.writes, []
        others, self.others = self.others, []
        longest, self.longest = self.longest, 0
        return {"arrivals": taken, "others": others, "refused": self.refused, "longest": longest}

    def serve(self, opened: socket.socket, context: ssl.SSLContext) -> None:
        """Answer one connection until it is closed."""
        try:
            with context.wrap_socket(opened, server_side=True) as secured:
                connection = Connection(secured)
                while True:
                    head, body = connection.receive()
                    if not head:
                        return
                    connection.send(self._answer(head, body))
        except OSError:
            return

    def _answer(self, head: bytes, body: bytes) -> bytes:
        found = _TICKET.match(head)
        if found is None:
            return self._other(head)
        self.writes.append((int(found[1]), time.monotonic()))
        self.longest = max(self.longest, len(body))
        if b"\r\nauthorization: bearer bench" not in head.lower():
            self.refused += 1
            return _message({"error": "Couldn't authenticate you"}, b"401 Unauthorized")
        if self.latency:
            self._never.wait(self.latency)
        return _message(_updated(int(found[1]), json.loads(body)["ticket"]))

    def _other(self, head: bytes) -> bytes:
        line = head.split(b"\r\n", 1)[0].decode()
        self.others.append(line)
        if line.startswith("POST /oauth/tokens"):
            return _message({"access_token": "bench", "token_type": "bearer", "expires_in": 1800})
        if line.startswith("GET /api/v2/users/me"):
            return _message({"user": {"id": OURS, "name": "Bench", "role": "agent", "active": True}})
        if shown := _SHOWN.match(line):
            ticket = _updated(int(shown[1]), {"priority": "urgent", "group_id": 360})["ticket"]
            return _message({"ticket": ticket, "users": [], "groups": _LISTS["groups"]})
        name = "group_memberships" if "/memberships" in line else re.sub(r"^GET /api/v2/(\w+).*", r"\1", line)
        if name not in _LISTS:
            return _message({"error": "RecordNotFound", "description": "Not found"}, b"404 Not Found")
        return _message({name: _LISTS[name], "meta": {"has_more": False}, "links": {}})


def _updated(number: int, values: dict[str, Any]) -> dict[str, Any]:
    """Return the ticket and the audit, in the shape and about the length of Zendesk's own answer."""
    custom = dict.fromkeys(_FIELDS) | {f["id"]: f["value"] for f in values.get("custom_fields") or ()}
    fields = [{"id": key, "value": value} for key, value in custom.items()]
    via = {"channel": "api", "source": {"from": {}, "to": {}, "rel": None}}
    ticket = {
        "url": f"https://127.0.0.1/api/v2/tickets/{number}.json", "id": number, "external_id": None, "via": via,
        "created_at": "2026-11-22T08:00:00Z", "updated_at": "2026-11-22T08:00:01Z", "type": "incident",
        "generated_timestamp": 1795334401, "subject": "Export fails", "raw_subject": "Export fails",
        "description": "Since this morning the export stops with E-402.", "priority": values.get("priority"),
        "status": "open", "recipient": None, "requester_id": 8001, "submitter_id": 8001,
        "assignee_id": values.get("assignee_id"), "organization_id": None, "group_id": values.get("group_id"),
        "collaborator_ids": [], "follower_ids": [], "email_cc_ids": [], "forum_topic_id": None, "problem_id": None,
        "has_incidents": False, "is_public": True, "due_at": None, "tags": ["export", "site_linz"],
        "custom_fields": fields, "satisfaction_rating": None, "sharing_agreement_ids": [], "custom_status_id": 610,
        "fields": fields, "followup_ids": [], "ticket_form_id": 600, "brand_id": 500, "allow_attachments": True,
        "allow_channelback": False, "from_messaging_channel": False,
    }  # fmt: skip
    comment = values.get("comment") or {}
    said = {
        "id": number * 10 + 1, "type": "Comment", "author_id": OURS, "body": "…", "plain_body": "…",
        "html_body": comment.get("html_body", ""), "public": bool(comment.get("public", True)), "attachments": [],
        "audit_id": number * 10,
    }  # fmt: skip
    changed = [name for name in ("priority", "group_id", "assignee_id") if name in values]
    changes = [
        {"id": number * 10 + n, "type": "Change", "value": values[name], "field_name": name, "previous_value": None}
        for n, name in enumerate(changed, 2)
    ]
    audit = {
        "id": number * 10, "ticket_id": number, "created_at": "2026-11-22T08:00:01Z", "author_id": OURS, "via": via,
        "metadata": {"system": {"client": "bench"}, "custom": values.get("metadata") or {}}, "events": [said, *changes],
    }  # fmt: skip
    return {"ticket": ticket, "audit": audit}


def _message(value: dict[str, Any], status: bytes = b"200 OK") -> bytes:
    body = json.dumps(value).encode()
    return b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body)


def _listen(desk: Desk, listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        opened, _ = listening.accept()
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=desk.serve, args=(opened, context), daemon=True).start()


def main(folder: Path) -> None:
    """Open the desk and obey."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    with (folder / "ca.pem").open("a") as bundle:  # as long as a real machine's: loading it is not free
        bundle.write(certifi.contents())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    desk, listening = Desk(), socket.create_server(("127.0.0.1", 0), backlog=256)
    threading.Thread(target=_listen, args=(desk, listening, context), daemon=True).start()
    print(json.dumps({"port": listening.getsockname()[1]}), flush=True)
    obey(desk.obey)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
