"""The words every room shares: tickets, people, events. Frozen values; nothing here reads a clock or a socket."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any

JSON = Mapping[str, Any] | list[Any] | str | int | float | bool | None


class Priority(IntEnum):
    """How soon somebody should care. Ordered, so that a policy may say `at_least`."""

    LOW = 1
    NORMAL = 2
    HIGH = 3
    URGENT = 4

    @property
    def word(self) -> str:
        """The name a policy uses: `urgent`."""
        return self.name.lower()


class Status(StrEnum):
    """Where the ticket stands, in words that both vendors' workflows map onto."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    SOLVED = "solved"
    CLOSED = "closed"

    @property
    def resolved(self) -> bool:
        """Nobody waits for support any more."""
        return self in (Status.SOLVED, Status.CLOSED)


class Role(StrEnum):
    """Who did it (decision 5): the requester, an agent, another program, or Stepladder's own account."""

    REQUESTER = "requester"
    AGENT = "agent"
    APP = "app"
    OURS = "ours"
    UNKNOWN = "unknown"


class Kind(StrEnum):
    """What an event tells."""

    CREATED = "created"
    CHANGED = "changed"
    COMMENTED = "commented"
    FETCHED = "fetched"  # we asked the vendor and this is the ticket as it stood then
    TOUCHED = "touched"  # something happened; only a fetch can tell what
    MERGED = "merged"
    DELETED = "deleted"
    RESTORED = "restored"
    GONE = "gone"  # the vendor would not show it to us; whatever it tells later proves the contrary
    ORDERED = "ordered"  # whoever runs Stepladder takes our moves of it back
    NOTED = "noted"  # authentic and about this ticket, but nothing a policy asks about


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class TicketRef:
    """One ticket at one site. `id` is the vendor's immutable id as text (never a key that a move can change)."""

    vendor: str
    site: str
    id: str

    def __str__(self) -> str:
        return f"{self.vendor}/{self.site}/{self.id}"

    @classmethod
    def parse(cls, text: str) -> TicketRef:
        """Read `vendor/site/id` back."""
        vendor, site, ticket_id = text.split("/", 2)
        return cls(vendor=vendor, site=site, id=ticket_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A thing at the vendor with an id and, once known, a name."""

    id: str
    name: str | None = None

    def __str__(self) -> str:
        return self.name or self.id

    def goes_by(self, word: str) -> bool | None:
        """Say whether `word` means this thing; None while the name is still unknown."""
        if word in (self.id, self.name) or (self.name is not None and word.casefold() == self.name.casefold()):
            return True
        return None if self.name is None else False


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who did something."""

    id: str
    role: Role
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The ticket as far as we know it.

    `known` names the fields that were told; any other field is *unknown*, which is not the same as empty
    (decision 7). `as_of` is the vendor's own time of the last change this picture includes.
    """

    ref: TicketRef
    known: frozenset[str] = frozenset()
    as_of: datetime | None = None
    key: str | None = None  # what people call it: "#5158", "ITSM-7"
    url: str | None = None  # where people open it
    subject: str | None = None
    status: Status | None = None
    priority: Priority | None = None
    kind: str | None = None  # incident, question, bug: the vendor's ticket or issue type
    group: Named | None = None
    assignee: Named | None = None
    requester: Named | None = None
    organization: Named | None = None
    brand: Named | None = None
    project: Named | None = None
    form: Named | None = None  # the form or request type it came by
    tags: tuple[str, ...] = ()  # tags or labels, without those that carry our level
    level: int | None = None  # the level that the ticket's own field, tag or label says
    product: str | None = None
    impact: str | None = None
    urgency: str | None = None
    tier: str | None = None  # a field that names the customer's tier, where the site has one
    language: str | None = None
    channel: str | None = None
    custom: Mapping[str, str | None] = field(default_factory=dict)  # other fields named in stepladder.toml
    portal: bool | None = None  # may a requester read comments that are not marked internal?
    exposed: str | None = None  # who outside may read internal notes, as words: "Globex, who shares the ticket"
    created_at: datetime | None = None
    due_at: datetime | None = None  # the date that was promised, where the ticket carries one
    sla_breach_at: datetime | None = None  # when the vendor's own promise breaks next; None: none is running
    blocked_by: tuple[str, ...] = ()  # keys of open tickets or issues that must be solved before this one

    def knows(self, name: str) -> bool:
        """Say whether this field was told (it may still be empty)."""
        return name in self.known

    def learn(self, newer: Ticket) -> Ticket:
        """Take over every field that `newer` knows. The caller has checked that it is newer."""
        told = {name: getattr(newer, name) for name in newer.known}
        if "custom" in told:
            told["custom"] = {**self.custom, **newer.custom}
        for name, thing in told.items():  # an id alone does not take away a name that is known
            before = getattr(self, name)
            if isinstance(thing, Named) and thing.name is None and isinstance(before, Named) and before.id == thing.id:
                told[name] = before
        return replace(self, **told, known=self.known | newer.known, as_of=newer.as_of or self.as_of)

    def doubt(self, names: frozenset[str]) -> Ticket:
        """Make fields unknown again, because two sources of the same moment disagree."""
        return replace(self, known=self.known - names)


TICKET_FIELDS = frozenset(f.name for f in fields(Ticket)) - {"ref", "known", "as_of"}
ASKED_APART = frozenset({"sla_breach_at"})
"""Fields that a fetch tells only if it is asked for them by name, because they cost more or are true for a moment."""


def ticket_from(ref: TicketRef, as_of: datetime | None, told: Mapping[str, object]) -> Ticket:
    """Build a ticket that knows exactly the fields in `told`; an unheard-of name is a programming error."""
    strangers = set(told) - TICKET_FIELDS
    if strangers:
        raise TypeError(f"A ticket has no field {sorted(strangers)}; it has {sorted(TICKET_FIELDS)}.")
    return Ticket(ref=ref, as_of=as_of, known=frozenset(told), **told)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One field took another value, in our words: priorities and statuses as policies write them, else ids.

    Fields: status, priority, group, assignee, level, tag (after = added, before = removed), kind, product,
    impact, urgency, tier, form, project, key, organization, requester, due_at (ISO, with a zone), `custom.<name>`;
    anything else by the vendor's own name.
    """

    field: str
    before: str | None = None
    after: str | None = None
    after_name: str | None = None  # a display name, where `after` is an id


@dataclass(frozen=True, slots=True, kw_only=True)
class Comment:
    """Something said on the ticket. `public` = the requester can read it; None = the vendor did not say.

    `among_staff`: nobody but staff can read the ticket at all, the requester included: what is public there answers
    the requester, and may be a command to us all the same.
    """

    id: str
    text: str
    public: bool | None
    among_staff: bool = False


WHOLE_TICKET = "ticket"
"""What `Event.erases` says where the ticket itself is gone at the vendor, and all its texts with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact about one ticket.

    `id` identifies the fact within the ticket however often it is delivered (`comment:<id>`, `changelog:<id>`,
    the vendor's envelope id). `at` is the vendor's time; `order` sorts facts of the same moment. `siblings` says
    that other facts of the same save may still be on their way. `erases`: the comment whose earlier text the vendor has
    taken away (redacted, deleted, written over), or WHOLE_TICKET.
    """

    id: str
    kind: Kind
    at: datetime
    received_at: datetime
    actor: Actor | None = None
    changes: tuple[Change, ...] = ()
    comment: Comment | None = None
    ticket: Ticket | None = None
    merged_into: str | None = None
    reason: str | None = None  # of what is GONE: what the vendor said
    order: str = ""
    siblings: bool = False
    delivery: int | None = None
    erases: str | None = None

    @property
    def sort_key(self) -> tuple[datetime, str, str]:
        """Vendor time, then sequence, then identity: the same for every order of arrival.

        Of one moment the creation comes first: to a ticket that is not there yet nothing happens.
        """
        return (self.at, "" if self.kind is Kind.CREATED else self.order or "-", self.id)
