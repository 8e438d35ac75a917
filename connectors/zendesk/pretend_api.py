"""What the pretend Zendesk shows of tickets and people, as plain functions: what was asked → status and body."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.zendesk.pretend import Account
from connectors.zendesk.pretend_access import Access, Token
from connectors.zendesk.pretend_hooks import Webhooks
from connectors.zendesk.pretend_refusals import NOT_FOUND
from connectors.zendesk.records import (
    BEGINNING,
    BRAND,
    FORM,
    GROUPS,
    Person,
    PretendTicket,
    named,
)

_MOST_USERS = 100
_STATUSES = ("new", "open", "pending", "hold", "solved", "closed")

Answer = tuple[int, Mapping[str, Any] | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: who asks, what its address names, its query and its body."""

    account: Account
    access: Access
    hooks: Webhooks
    person: Person
    token: Token
    url: str
    query: Mapping[str, str]
    words: Sequence[str] = ()  # every `role[]` of the query
    body: Mapping[str, Any] = field(default_factory=dict)
    found: Mapping[str, Any] = field(default_factory=dict)

    def number(self, name: str) -> int:
        """Return an id that the address names."""
        return int(self.found[name])

    @property
    def ticket(self) -> PretendTicket:
        """The ticket that the address names."""
        return self.account.tickets[self.number("ticket")]

    @property
    def include(self) -> Sequence[str]:
        """What should stand beside the answer."""
        return self.query.get("include", "").split(",")

    def integer(self, name: str, otherwise: int) -> int:
        """Return a number of the query."""
        word = self.query.get(name, "")
        return int(word) if word.isdecimal() else otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An address below /api/v2 and what it does. `resource`: what a narrow scope calls it."""

    method: str
    path: str
    view: Callable[[Asked], Answer]
    resource: str = "tickets"
    admins: bool = False
    limits: tuple[str, ...] = ()


# --- people ----------------------------------------------------------------------------------------------
def me(asked: Asked) -> Answer:
    """Say who asks."""
    return 200, {"user": {**asked.person.shown(), "authenticity_token": "none"}}


def users(asked: Asked) -> Answer:
    """List people, those of the roles that were asked for."""
    listed = [p.shown() for p in asked.account.people.values() if p.role in (asked.words or (p.role,))]
    return page(asked, "users", listed)


def show_many(asked: Asked) -> Answer:
    """Show people by their ids, with the number of their open tickets beside them if that was asked for."""
    ids = [int(word) for word in asked.query.get("ids", "").split(",") if word.isdecimal()]
    if len(ids) > _MOST_USERS:
        return 400, {"error": "TooManyValues", "description": f"ids exceeds maximum size of {_MOST_USERS}"}
    found = [asked.account.people[who] for who in ids if who in asked.account.people]
    answer: dict[str, Any] = {"users": [person.shown() for person in found]}
    if "open_ticket_count" in asked.include and asked.account.shows_open_tickets:
        answer["open_ticket_count"] = {str(person.id): assigned(asked.account, person.id) for person in found}
    return 200, answer


def groups(asked: Asked) -> Answer:
    """List the groups."""
    return page(asked, "groups", [_group(one) for one in named(GROUPS)])


def assignable(asked: Asked) -> Answer:
    """List the memberships of a group's agents who can be assigned tickets."""
    group = asked.number("group")
    if group not in GROUPS:
        return NOT_FOUND
    able = [p for p in asked.account.people.values() if not p.suspended and not p.light]
    return page(asked, "group_memberships", [one for one in _memberships(able) if one["group_id"] == group])


def memberships(asked: Asked) -> Answer:
    """List who is in which group."""
    return page(asked, "group_memberships", _memberships(asked.account.people.values()))


def organization(asked: Asked) -> Answer:
    """Show one organization with its own fields."""
    found = asked.account.organizations.get(asked.number("organization"))
    return (200, {"organization": found.shown()}) if found is not None else NOT_FOUND


def brands(asked: Asked) -> Answer:
    """List the brands."""
    brand = {
        "id": BRAND, "name": "Example", "subdomain": "example", "active": True, "default": True, "is_deleted": False,
        "brand_url": "https://example.zendesk.com", "has_help_center": False, "ticket_form_ids": [FORM],
        "created_at": BEGINNING, "updated_at": BEGINNING,
    }  # fmt: skip
    return page(asked, "brands", [brand])


# --- tickets ---------------------------------------------------------------------------------------------
def ticket(asked: Asked) -> Answer:
    """Show a ticket with what was asked for beside it."""
    account, shown, kept = asked.account, asked.ticket.shown(), asked.ticket
    answer: dict[str, Any] = {"ticket": shown}
    if "users" in asked.include:
        who = {kept.requester_id, kept.assignee_id, *kept.follower_ids}
        answer["users"] = [account.people[i].shown() for i in who if i]
    if "groups" in asked.include:
        answer["groups"] = [_group(group) for group in named(GROUPS) if group["id"] == kept.group_id]
    if "organizations" in asked.include:
        theirs = [o for o in account.organizations.values() if o.id == kept.organization_id]
        answer["organizations"] = [o.shown() if account.shows_organization_fields else o.partly() for o in theirs]
    if "comment_count" in asked.include:
        shown["comment_count"] = len(kept.comments)
    if "slas" in asked.include and account.has_slas:
        shown["slas"] = {"policy_metrics": list(kept.promises)}
    return 200, answer


