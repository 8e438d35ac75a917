"""The pretend account's own rules: triggers at every save, automations when they are run. It plans, and saves nothing.

Conditions and actions are those that Zendesk publishes for triggers and automations; one that is not known here is
never true, and does nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from connectors.zendesk.records import PretendTicket

_ORDERS = {
    "priority": ("", "low", "normal", "high", "urgent"),
    "status": ("new", "open", "pending", "hold", "solved", "closed"),
}
_PLAIN = ("status", "priority", "type", "group_id", "assignee_id", "organization_id", "requester_id", "brand_id")
_LISTS = ("set_tags", "current_tags", "remove_tags")


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """One save as a rule sees it: the ticket afterwards, and what it was before."""

    ticket: PretendTicket
    before: Mapping[str, str]
    created: bool
    public: bool | None  # was a comment added, and can the requester read it
    actor: int
    staff: bool = True  # the actor is no customer

    def now(self) -> Mapping[str, str]:
        """Return the ticket's values as rules compare them."""
        return visible(self.ticket)


@dataclass(slots=True, kw_only=True)
class Deeds:
    """What a rule wants: values to save, and whom or what to tell."""

    values: dict[str, Any] = field(default_factory=dict)
    mails: list[tuple[str, str, str]] = field(default_factory=list)  # to whom, subject, text
    webhooks: list[tuple[str, Any]] = field(default_factory=list)  # which one, body


def visible(ticket: PretendTicket) -> dict[str, str]:
    """Return a ticket's values as rules compare them, as text."""
    values = {name: "" if (value := getattr(ticket, name)) is None else str(value) for name in _PLAIN}
    values |= {f"custom_fields_{number}": str(value or "") for number, value in ticket.custom.items()}
    return {**values, "current_tags": " ".join(ticket.tags)}


def applies(rule: Mapping[str, Any], save: Save) -> bool:
    """Say whether an active trigger runs at this save."""
    conditions = rule.get("conditions") or {}
    some = [_holds(one, save) for one in conditions.get("any") or ()]
    return (
        bool(rule.get("active", True))
        and all(_holds(one, save) for one in conditions.get("all") or ())
        and (not some or any(some))
    )


