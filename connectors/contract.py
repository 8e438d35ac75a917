"""What a vendor's folder gives to the house, and what it is given. Read this first.

Everything is a pure function except `Client`, which is the only thing that talks to the vendor.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import SecretStr

from connectors.site import Site, SiteSettings
from connectors.upkeep import Consent, Finding, Step, Uses
from policies.commands import Command, Note, Target
from policies.model import JSON, Event, Ticket, TicketRef

if TYPE_CHECKING:
    from connectors.limits import Pace


# --- the four outcomes that are not success --------------------------------------------------------------
class BadSignature(Exception):
    """The sender did not prove who it is; nothing of the delivery is kept. The text says which proof was missing."""


class Unreadable(Exception):
    """The delivery is authentic but says nothing we can read; it is kept as a dead letter for a person."""


class TryLater(Exception):
    """The vendor cannot now. Nothing is wrong with the request.

    `after`: seconds the vendor asked for, if it did. `sent`: the request may have been carried out all the same
    (read time-out, cut connection, 500, 502, 504), so look before sending again. `site_wide`: others would fail too.
    `paced`: a limit of ours kept the request back; the vendor was not asked, and nothing is wrong with it.
    """

    def __init__(
        self,
        reason: str,
        *,
        after: float | None = None,
        sent: bool = False,
        site_wide: bool = True,
        paced: bool = False,
    ) -> None:
        super().__init__(reason)
        self.after = after
        self.sent = sent
        self.site_wide = site_wide
        self.paced = paced


class Stale(TryLater):
    """Somebody has changed the ticket since we read it: it is fetched and decided upon again, and only then written."""

    def __init__(self, reason: str, *, after: float = 1.0) -> None:
        super().__init__(reason, after=after, site_wide=False)


class Refused(Exception):
    """The vendor will not do it, however often it is asked.

    `parts`: which parts of the call are at fault, if the vendor said; the rest is worth another call, unless it was
    `applied` already. `gone`: the ticket itself takes no more writes (closed, deleted, merged, not visible).
    """

    def __init__(
        self, reason: str, *, parts: frozenset[str] = frozenset(), gone: bool = False, applied: bool = False
    ) -> None:
        super().__init__(reason)
        self.parts = parts
        self.gone = gone
        self.applied = applied


# --- what comes in ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One HTTP request from a vendor, raw. Header names are lower case; `query` is the raw query string."""

    vendor: str
    site: str
    body: bytes
    received_at: datetime
    headers: Mapping[str, str] = field(default_factory=dict)
    query: str = ""
    row: int | None = None


def json_object(delivery: Delivery) -> Mapping[str, Any]:
    """Read the body as a JSON object. Raises Unreadable with what came instead."""
    try:
        body = json.loads(delivery.body)
    except (ValueError, RecursionError) as error:
        raise Unreadable(
            f"expected JSON, got {len(delivery.body)} bytes that are not ({type(error).__name__})"
        ) from None
    if not isinstance(body, dict):
        raise Unreadable(f"expected a JSON object, got {type(body).__name__}")
    return body


