"""What the demo claims at its end, checked at the pretend vendors: their tickets and the requests they got."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapter.cli.demo.scenes import EXPECTED, Stage
from adapter.cli.demo.screen import Screen

if TYPE_CHECKING:
    from connectors.sandboxing import Recorded, View

_MARK = "Stepladder ·"


def our_notes(view: View) -> list[str]:
    """Return the internal notes that we wrote; agents write some, too."""
    return [note for note in view.notes if _MARK in note]


def writes_at(stage: Stage) -> list[Recorded]:
    """Return every request that changed something at a vendor."""
    return [
        request
        for desk in stage.desks.values()
        for request in desk.requests
        if request.method in ("PUT", "POST") and 200 <= request.status < 300 and "oauth" not in request.path
    ]


def differences(stage: Stage, screen: Screen) -> list[str]:
    """Say what is not as it must be; nothing if the story came out exactly."""
    return [*_tickets(stage), *_requests(stage, screen), *_answers(stage, screen)]


def _tickets(stage: Stage) -> list[str]:
    wrong = []
    for name, expected in EXPECTED.items():
        view = stage.view(name)
        found = (view.level or 1, view.group, view.priority, len(our_notes(view)))
        wanted = (expected.level, expected.group, expected.priority, expected.notes)
        if found != wanted:
            wrong.append(f"{name} ({view.key}): expected level, team, priority, notes {wanted}, found {found}")
        if any(_MARK in reply for reply in view.replies):
            wrong.append(f"{name} ({view.key}): the customer can read an internal note")
        if expected.level == 3 and not view.followers:
            wrong.append(f"{name} ({view.key}): nobody watches over it")
    return wrong


def _requests(stage: Stage, screen: Screen) -> list[str]:
    arrived, sent = len(writes_at(stage)), sum(screen.written.values())
    wrong = [f"{call} was written {times} times" for call, times in screen.written.items() if times != 1]
    if arrived != sent:
        wrong.append(f"the vendors got {arrived} writes, Stepladder wrote {sent}")
    return wrong


def _answers(stage: Stage, screen: Screen) -> list[str]:
    answers = [answer for desk in stage.desks.values() for answer in desk.postman.answers]
    refused = [request for desk in stage.desks.values() for request in desk.requests if request.status == 429]
    found = {
        "forgeries answered 401": (answers.count(401), screen.told["delivery.forged"]),
        "duplicates answered 200": (answers.count(200), screen.told["delivery.seen"]),
        "writes answered 429": (len(refused), screen.told["writeback.later"]),
    }
    return [f"{what}: expected 1, found {counted}" for what, counted in found.items() if counted != (1, 1)]