def due(rule: Mapping[str, Any], ticket: PretendTicket, now: datetime) -> bool:
    """Say whether an active automation acts on this ticket now; hours are whole ones."""
    save = Save(ticket=ticket, before=visible(ticket), created=False, public=None, actor=-1)
    hours = {"updated_at": ticket.updated_at, "created_at": ticket.created_at}

    def holds(one: Mapping[str, Any]) -> bool:
        begun = hours.get(str(one.get("field")))
        if begun is None:
            return _holds(one, save)
        passed = int((now - datetime.fromisoformat(begun)).total_seconds() // 3600)
        return _compared(str(passed), str(one.get("operator")), str(one.get("value")), None)

    conditions = rule.get("conditions") or {}
    some = [holds(one) for one in conditions.get("any") or ()]
    met = all(holds(one) for one in conditions.get("all") or ()) and (not some or any(some))
    return bool(rule.get("active", True)) and ticket.status != "closed" and met


def deeds(rule: Mapping[str, Any], ticket: PretendTicket) -> Deeds:
    """Return what a rule's actions want."""
    found, tags = Deeds(), list(ticket.tags)
    for action in rule.get("actions") or ():
        name, value = str(action.get("field")), action.get("value")
        if name in _LISTS:
            words = str(value or "").split()
            tags = words if name == "set_tags" else [t for t in tags if t not in words]
            tags += words if name == "current_tags" else []
            found.values["tags"] = tags
        elif name in _PLAIN:
            number = name.endswith("_id") and str(value).isdecimal()
            found.values[name] = int(value) if number else value or None
        elif name.startswith("custom_fields_"):
            item = {"id": int(name.removeprefix("custom_fields_")), "value": value or None}
            found.values.setdefault("custom_fields", []).append(item)
        elif name == "notification_user" and isinstance(value, list) and len(value) == 3:
            found.mails.append((str(value[0]), str(value[1]), str(value[2])))
        elif name == "notification_webhook" and isinstance(value, list) and len(value) == 2:
            found.webhooks.append((str(value[0]), value[1]))
        elif name == "comment_value":
            text = value[-1] if isinstance(value, list) else value
            public = not (isinstance(value, list) and "private" in str(value[0]))
            found.values["comment"] = {"body": str(text), "public": public}
    return found


def run(rules: Sequence[Mapping[str, Any]], save: Save, act: Callable[[Mapping[str, Any], Deeds], object]) -> None:
    """Let triggers run from the top, and from the top again after each one that acted; each acts once at a save."""
    waiting = sorted(rules, key=lambda rule: int(rule.get("position") or 0))
    while (rule := next((one for one in waiting if applies(one, save)), None)) is not None:
        waiting.remove(rule)
        act(rule, deeds(rule, save.ticket))


def _holds(one: Mapping[str, Any], save: Save) -> bool:
    name, operator, value = str(one.get("field")), str(one.get("operator")), one.get("value")
    if name == "update_type":
        return (str(value).lower() == "create") is save.created
    if name == "comment_is_public":
        return _spoke(str(value).lower(), save.public)
    if name == "current_tags":
        has = bool(set(str(value or "").split()) & set(save.ticket.tags))
        return has if operator in ("includes", "is") else not has
    if name == "role":  # Zendesk's name for "current user"
        who = {"agent": save.staff, "end_user": not save.staff}
        return who.get(str(value), str(save.actor) == str(value)) is (operator == "is")
    if name not in save.now() and not name.startswith("custom_fields_"):
        return False
    after, before = save.now().get(name, ""), save.before.get(name, "")
    return _moved(operator, str(value or ""), before, after) or _compared(after, operator, str(value or ""), name)


def _spoke(wanted: str, public: bool | None) -> bool:
    if wanted in ("not_relevant", "requester_can_see_comment"):
        return public is not None if wanted == "not_relevant" else public is True
    return public is (wanted == "true")


def _moved(operator: str, value: str, before: str, after: str) -> bool:
    happened = {
        "changed": before != after,
        "not_changed": before == after,
        "value": before != after and after == value,
        "changed_to": before != after and after == value,
        "value_previous": before != after and before == value,
        "changed_from": before != after and before == value,
        "not_value": not (before != after and after == value),
        "not_value_previous": not (before != after and before == value),
    }
    return happened.get(operator, False)


def _compared(after: str, operator: str, value: str, name: str | None) -> bool:
    if operator in ("is", "is_not"):
        return (after == value) is (operator == "is")
    order = _ORDERS.get(name or "", ())
    places = [order.index(word) if word in order else int(word) if word.isdecimal() else -1 for word in (after, value)]
    return {"less_than": places[0] < places[1], "greater_than": places[0] > places[1]}.get(operator, False)


def placeholders(ticket: PretendTicket, requester: Any, agent: Any) -> Iterator[tuple[str, str]]:
    """Yield the placeholders that the pretend account fills in, with their values."""
    yield from {
        "ticket.id": str(ticket.id),
        "ticket.title": ticket.subject,
        "ticket.description": ticket.description,
        "ticket.status": ticket.status.capitalize(),
        "ticket.priority": (ticket.priority or "").capitalize(),
        "ticket.tags": " ".join(ticket.tags),
        "ticket.requester.name": requester.name,
        "ticket.requester.first_name": requester.name.split()[0],
        "ticket.requester.email": requester.email,
        "ticket.assignee.name": agent.name if agent else "",
        "ticket.assignee.email": agent.email if agent else "",
        "ticket.latest_comment": ticket.comments[-1]["body"] if ticket.comments else "",
        "ticket.latest_public_comment": next((c["body"] for c in reversed(ticket.comments) if c["public"]), ""),
        "ticket.updated_at_with_timestamp": ticket.updated_at,
    }.items()
