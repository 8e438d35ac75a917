"""The pretend Zendesk account: its people, its tickets, and what a save, a merge or a deletion causes. No sockets.

Shapes and codes follow the published documents and recorded answers; what Zendesk does with a ticket that nobody
documents (routing, views) is not pretended.
"""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.sandboxing import Mail
from connectors.zendesk import pretend_saves as saves
from connectors.zendesk.picture import level_in, level_tag
from connectors.zendesk.pretend_clocks import refreshed
from connectors.zendesk.pretend_fields import first_fields
from connectors.zendesk.pretend_rules import Deeds, Save, deeds, due, run, visible
from connectors.zendesk.records import (
    ACCOUNT_ID,
    ADMIN,
    CUSTOM_STATUSES,
    GROUPS,
    LEVEL_FIELD,
    OURS,
    ROBIN,
    Organization,
    Person,
    PretendTicket,
)

WRITABLE = {
    *("priority", "status", "type", "subject", "group_id", "assignee_id", "assignee_email", "tags", "custom_fields"),
    *("organization_id", "due_at", "problem_id", "comment", "metadata", "safe_update", "updated_stamp", "followers"),
    *("email_ccs", "external_id", "brand_id", "ticket_form_id", "requester_id", "custom_status_id"),
}
_SYSTEM = -1  # who Zendesk says it was when an automation did it
_PEOPLE = (
    Person(id=OURS, name="Stepladder", groups=tuple(GROUPS)),
    Person(id=ROBIN, name="Robin Reyes", groups=(360,)),
    Person(id=7002, name="Tariq Lang", groups=(361,)),
    Person(id=7003, name="Ella Novak", groups=(362,)),
    Person(id=7004, name="Bea Moreau", groups=(363,)),
    Person(id=7005, name="Mara Okafor", role="admin", groups=(364,)),
    Person(id=7006, name="Noor Haddad", groups=(361,)),
    Person(id=7007, name="Jonas Weber", groups=(361, 362)),
    Person(id=ADMIN, name="Admin Adams", role="admin"),
    Person(id=8001, name="Casey Customer", role="end-user"),
)


