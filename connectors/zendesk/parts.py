"""A call's parts as the fields of one PUT: names become ids, and a pool becomes a person. It reads no ticket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

from connectors.contract import Call, Refused
from connectors.zendesk.directory import Directory
from connectors.zendesk.notes import render
from connectors.zendesk.picture import level_tag
from connectors.zendesk.pools import Pools
from policies.model import JSON, Ticket


class Parts:
    """Turns the policy's words into Zendesk's fields, and says which id each name became."""

    def __init__(
        self, directory: Directory, pools: Pools, level_field: Callable[[], str | None], account: Callable[[], str]
    ) -> None:
        self._directory = directory
        self._pools = pools
        self._account = account
        self._level_field = level_field

    def fields(self, call: Call, ticket: Ticket) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the fields to send and what was resolved. Raises Refused, naming the parts that cannot be."""
        parts = call.parts
        resolved = self._place(parts, ticket)
        wanted: dict[str, Any] = {"metadata": {"stepladder": call.key}}
        if "group" in resolved:
            wanted |= {"group_id": int(resolved["group"]), "assignee_id": None}
        if "assignee" in resolved or "assignee" in parts:
            wanted["assignee_id"] = int(resolved["assignee"]) if "assignee" in resolved else None
        if "followers" in parts:
            ids = [self._directory.person(who, "followers") for who in cast("Iterable[object]", parts["followers"])]
            resolved["followers"] = ",".join(ids)
            wanted["followers"] = [{"user_id": who, "action": "put"} for who in ids]
        if "priority" in parts:
            wanted["priority"] = parts["priority"]
        if "level" in parts and (number := self._level_field()) is not None:
            tag = level_tag(level) if (level := cast(int, parts["level"])) > 1 else None
            wanted["custom_fields"] = [{"id": int(number), "value": tag}]
        if "note" in parts and call.note is not None:
            wanted["comment"] = {"html_body": render(call.note, call.told), "public": False}
        return wanted, resolved

    def _place(self, parts: Mapping[str, JSON], ticket: Ticket) -> dict[str, str]:
        """Return the ids of the group and the person that the ticket goes to."""
        resolved = {}
        if parts.get("group") is not None:
            resolved["group"] = self._directory.group(parts["group"], "group")
        if parts.get("assignee") is not None:
            resolved["assignee"] = self._able(self._directory.person(parts["assignee"], "assignee"))
        elif isinstance(pool := parts.get("pool"), Mapping):
            stands_in = ticket.group.id if ticket.group is not None else None  # its agents only, says Zendesk
            resolved["assignee"] = self._pools.choose(pool, resolved.get("group", stands_in), self._account())
        return resolved

    def _able(self, person: str) -> str:
        """Return a person who can be assigned tickets, as far as is known: Zendesk does not say what else it does."""
        if self._directory.is_light(person):
            name = self._directory.known().get(f"user:{person}", person)
            sentence = f"Zendesk's agent {name} is a light agent, who can be assigned nothing"
            raise Refused(sentence, parts=frozenset({"assignee"}))
        return person
