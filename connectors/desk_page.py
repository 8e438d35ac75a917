"""A page to look at pretend tickets, to act as customer or agent, and to let things go wrong. For people who try it.

Plain HTML made here, on loopback; it shows no secret, and everything that somebody wrote is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, abort, redirect, render_template, request, url_for
from jinja2 import DictLoader
from werkzeug.wrappers import Response

from connectors.desk_sheets import SHEETS
from connectors.faults import WORDS, Fault
from connectors.sandboxing import Desk, Served, View

_CHANGES = ("status", "priority", "group", "assignee")
_HOSTS = ("127.0.0.1", "localhost")
_MOST = {"times": 1000, "seconds": 600}


def serve(desks: Mapping[str, Desk], port: int = 0) -> Served:
    """Show these pretend vendors on a page of their own, in plain http on loopback."""
    return Served(make(desks), port=port)


def make(desks: Mapping[str, Desk]) -> Flask:
    """Return the page as an application; `desks` are the pretend vendors by name."""
    app = Flask("desk-page")
    app.jinja_loader = DictLoader(dict(SHEETS))  # Flask would look for files
    app.before_request(_from_here)
    pages = _Pages(desks)
    for rule, view in (("/", pages.all), ("/<desk>/<ticket>", pages.one)):
        app.add_url_rule(rule, view.__name__, view)
    deeds: Mapping[str, Callable[..., Response]] = {
        "/<desk>/open": pages.open_ticket,
        "/<desk>/faults": pages.spoil,
        "/<desk>/postman": pages.deliver,
        "/<desk>/<ticket>/say": pages.say,
        "/<desk>/<ticket>/change": pages.change,
    }
    for rule, deed in deeds.items():
        app.add_url_rule(rule, deed.__name__, deed, methods=["POST"])
    return app


def _from_here() -> None:
    """Refuse what another page in the same browser asks or sends, under its own name or under one that it lent us."""
    port = request.environ.get("SERVER_PORT", "")
    if request.host not in {f"{host}:{port}" for host in _HOSTS} | ({*_HOSTS} if port == "80" else set()):
        abort(403, f"This page is at http://127.0.0.1:{port} only.")
    ours = request.headers.get("Origin") == request.host_url.rstrip("/")
    if request.method == "POST" and not ours and request.headers.get("Sec-Fetch-Site") != "same-origin":
        abort(403, "Only the forms of this page may act here.")


class _Pages:
    """What the addresses show and do."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._desks = desks

    def all(self) -> str:
        """List the tickets of every desk, what still goes wrong there, and what was mailed."""
        return render_template("all.html", desks=self._desks, words=WORDS)

    def one(self, desk: str, ticket: str) -> str:
        """Show a ticket with its history, and the forms to act on it."""
        there, view = self._ticket(desk, ticket)
        chosen = {name: getattr(view, name) for name in _CHANGES}
        return render_template("one.html", name=desk, desk=there, view=view, chosen=chosen, choices=there.choices())

    def open_ticket(self, desk: str) -> Response:
        """A customer opens a ticket."""
        there, given = self._desk(desk), request.form
        fields: dict[str, Any] = {"priority": given["priority"]} if given.get("priority") else {}
        if not {*fields.values()} <= {*there.choices()["priority"]}:
            abort(400, "There is no such priority.")
        ticket = there.open_ticket(given["subject"] or "No subject", given["text"], **fields)
        return redirect(url_for("one", desk=desk, ticket=ticket), 303)

    def say(self, desk: str, ticket: str) -> Response:
        """The customer or an agent writes."""
        (there, _), text = self._ticket(desk, ticket), request.form["text"]
        if not text.strip():
            pass  # an empty form says nothing
        elif request.form["who"] == "customer":
            there.customer_says(ticket, text)
        else:
            there.agent_says(ticket, text, public=request.form["who"] == "agent")
        return redirect(url_for("one", desk=desk, ticket=ticket), 303)

    def change(self, desk: str, ticket: str) -> Response:
        """An agent changes fields; what is left as it was is not sent."""
        there, view = self._ticket(desk, ticket)
        wanted: dict[str, Any] = {
            name: value
            for name in _CHANGES
            if (value := request.form.get(name)) and value != getattr(view, name) and value in there.choices()[name]
        }
        level = request.form.get("level") or "1"
        if not re.fullmatch("[1-9]", level):
            abort(400, "Expected a level from 1 to 9.")
        if int(level) != (view.level or 1):
            wanted["level"] = int(level)
        if wanted:
            there.agent_changes(ticket, **wanted)
        return redirect(url_for("one", desk=desk, ticket=ticket), 303)

    def spoil(self, desk: str) -> Response:
        """Let something go wrong, or nothing any more."""
        faults, given = self._desk(desk).faults, request.form
        if given.get("clear"):
            faults.clear()
        elif (do := given.get("do", "")) in WORDS:
            match = {"writes": "PUT|POST", "all": "."}.get(given.get("match", ""), "GET")
            wait = given.get("retry_after", "")
            if not re.fullmatch(r"[ -~]{0,40}", wait):
                abort(400, "Expected seconds or a date for Retry-After.")
            times, seconds = _number("times", "1"), _number("seconds", "0")
            faults.add(Fault(do=do, match=match, times=int(times), seconds=seconds, retry_after=wait or None))
        return redirect(url_for("all"), 303)

    def deliver(self, desk: str) -> Response:
        """Hold webhooks back, release them, deliver them twice, or as usual."""
        postman = self._desk(desk).postman
        deeds = {"hold": postman.hold, "release": postman.release, "double": postman.double}
        deeds.get(request.form.get("do", ""), postman.straight)()
        return redirect(url_for("all"), 303)

    def _desk(self, name: str) -> Desk:
        if name not in self._desks:
            abort(404)
        return self._desks[name]

    def _ticket(self, name: str, ticket: str) -> tuple[Desk, View]:
        """Return a desk and one of its tickets, as far as they are there."""
        desk = self._desk(name)
        view = next((view for view in desk.tickets() if view.id == ticket), None)
        if view is None:
            abort(404)
        return desk, view


def _number(name: str, unsaid: str) -> float:
    """Return a number that the form says, within reason."""
    said = request.form.get(name) or unsaid
    if not re.fullmatch(r"[0-9]{1,4}(\.[0-9]{1,3})?", said) or float(said) > _MOST[name]:
        abort(400, f"Expected a number up to {_MOST[name]} for {name}.")
    return float(said)