class Account:
    """All that one pretend Zendesk knows. The caller holds the lock that keeps two changes apart."""

    def __init__(
        self,
        emit: Callable[[Mapping[str, Any]], None],
        clock: Callable[[], datetime],
        by_rule: Callable[[str, str], None] = lambda *_: None,
    ) -> None:
        self._emit, self._by_rule = emit, by_rule
        self.clock = clock
        self._ids = itertools.count(70_000_000_001)
        self._numbers = itertools.count(35_001)
        self.tickets: dict[int, PretendTicket] = {}
        self.deleted: dict[int, PretendTicket] = {}
        self.organizations: dict[int, Organization] = {}
        self.people = {person.id: replace(person) for person in _PEOPLE}
        self.fields: dict[int, dict[str, Any]] = first_fields()
        self._shown: list[int] = []
        self.show_fields()
        self.form_fields = list(self.fields)
        self.more_statuses: list[dict[str, Any]] = []  # custom ones, as the API shows them
        self.agreements: dict[int, str] = {}  # sharing agreements: the partner's name
        self.triggers: list[dict[str, Any]] = []  # as the API shows them
        self.automations: list[dict[str, Any]] = []
        self.slas: list[dict[str, Any]] = []
        self.outbound: list[Mail] = []
        self.rules_act_as: int | None = None  # who a trigger's changes are said to be by; None: whoever saved
        self.writable = set(WRITABLE)  # less than that where a feature, such as followers, is switched off
        self.priorities = {"low", "normal", "high", "urgent"}  # fewer on a plan or form that has two
        self.comment_limit = 5000
        self.language = "en"  # of its sentences: de is the other one
        self.has_slas = True  # a plan without SLAs leaves the sideload out
        self.shows_organization_fields = True  # beside a ticket; else its organization must be asked for
        self.shows_open_tickets = True  # the count beside people; else it must be searched for
        self.index: Mapping[int, int] | None = None  # what counts say that lag behind, by agent
        self.leaky = False  # a Zendesk that makes private comments public, which the real one must never do

    def number(self) -> int:
        """Return an id that nothing has yet."""
        return next(self._ids)

    # --- what happens to tickets ------------------------------------------------------------------------
    def open(self, subject: str, text: str, organization: str | None = None, **values: Any) -> PretendTicket:
        """Open a ticket for the customer."""
        now = saves.seconds(self.clock())
        ticket = PretendTicket(
            id=next(self._numbers),
            requester_id=values.pop("requester_id", 8001),
            created_at=now,
            updated_at=now,
            subject=subject,
            description=text,
            organization_id=self.organization(organization).id if organization else None,
            shows=self._shown,
            **values,
        )
        self.tickets[ticket.id] = ticket
        ticket.tags += [str(value) for number, value in ticket.custom.items() if value in self.options(number)]
        made = saves.audit(self, ticket, ticket.requester_id, {})
        said = saves.comment(self, ticket, ticket.requester_id, {"body": text, "public": True}, made)
        before = dict.fromkeys(visible(ticket), "")
        save = Save(ticket=ticket, before=before, created=True, public=True, actor=ticket.requester_id, staff=False)
        self._finish(save, made, [("created", {}), said])
        return ticket

    def change(self, ticket: PretendTicket, actor: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Apply one save, as a person's or an API client's; return its audit. Several events share its sequence."""
        values = self._understood(ticket, values)
        before, public = visible(ticket), None
        made = saves.audit(self, ticket, actor, values.get("metadata") or {})
        told: list[saves.Told] = []
        if said := values.get("comment"):
            told.append(saves.comment(self, ticket, actor, said, made))
            public = bool(ticket.comments[-1]["public"])
        told += saves.fields(self, ticket, values, made)
        staff = self.people[actor].role != "end-user"
        self._finish(
            Save(ticket=ticket, before=before, created=False, public=public, actor=actor, staff=staff), made, told
        )
        if ticket.type == "problem" and values.get("status") == "solved":
            self._solve_incidents(ticket, actor)
        return made

    def remove(self, ticket: PretendTicket, actor: int) -> None:
        """Delete a ticket; the API answers 404 for it from now on, and lists it among the deleted."""
        self.deleted[ticket.id] = self.tickets.pop(ticket.id)
        ticket.deleted_at = saves.seconds(self.clock())
        self._tell(ticket, actor, [("soft_deleted", {})])

    def redact(self, ticket: PretendTicket, actor: int, said: str | None) -> None:
        """Blacken the newest comment, or the newest that says this."""
        found = next(one for one in reversed(ticket.comments) if said in (None, one["body"]))
        found |= dict.fromkeys(("body", "html_body", "plain_body"), "▇" * len(found["body"]))
        self._tell(ticket, actor, [("comment_redacted", {"comment": {"id": str(found["id"])}})])

    def restore(self, ticket: PretendTicket, actor: int) -> None:
        """Bring a deleted ticket back."""
        self.tickets[ticket.id] = self.deleted.pop(ticket.id)
        ticket.deleted_at = None
        self._tell(ticket, actor, [("undeleted", {})])

    def merge(self, ticket: PretendTicket, into: PretendTicket, actor: int) -> None:
        """Pour one ticket into another; the first is closed with a comment that says so, and takes nothing any more."""
        said = f"This request was closed and merged into request #{into.id}."
        self.change(ticket, actor, {"status": "closed", "comment": {"body": said, "public": False}})
        self._tell(ticket, actor, [("merged", {"target_ticket_id": str(into.id)})])
        self.change(into, actor, {"comment": {"body": f"Request #{ticket.id} was merged into this.", "public": False}})

    def tell(self, ticket: PretendTicket, actor: int, event: str, body: dict[str, Any]) -> None:
        """Send an event that no save makes."""
        self._tell(ticket, actor, [(event, body)])

    def run_automations(self) -> int:
        """Run the automations once over every ticket, as Zendesk does each hour; return how often one acted."""
        acted = 0
        for rule in self.automations:
            for ticket in [one for one in list(self.tickets.values()) if due(rule, one, self.clock())]:
                save = Save(ticket=ticket, before=visible(ticket), created=False, public=None, actor=_SYSTEM)
                made, told = saves.audit(self, ticket, _SYSTEM, {}), list[saves.Told]()
                self._act(save, made, told, rule, deeds(rule, ticket))
                self._tell(ticket, _SYSTEM, told)
                acted += 1
        return acted

    # --- words ------------------------------------------------------------------------------------------
    def values_for(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Turn an agent's words (group, assignee, level, …; names or ids) into what a save takes."""
        people = {person.id: person.name for person in self.people.values()}
        values: dict[str, Any] = {}
        for name, value in fields.items():
            if name in ("group", "assignee"):
                known = GROUPS if name == "group" else people
                values[f"{name}_id"] = next((i for i, called in known.items() if str(value) in (str(i), called)), None)
            elif name == "problem":
                values |= {"problem_id": int(value), "type": "incident"} if value else {"problem_id": None}
            elif name == "organization":
                values["organization_id"] = self.organization(value).id if value else None
            elif name == "level":
                values["custom_fields"] = [{"id": LEVEL_FIELD, "value": level_tag(value) if value > 1 else None}]
            else:
                values[name] = "hold" if value == "on_hold" else value
        return values

    def organization(self, name: str) -> Organization:
        """Return the organization of this name; it is founded when it is first named."""
        known = next((o for o in self.organizations.values() if o.name == name), None)
        found = known or Organization(id=900 + len(self.organizations), name=name)
        return self.organizations.setdefault(found.id, found)

    def options(self, number: int) -> list[str]:
        """Return what a drop-down field offers; nothing for other fields."""
        known = self.fields.get(number) or {}
        return [option["value"] for option in known.get("custom_field_options") or ()]

    def category_of(self, number: int) -> str | None:
        """Return the status that a custom status is a kind of."""
        known = {one["id"]: str(one["status_category"]) for one in self.more_statuses}
        return known.get(number) or next((word for word, one in CUSTOM_STATUSES.items() if one == number), None)

    def show_fields(self) -> None:
        """Show the active custom fields on every ticket, those that are new, too."""
        self._shown[:] = [number for number, one in self.fields.items() if one["active"] and one["removable"]]

    def known(self, item: Mapping[str, Any]) -> int | None:
        """Return the person whom an entry names by `user_id` or `user_email`, if there is one."""
        wanted = str(item.get("user_id") or item.get("user_email"))
        return next((p.id for p in self.people.values() if wanted in (str(p.id), p.email)), None)

    # --- one save ---------------------------------------------------------------------------------------
    def _understood(self, ticket: PretendTicket, values: Mapping[str, Any]) -> dict[str, Any]:
        found = {key: value for key, value in values.items() if key in self.writable}  # others are dropped silently
        if "assignee_email" in found:
            found["assignee_id"] = self.known({"user_email": found.pop("assignee_email")})
        if category := self.category_of(found.get("custom_status_id") or 0):
            found["status"] = category
        who = self.people.get(found.get("assignee_id") or 0)
        if who is not None and ticket.group_id is None and who.groups:
            found.setdefault("group_id", who.groups[0])
        if who is not None and ticket.status == "new":
            found.setdefault("status", "open")  # whoever gets a new ticket opens it
        return found

    def _finish(self, save: Save, made: dict[str, Any], told: list[saves.Told]) -> None:
        """Let triggers and the SLA's clocks have their turn in the same save, and tell of it all."""
        ruled: list[saves.Told] = []
        run(self.triggers, save, lambda rule, todo: self._act(save, made, ruled, rule, todo))
        if self.slas:
            ruled += refreshed(self.slas, save, self.clock())
        if told or ruled:
            save.ticket.updated_at = made["created_at"]
        self._tell(save.ticket, save.actor, told, ruled)

    def _act(
        self, save: Save, made: dict[str, Any], told: list[saves.Told], rule: Mapping[str, Any], todo: Deeds
    ) -> None:
        """Do what a rule wants, within the save that it ran at."""
        ticket = save.ticket
        if said := todo.values.pop("comment", None):
            told.append(saves.comment(self, ticket, save.actor, said, made))
        told += saves.fields(self, ticket, todo.values, made)
        for to, subject, text in todo.mails:
            self._mail(ticket, to, saves.filled(self, ticket, subject), saves.filled(self, ticket, text), made)
        for hook, body in todo.webhooks:
            self._by_rule(hook, saves.filled(self, ticket, str(body)))

    def _mail(self, ticket: PretendTicket, to: str, subject: str, text: str, made: dict[str, Any]) -> None:
        """Send a notification; only what goes to people outside is kept."""
        outside = {"requester_id": [ticket.requester_id], "email_ccs": ticket.email_cc_ids}
        both = [ticket.requester_id, *ticket.email_cc_ids]
        for who in outside.get(to, both if to.startswith("requester_and_ccs") else []):
            address = self.people[who].email
            self.outbound.append(Mail(ticket=str(ticket.id), to=address, subject=subject, text=text))
            made["events"].append(
                {"id": self.number(), "type": "Notification", "subject": subject, "body": text, "recipients": [who]}
            )

    def _solve_incidents(self, problem: PretendTicket, actor: int) -> None:
        for ticket in list(self.tickets.values()):
            if ticket.problem_id == problem.id and ticket.status not in ("solved", "closed"):
                self.change(ticket, actor, {"status": "solved"})

    def _tell(
        self, ticket: PretendTicket, actor: int, told: list[saves.Told], ruled: list[saves.Told] | None = None
    ) -> None:
        now, sequence = self.clock(), str(uuid.uuid4().int)[:26].zfill(26)
        ticket.generated = int(now.timestamp())
        theirs = actor if self.rules_act_as is None else self.rules_act_as
        whose = [(actor, one) for one in told] + [(theirs, one) for one in ruled or ()]
        for position, (who, (what, event)) in enumerate(whose, 1):
            self._emit(
                {
                    "account_id": ACCOUNT_ID, "id": str(uuid.uuid4()), "subject": f"zen:ticket:{ticket.id}",
                    "type": f"zen:event-type:ticket.{what}", "zendesk_event_version": "2022-11-06",
                    "time": now.strftime("%Y-%m-%dT%H:%M:%S.%f000Z"), "detail": ticket.detail(who),
                    "event": {**event, "meta": {"sequence": {"id": sequence, "position": position}}},
                }
            )  # fmt: skip


def level_of(ticket: PretendTicket) -> int | None:
    """Return the level that the ticket's tags show."""
    return max((level for tag in ticket.tags if (level := level_in(tag))), default=None)
