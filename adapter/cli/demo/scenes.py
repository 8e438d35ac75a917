"""The demo's morning: what people do, when, and what must stand at the vendors in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connectors.postman import Envelope
    from connectors.sandboxing import Desk, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """How a ticket must stand at the end: level, team, priority, and how many of our notes are on it, exactly."""

    level: int
    group: str | None
    priority: str | None
    notes: int


@dataclass(slots=True)
class Stage:
    """The desks by vendor, and the tickets of the story by name: (vendor, id)."""

    desks: Mapping[str, Desk]
    tickets: dict[str, tuple[str, str]] = field(default_factory=dict)

    def open(self, name: str, vendor: str, subject: str, text: str, **fields: object) -> None:
        """A customer opens a ticket."""
        self.tickets[name] = (vendor, self.desks[vendor].open_ticket(subject, text, **fields))

    def at(self, name: str) -> tuple[Desk, str]:
        """Return a ticket's desk and id."""
        vendor, ticket = self.tickets[name]
        return self.desks[vendor], ticket

    def view(self, name: str) -> View:
        """Return a ticket as it stands."""
        desk, ticket = self.at(name)
        return desk.view(ticket)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Something a person or a vendor does, so many seconds after the start."""

    at: float
    says: str
    act: Callable[[Stage], None]


Arrange = Callable[[list["Envelope"]], "Sequence[Envelope]"]


def _doubled(held: list[Envelope]) -> Sequence[Envelope]:
    return [*held, *held]


def _tampered(held: list[Envelope]) -> Sequence[Envelope]:
    return [*held, replace(held[0], body=held[0].body.replace(b"}", b" }", 1))]


def _says(stage: Stage, name: str, text: str, *, public: bool, arrange: Arrange = list) -> None:
    """An agent writes; the webhooks arrive as arranged."""
    desk, ticket = stage.at(name)
    desk.postman.hold()
    desk.agent_says(ticket, text, public=public)
    desk.postman.release(arrange)


def _change(stage: Stage, name: str, **fields: object) -> None:
    desk, ticket = stage.at(name)
    desk.agent_changes(ticket, **fields)


def _busy_vendor(stage: Stage, vendor: str) -> None:
    stage.desks[vendor].faults.refuse_once()
    stage.open("invoice", vendor, "Invoices are sent twice", "Every customer got two.", priority="urgent")


def _ask_for_management(stage: Stage, vendor: str) -> None:
    stage.open("access", vendor, "Access for the auditors", "They come tomorrow.")
    _says(stage, "access", "/escalate 3\nTried: asked the owner, no answer", public=False)


def script(first: str, second: str) -> tuple[Scene, ...]:
    """Return the morning at two vendors; in a house with one vendor both are the same."""
    return (*_arrivals(first, second), *_turns(first, second))


def _arrivals(first: str, second: str) -> tuple[Scene, ...]:
    return (
        Scene(
            at=0.0,
            says=f"{first}: a customer asks for a refund",
            act=lambda s: s.open("refund", first, "Refund for order 1042", "When do I get my money back?"),
        ),
        Scene(
            at=0.4,
            says=f"{first}: a VIP cannot close the month",
            act=lambda s: s.open(
                "month", first, "Export fails with E-402", "We cannot close the month. password: hunter2", tags=["vip"]
            ),
        ),
        Scene(
            at=0.8,
            says=f"{second}: the VPN is down for a whole office (impact high, urgency high)",
            act=lambda s: s.open("vpn", second, "VPN drops", "Since the update.", impact="high", urgency="high"),
        ),
        Scene(
            at=1.2,
            says=f"{first}: another VIP asks a small question",
            act=lambda s: s.open("small", first, "Where is the invoice list?", "I cannot find it.", tags=["vip"]),
        ),
        Scene(
            at=1.6,
            says="…and an agent answers at once, so nothing will happen there; the webhook comes twice",
            act=lambda s: _says(s, "small", "Under Billing > History.", public=True, arrange=_doubled),
        ),
        Scene(
            at=2.2,
            says="An agent raises the refund's priority to urgent",
            act=lambda s: _change(s, "refund", priority="urgent"),
        ),
    )


def _turns(first: str, second: str) -> tuple[Scene, ...]:
    return (
        Scene(
            at=2.8,
            says=f"{second}: a printer is repaired, and breaks again",
            act=lambda s: s.open("printer", second, "Printer jams", "Again and again."),
        ),
        Scene(at=3.2, says="…solved", act=lambda s: _change(s, "printer", status="solved")),
        Scene(at=3.6, says="…reopened", act=lambda s: _change(s, "printer", status="open")),
        Scene(
            at=4.2,
            says=f"{second}: an agent asks for the management: /escalate 3",
            act=lambda s: _ask_for_management(s, second),
        ),
        Scene(
            at=5.0,
            says="Somebody forges a webhook",
            act=lambda s: _says(s, "small", "Anything else?", public=True, arrange=_tampered),
        ),
        Scene(
            at=5.6,
            says=f"{first} is busy: the next write is answered 429, come back in two seconds",
            act=lambda s: _busy_vendor(s, first),
        ),
        Scene(
            at=7.6,
            says="A person takes the refund back to the frontline; a person's hand wins",
            act=lambda s: _change(s, "refund", group="Support", level=1),
        ),
    )


EXPECTED: Mapping[str, Expected] = {
    "refund": Expected(level=1, group="Support", priority="urgent", notes=1),
    "month": Expected(level=2, group="Technical Support", priority="high", notes=1),
    "vpn": Expected(level=3, group=None, priority="urgent", notes=1),
    "small": Expected(level=1, group="Support", priority=None, notes=0),
    "printer": Expected(level=2, group="Technical Support", priority="high", notes=1),
    "access": Expected(level=3, group=None, priority="urgent", notes=1),
    "invoice": Expected(level=2, group="Technical Support", priority="urgent", notes=1),
}
"""Where the story ends. The refund stays where a person put it: it is never written again without a new cause."""
