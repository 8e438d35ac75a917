"""What customers, agents and administrators do at the pretend account, and what they see of it. No API, no sockets."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.sandboxing import Happened, Mail, View
from connectors.zendesk import pretend_view
from connectors.zendesk.pretend import Account
from connectors.zendesk.records import FIELDS, OURS, ROBIN, PretendTicket


class People:
    """The verbs by which a story is told at the account, one at a time."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self._lock = threading.RLock()

    def open_ticket(self, subject: str, text: str, **fields: Any) -> str:
        """A customer opens a ticket: fields priority, tags, product, impact, urgency, organization. Return its id."""
        with self._lock:
            custom = {number: fields.pop(name) for name, number in FIELDS.items() if name in fields}
            tags = list(fields.pop("tags", ()))
            return str(self.account.open(subject, text, custom=custom, tags=tags, **fields).id)

    def customer_says(self, ticket: str, text: str) -> None:
        """The requester writes; a pending or solved ticket is reopened."""
        with self._lock:
            kept = self._kept(ticket)
            reopened = {"status": "open"} if kept.status in ("pending", "solved", "hold") else {}
            comment = {"body": text, "public": True}
            self.account.change(kept, kept.requester_id, {"comment": comment, **reopened})

    def agent_says(self, ticket: str, text: str, *, public: bool = True) -> None:
        """An agent writes to the requester, or internally."""
        with self._lock:
            self.account.change(self._kept(ticket), ROBIN, {"comment": {"body": text, "public": public}})

    def agent_changes(self, ticket: str, **fields: Any) -> None:
        """An agent changes fields: status, priority, group, assignee, tags, level, organization (names or ids).

        Also type, due_at, and problem, the id of the ticket that this one is an incident of.
        """
        with self._lock:
            self.account.change(self._kept(ticket), ROBIN, self.account.values_for(fields))

    def describe(self, organization: str, **fields: Any) -> None:
        """An administrator fills in an organization's own fields, such as support_hours."""
        with self._lock:
            self.account.organization(organization).fields |= fields

    def promises(self, ticket: str, **breaking: str | None) -> None:
        """The SLA's running promises, by metric: when each breaks; None: it is paused."""
        with self._lock:
            self._kept(ticket).promises = [
                {"metric": metric, "stage": "active" if at else "paused", "breach_at": at}
                for metric, at in breaking.items()
            ]

    def suspend(self, agent: str) -> None:
        """An administrator suspends an agent."""
        with self._lock:
            next(p for p in self.account.people.values() if p.name == agent).suspended = True

    def agent_redacts_comment(self, ticket: str, said: str | None = None) -> None:
        """An agent blackens for ever the comment that says this; the newest if nothing is said."""
        with self._lock:
            self.account.redact(self._kept(ticket), ROBIN, said)

    def agent_deletes(self, ticket: str) -> None:
        """An agent deletes the ticket."""
        with self._lock:
            self.account.remove(self._kept(ticket), ROBIN)

    def agent_merges(self, ticket: str, into: str) -> None:
        """An agent merges the ticket into another one."""
        with self._lock:
            self.account.merge(self._kept(ticket), self._kept(into), ROBIN)

    def run_automations(self) -> int:
        """An hour is over: the account's automations run once; return how often one acted."""
        with self._lock:
            return self.account.run_automations()

    # --- rules that an account may have ------------------------------------------------------------------
    def mail_customer_on_priority_change(self) -> int:
        """Give the account a trigger that mails the requester when the priority changes; return its id."""
        changed = {"field": "priority", "operator": "changed", "value": ""}
        text = ["requester_id", "Your request #{{ticket.id}}", "Its priority is now {{ticket.priority}}."]
        return self._rule("Tell the requester", [changed], [{"field": "notification_user", "value": text}])

    def undo_our_group(self, group: str = "Support") -> int:
        """Give the account a trigger that sends what our account moved back to a group; return its id."""
        ours = {"field": "role", "operator": "is", "value": str(OURS)}
        moved = {"field": "group_id", "operator": "changed", "value": ""}
        number = str(self.account.values_for({"group": group})["group_id"])
        return self._rule("Keep it at the front", [moved, ours], [{"field": "group_id", "value": number}])

    def _rule(self, title: str, conditions: list[Any], actions: list[Any]) -> int:
        with self._lock:
            number = self.account.number()
            conditions_shown = {"all": conditions, "any": []}
            made = {"id": number, "title": title, "raw_title": title, "active": True, "position": number}
            self.account.triggers.append({**made, "conditions": conditions_shown, "actions": actions})
            return number

    # --- what is to be seen -----------------------------------------------------------------------------
    @property
    def outbound(self) -> list[Mail]:
        """What the account's own rules mailed to people outside."""
        return self.account.outbound

    def view(self, ticket: str) -> View:
        """Show the ticket as it stands."""
        with self._lock:
            return pretend_view.view(self.account, self._kept(ticket))

    def tickets(self) -> Sequence[View]:
        """Show every ticket, the newest first."""
        with self._lock:
            return [pretend_view.view(self.account, kept) for kept in reversed(self.account.tickets.values())]

    def history(self, ticket: str) -> Sequence[Happened]:
        """Tell what was said and changed on a ticket, the oldest first."""
        with self._lock:
            return pretend_view.history(self.account, self._kept(ticket))

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return what an agent may choose for status, priority, group and assignee."""
        return pretend_view.choices(self.account)

    def _kept(self, ticket: str) -> PretendTicket:
        return self.account.tickets[int(ticket)]
