"""What setting up and examining a site say, in words that every vendor shares. Plain data; nothing is asked here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pydantic import SecretStr

from policies.commands import Take, Target
from policies.model import Priority


class Grade(StrEnum):
    """How much a finding matters."""

    FINE = "fine"
    NOTE = "note"  # worth knowing, nothing to do
    WARNING = "warning"  # works today, or works in part
    PROBLEM = "problem"  # what the policy wants will not happen, or more will happen than it wants
    UNKNOWN = "unknown"  # we may not look, or there is nothing to look at; the cure says who can


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that an examination found out.

    `name` is stable from one examination to the next, so that a finding can be accepted by it:
    `customer-hears:trigger:360021`. `check` is what was examined: `credentials`, `permissions`, `webhook`, `clock`,
    `names`, `vendor-rules`, `customer-hears`, `sla`, `sharing`, `automation-runs`, `limits`. `customer_hears`: people
    outside would notice our writes; a site does not act until somebody has accepted that by name. `heard_by_notes`: an
    internal note alone is enough for them, so that a site which writes only notes waits for the same. A name like
    `permissions:unanswered:<what>` says that one question found no answer: it is asked again within the hour.
    """

    name: str
    check: str
    grade: Grade
    says: str
    cure: str = ""
    customer_hears: bool = False
    heard_by_notes: bool = False


class Done(StrEnum):
    """What became of one step of a set-up."""

    THERE = "there"
    CREATED = "created"
    REPAIRED = "repaired"
    WOULD_CREATE = "would create"
    WOULD_REPAIR = "would repair"
    BY_HAND = "by hand"  # the API does not allow it to us, or to anybody; `by_hand` says where to click
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing a site needs, and what was done about it.

    `role`: whom the vendor lets do it. `undo`: how to take it back. `by_hand`: the clicks, where no API does it.
    `settings` belong into the site's table in stepladder.toml, `secrets` into secrets.toml: they are stored before the
    next step is asked for, so that a vendor is told only of secrets that are kept.
    """

    name: str
    done: Done
    says: str
    role: str
    undo: str = ""
    by_hand: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, SecretStr] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Consent:
    """How a person lets us act for them: the address to open, less `state`, and what the code that it leads to buys.

    `scopes`: each scope that is asked for, and what for. `redeem` returns what is to be kept; it raises TryLater or
    Refused.
    """

    address: str
    redirect_url: str
    scopes: Mapping[str, str]
    redeem: Callable[[str], Mapping[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placed:
    """One target that the policy names for tickets of a site, at one level; `sets`: the priorities it may give."""

    level: int
    name: str
    target: Target
    take: Take
    sets: frozenset[Priority] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Uses:
    """What the active policy does with one site's tickets: what must exist there, and what our writes change.

    `fields`: our names of the fields that it asks about. `sets`: the priorities that its levels give.
    `hook`: the address that this site's webhooks are sent to, if it is known. `scope`: which values of a ticket field
    `applies_to` names, `{"project": ("ITSM",)}`; empty is everything we can see. `writes_per_month`: how often we wrote
    in the last thirty days, if that is known.
    """

    targets: tuple[Placed, ...] = ()
    fields: frozenset[str] = frozenset()
    sets: frozenset[Priority] = frozenset()
    levels: int = 1
    hook: str | None = None
    scope: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    writes_per_month: int | None = None
