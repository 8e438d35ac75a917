"""A page to look at pretend tickets, to act as customer or agent, and to let things go wrong. For people who try it.

Plain HTML made here, on loopback; it shows no secret, and everything that somebody wrote is escaped.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from flask import Flask, abort, redirect, render_template, request, url_for
from jinja2 import DictLoader
from werkzeug.wrappers import Response

from connectors.desk_sheets import SHEETS
from connectors.faults import WORDS, Fault
from connectors.sandboxing import Desk, Served

_CHANGES = ("status", "priority", "group", "assignee")


def serve(desks: Mapping[str, Desk], port: int = 0) -> Served:
    """Show these pretend vendors on a page of their own, in plain http on loopback."""
    return Served(make(desks), port=port)


def make(desks: Mapping[str, Desk]) -> Flask:
    """Return the page as an application; `desks` are the pretend vendors by name."""
    app = Flask("desk-page")
    app.jinja_loader = DictLoader(dict(SHEETS))  # Flask would look for files
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
        app.add_url_rule(rule, deed.__name__, _from_here(deed), methods=["POST"])
    return app


def _from_here(deed: Callable[..., Response]) -> Callable[..., Response]:
    """Refuse what another page in the same browser sends."""

    def answer(**found: str) -> Response:
        if request.headers.get("Origin", request.host_url.rstrip("/")) != request.host_url.rstrip("/"):
            abort(403)
        return deed(**found)

    return answer


class _Pages:
    """What the addresses show and do."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._desks = desks

    def all(self) -> str:
        """List the tickets of every desk, what still goes wrong there, and what was mailed."""
        return render_template("all.html", desks=self._desks, words=WORDS)

    def one(self, desk: str, ticket: str) -> str:
        """Show a ticket with its history, and the forms to act on it."""
        there = self._desk(desk)
        view = next((view for view in there.tickets() if view.id == ticket), None)
        if view is None:
            abort(404)
        chosen = {name: getattr(view, name) for name in _CHANGES}
        return render_template("one.html", name=desk, desk=there, view=view, chosen=chosen, choices=there.choices())

    def open_ticket(self, desk: str) -> Response:
        """A customer opens a ticket."""
        given = request.form
        fields: dict[str, Any] = {"priority": given["priority"]} if given.get("priority") else {}
        ticket = self._desk(desk).open_ticket(given["subject"] or "No subject", given["text"], **fields)
        return redirect(url_for("one", desk=desk, ticket=ticket), 303)

    def say(self, desk: str, ticket: str) -> Response:
        """The customer or an agent writes."""
        there, text = self._desk(desk), request.form["text"]
        if not text.strip():
            pass  # an empty form says nothing
        elif request.form["who"] == "customer":
            there.customer_says(ticket, text)
        else:
            there.agent_says(ticket, text, public=request.form["who"] == "agent")
        return redirect(url_for("one", desk=desk, ticket=ticket), 303)

    def change(self, desk: str, ticket: str) -> Response:
        """An agent changes fields; what is left as it was is not sent."""
        there = self._desk(desk)
        view = there.view(ticket)
        wanted: dict[str, Any] = {
            name: value
            for name in _CHANGES
            if (value := request.form.get(name)) and value != getattr(view, name) and value in there.choices()[name]
        }
        if (level := request.form.get("level", "")).isdecimal() and int(level) != (view.level or 1):
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
            times, seconds = given.get("times", "1"), given.get("seconds", "0")
            match = {"writes": "PUT|POST", "all": "."}.get(given.get("match", ""), "GET")
            faults.add(
                Fault(
                    do=do,
                    match=match,
                    times=int(times) if times.isdecimal() else 1,
                    seconds=float(seconds) if seconds.replace(".", "", 1).isdecimal() else 0.0,
                    retry_after=given.get("retry_after") or None,
                )
            )
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