# --- what goes out ----------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True, kw_only=True)
class Alternative:
    """Another target for a call whose own was refused: what takes the place of its `aims`, and what then echoes."""

    parts: Mapping[str, JSON]
    expect: Mapping[str, str | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One vendor call, planned and stored before it is sent (decision 13).

    `key` is `<operation>/<n>`. `verb` is the vendor's own name for the kind of call. `parts` are the things it sets,
    by our names and still in the policy's words (`{"group": "Billing", "priority": "urgent", "level": 2}`); each can
    be refused alone. `expect` are the changes that will come back as an echo: field → value. `told` are sentences
    about what earlier calls were refused; they are written into the note. `aims` are the parts that are the target;
    where one of them is refused, `otherwise` says what to try instead, in order.

    A part `pool` names people to choose one from at write time: `{"pick": "least_busy" | "round_robin", "from": […],
    "turn": 7}`; `Outcome.resolved["assignee"]` says who it became, also when `look` finds the call.
    """

    operation: str
    number: int
    verb: str
    parts: Mapping[str, JSON] = field(default_factory=dict)
    note: Note | None = None
    expect: Mapping[str, str | None] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    repeatable: bool = False  # a set or an upsert: sending it twice does no harm
    aims: tuple[str, ...] = ()
    otherwise: tuple[Alternative, ...] = ()

    @property
    def key(self) -> str:
        """The row's identity, and what the marker at the vendor says."""
        return f"{self.operation}/{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a call achieved, as the vendor's answer says.

    `ticket` is the ticket as the vendor now shows it, with only the fields that the answer told. `vendor_id` is the
    audit or comment that was made. `resolved` says which id a name or a pool became: `{"assignee": "77"}`.
    """

    ticket: Ticket | None = None
    vendor_id: str | None = None
    resolved: Mapping[str, str] = field(default_factory=dict)
    requests: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A ticket that the vendor says was changed, and when last."""

    ref: TicketRef
    at: datetime


class Keeper(Protocol):
    """Keeps what a vendor renews and what must outlive this process, such as a refresh token. It is never shown."""

    def load(self, site: str) -> Mapping[str, str]:
        """Return what was kept for a site; empty if nothing was."""

    def save(self, site: str, kept: Mapping[str, str]) -> None:
        """Keep this for a site, on the disk when it returns, in place of what was kept before."""

    def turn(self, site: str) -> AbstractContextManager[None]:
        """Hold the turn to renew what is kept for a site. Raises BlockingIOError while somebody else holds it."""


class Client(Protocol):
    """The only part that talks to the vendor. Safe to use from several threads."""

    def account(self) -> str:
        """Return the id of the account we act as (asked once, then remembered)."""

    def names(self) -> Mapping[str, str]:
        """Return names by `kind:id` for groups, people and so on; cached, so nearly always free."""

    def settings(self) -> SiteSettings:
        """Return the site's settings with names of fields, statuses and priorities turned into ids; cached."""

    def asked(self) -> int:
        """Return how many requests this thread has sent so far."""

    @property
    def pace(self) -> Pace:
        """Our own count of writes, which other processes can be made to share."""

    def changed_since(self, since: datetime, before_page: Callable[[], None] = ...) -> Iterator[Changed]:
        """Yield the tickets changed at or after a moment, the earliest change first. Raises TryLater on the way.

        `before_page` is called before each request; what it raises ends the question.
        """

    def cannot_see(self) -> tuple[str, ...]:
        """Return sentences: which changes `changed_since` does not show, with the rights that we have."""

    def fetch(self, ref: TicketRef, fields: frozenset[str], now: datetime) -> Sequence[Event]:
        """Ask for the ticket: one FETCHED event with a full picture, and COMMENTED ones if `conversation` is wanted.

        Raises TryLater, or Refused(gone=True) if the ticket is not there or not visible.
        """

    def look(self, call: Call, ref: TicketRef) -> Outcome | None:
        """Is this call's effect there already? Looks for the operation's marker; None if it is not to be seen."""

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Send the call, in one request if the vendor allows. Raises TryLater or Refused; never retries blindly."""

    def close(self) -> None:
        """Close every connection."""


class Connect(Protocol):
    """Opens the way out; nothing is asked yet."""

    def __call__(
        self, site: Site, keeper: Keeper, clock: Callable[[], float] = ..., *, now: Callable[[], datetime] = ...
    ) -> Client:
        """Open it. `clock`: seconds that never go back; `now`: the time of day. Both are the machine's if left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A vendor's parts by name. `CONNECTOR` in the vendor's `__init__.py` is one of these."""

    vendor: str
    title: str
    settings: type[SiteSettings]
    #: raise BadSignature unless the raw bytes prove the sender; TryLater if they do but the clock is off
    verify: Callable[[Delivery, SiteSettings, datetime], None]
    #: the id that survives the vendor's retry, or None
    delivery_id: Callable[[Delivery], str | None]
    #: which tickets it concerns; any exception makes it a dead letter
    tickets: Callable[[Delivery, Site], tuple[TicketRef, ...]]
    #: its facts about one ticket; raises Unreadable
    read: Callable[[Delivery, Site, TicketRef], tuple[Event, ...]]
    #: the calls a command needs, in order
    plan: Callable[[Command, Ticket, Site], tuple[Call, ...]]
    #: sentences about what is wrong with a policy's target for this vendor
    check_target: Callable[[Target], tuple[str, ...]]
    #: open the way out
    connect: Connect
    #: sentences: what our writes change there that no write gives back
    no_way_back: tuple[str, ...] = ()
    #: the settings with an administrator's credentials in place of ours (e-mail or nothing, token); never stored
    as_admin: Callable[[SiteSettings, str | None, SecretStr], SiteSettings] | None = None
    #: how a person lets us in by OAuth, if these settings ask for that
    consent: Callable[[SiteSettings], Consent] | None = None
    #: create or mend what the site needs; the last argument says whether only to tell what would be done
    set_up: Callable[[Site, Keeper, Uses, bool], Iterator[Step]] | None = None
    #: what is wrong, and who would hear of our writes; the last argument is how to wait (seconds)
    examine: Callable[[Site, Keeper, Uses, datetime, Callable[[float], None]], Iterator[Finding]] | None = None
