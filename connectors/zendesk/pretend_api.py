"""What the pretend Zendesk's API shows, as plain functions: what was asked → status and body. No web framework."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.zendesk.pretend import Account
from connectors.zendesk.records import GROUPS, OURS, PretendTicket, named

_MOST_USERS = 100
_STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
_NOT_FOUND = 404, {"error": "RecordNotFound", "description": "Not found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: the number in its address and its query."""

    account: Account
    query: Mapping[str, str]
    url: str
    number: int = 0

    @property
    def ticket(self) -> PretendTicket:
        """The ticket that the address names."""
        return self.account.tickets[self.number]

    @property
    def include(self) -> Sequence[str]:
        """What should stand beside the answer."""
        return self.query.get("include", "").split(",")

    def integer(self, name: str, otherwise: int) -> int:
        """Return a number of the query."""
        word = self.query.get(name, "")
        return int(word) if word.isdecimal() else otherwise


Answer = tuple[int, Mapping[str, Any]]


def me(asked: Asked) -> Answer:
    """Say who asks."""
    return 200, {"user": asked.account.people[OURS].shown()}


def users(asked: Asked) -> Answer:
    """List everybody who is no customer."""
    return _page(asked, "users", [p.shown() for p in asked.account.people.values() if p.role != "end-user"])


def show_many(asked: Asked) -> Answer:
    """Show people by their ids, with the number of their open tickets beside them if that was asked for."""
    ids = [int(word) for word in asked.query.get("ids", "").split(",") if word.isdecimal()]
    if len(ids) > _MOST_USERS:
        return 400, {"error": "TooManyValues", "description": f"ids exceeds maximum size of {_MOST_USERS}"}
    found = [asked.account.people[who] for who in ids if who in asked.account.people]
    answer: dict[str, Any] = {"users": [person.shown() for person in found]}
    if "open_ticket_count" in asked.include and asked.account.shows_open_tickets:
        answer["open_ticket_count"] = {str(person.id): _assigned(asked.account, person.id) for person in found}
    return 200, answer


def groups(asked: Asked) -> Answer:
    """List the groups."""
    return _page(asked, "groups", named(GROUPS))


def members(asked: Asked) -> Answer:
    """List the memberships of a group's agents who can be assigned tickets."""
    group = asked.number
    if group not in GROUPS:
        return _NOT_FOUND
    able = [p.id for p in asked.account.people.values() if group in p.groups and not p.suspended and not p.light]
    listed = [{"id": who * 1000 + group, "user_id": who, "group_id": group, "default": True} for who in able]
    return _page(asked, "group_memberships", listed)


def organization(asked: Asked) -> Answer:
    """Show one organization with its own fields."""
    found = asked.account.organizations.get(asked.number)
    return (200, {"organization": found.shown()}) if found is not None else _NOT_FOUND


def brands(asked: Asked) -> Answer:
    """List the brands."""
    return _page(asked, "brands", named({500: "Example"}))


def forms(asked: Asked) -> Answer:
    """List the forms."""
    return _page(asked, "ticket_forms", named({600: "Default"}))


def search_count(asked: Asked) -> Answer:
    """Count the tickets that a search finds, as far as the index knows them already."""
    wanted = re.findall(r"(\w+)([:<])(\w+)", asked.query.get("query", ""))
    people = [int(word) for name, _, word in wanted if name == "assignee" and word.isdecimal()]
    if ("type", ":", "ticket") not in wanted or ("status", "<", "solved") not in wanted or len(people) != 1:
        return 422, {"error": "invalid", "description": "this pretend search counts one agent's unsolved tickets only"}
    return 200, {"count": _assigned(asked.account, people[0])}


def ticket(asked: Asked) -> Answer:
    """Show a ticket with what was asked for beside it."""
    account, shown, kept = asked.account, asked.ticket.shown(), asked.ticket
    answer: dict[str, Any] = {"ticket": shown}
    if "users" in asked.include:
        who = {kept.requester_id, kept.assignee_id, *kept.follower_ids}
        answer["users"] = [account.people[i].shown() for i in who if i]
    if "groups" in asked.include:
        answer["groups"] = [group for group in named(GROUPS) if group["id"] == kept.group_id]
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
        more["users"] = [asked.account.people[i].shown() for i in {c["author_id"] for c in listed}]
    return _page(asked, "comments", listed, more)


def audits(asked: Asked) -> Answer:
    """List a ticket's audits, the oldest first, page by page."""
    listed, size, page = asked.ticket.audits, asked.integer("per_page", 100), asked.integer("page", 1)
    after = f"{asked.url}/api/v2/tickets/{asked.number}/audits?page={page + 1}" if page * size < len(listed) else None
    shown = listed[(page - 1) * size : page * size]
    return 200, {"audits": shown, "count": len(listed), "next_page": after, "previous_page": None}


READS: Mapping[str, Callable[[Asked], Answer]] = {
    "users/me": me,
    "users": users,
    "users/show_many": show_many,
    "groups": groups,
    "groups/<int:group>/memberships/assignable": members,
    "organizations/<int:organization>": organization,
    "brands": brands,
    "ticket_forms": forms,
    "search/count": search_count,
    "tickets/<int:number>": ticket,
    "tickets/<int:number>/comments": comments,
    "tickets/<int:number>/audits": audits,
}
"""Addresses below /api/v2 and what they show."""


def _assigned(account: Account, person: int) -> int:
    if account.index is not None:
        return account.index.get(person, 0)
    unsolved = _STATUSES[: _STATUSES.index("solved")]
    return sum(1 for kept in account.tickets.values() if kept.assignee_id == person and kept.status in unsolved)


def _page(asked: Asked, key: str, items: Sequence[Mapping[str, Any]], more: Mapping[str, Any] | None = None) -> Answer:
    size, after = asked.integer("page[size]", 100), asked.integer("page[after]", 0)
    rest = after + size < len(items)
    meta = {"has_more": rest, "after_cursor": str(after + size) if rest else None, "before_cursor": None}
    listed = list(items[after : after + size])
    return 200, {key: listed, "meta": meta, "links": {"next": None, "prev": None}, **(more or {})}