def comments(asked: Asked) -> Answer:
    """List a ticket's comments, with their authors if that was asked for."""
    kept = asked.ticket
    listed = kept.comments[::-1] if asked.query.get("sort") == "-created_at" else kept.comments
    more = {}
    if "users" in asked.include:
        authors = {c["author_id"] for c in listed}
        more["users"] = [person.shown() for person in asked.account.people.values() if person.id in authors]
    return page(asked, "comments", listed, more)


def audits(asked: Asked) -> Answer:
    """List a ticket's audits, the oldest first, page by page."""
    listed = asked.ticket.audits
    return offset_page(asked, "audits", listed, f"tickets/{asked.ticket.id}/audits")


def tags(asked: Asked) -> Answer:
    """List a ticket's tags."""
    return 200, {"tags": list(asked.ticket.tags)}


def search_count(asked: Asked) -> Answer:
    """Count the tickets that a search finds, as far as the index knows them already."""
    wanted = re.findall(r"(\w+)([:<])(\w+)", asked.query.get("query", ""))
    people = [int(word) for name, _, word in wanted if name == "assignee" and word.isdecimal()]
    if ("type", ":", "ticket") not in wanted or ("status", "<", "solved") not in wanted or len(people) != 1:
        return 422, {"error": "invalid", "description": "this pretend search counts one agent's unsolved tickets only"}
    return 200, {"count": assigned(asked.account, people[0])}


def assigned(account: Account, person: int) -> int:
    """Return how many unsolved tickets are somebody's, as far as the index knows."""
    if account.index is not None:
        return account.index.get(person, 0)
    unsolved = _STATUSES[: _STATUSES.index("solved")]
    return sum(1 for kept in account.tickets.values() if kept.assignee_id == person and kept.status in unsolved)


READS = (
    Route(method="GET", path="users/me", view=me, resource="users"),
    Route(method="GET", path="users", view=users, resource="users"),
    Route(method="GET", path="users/show_many", view=show_many, resource="users"),
    Route(method="GET", path="groups", view=groups, resource="groups"),
    Route(method="GET", path="groups/<int:group>/memberships/assignable", view=assignable, resource="groups"),
    Route(method="GET", path="group_memberships", view=memberships, resource="groups"),
    Route(method="GET", path="organizations/<int:organization>", view=organization, resource="organizations"),
    Route(method="GET", path="brands", view=brands, resource="brands"),
    Route(method="GET", path="search/count", view=search_count),
    Route(method="GET", path="tickets/<int:ticket>", view=ticket),
    Route(method="GET", path="tickets/<int:ticket>/comments", view=comments),
    Route(method="GET", path="tickets/<int:ticket>/audits", view=audits, resource="audits"),
    Route(method="GET", path="tickets/<int:ticket>/tags", view=tags),
)


# --- lists -----------------------------------------------------------------------------------------------
def page(asked: Asked, key: str, items: Sequence[Mapping[str, Any]], more: Mapping[str, Any] | None = None) -> Answer:
    """Return one page of a list by cursor, as Zendesk does where `page[size]` is given."""
    size, after = asked.integer("page[size]", 100), asked.integer("page[after]", 0)
    rest = after + size < len(items)
    following = f"{asked.url}/api/v2/{key}?page[after]={after + size}&page[size]={size}" if rest else None
    meta = {"has_more": rest, "after_cursor": str(after + size) if rest else None, "before_cursor": None}
    listed = list(items[after : after + size])
    return 200, {key: listed, "meta": meta, "links": {"next": following, "prev": None}, **(more or {})}


def offset_page(asked: Asked, key: str, items: Sequence[Mapping[str, Any]], path: str) -> Answer:
    """Return one page of a list by number, with the count of all."""
    size, number = min(asked.integer("per_page", 100), 100), asked.integer("page", 1)
    after = f"{asked.url}/api/v2/{path}?page={number + 1}" if number * size < len(items) else None
    shown = list(items[(number - 1) * size : number * size])
    return 200, {key: shown, "count": len(items), "next_page": after, "previous_page": None}


def _group(named_group: Mapping[str, Any]) -> dict[str, Any]:
    more = {"description": "", "default": False, "is_public": True, "created_at": BEGINNING, "updated_at": BEGINNING}
    return {**named_group, **more}


def _memberships(people: Any) -> list[dict[str, Any]]:
    pairs = [(person, group) for person in people for group in person.groups]
    return [
        {
            "id": p.id * 1000 + group, "user_id": p.id, "group_id": group, "default": group == p.groups[0],
            "created_at": BEGINNING, "updated_at": BEGINNING,
        }
        for p, group in pairs
    ]  # fmt: skip
