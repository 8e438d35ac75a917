"""Internal comments: written where only agents read, checked, and taken back if Jira shows them to the customer.

An issue may have moved into a service project since we last heard of it, so every note is marked as internal when it is
written, in a plain project too, and how it came out is asked of Jira, never of what we remember.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from connectors.contract import Call, Outcome, Refused, TryLater
from connectors.jira.answers import comment_id, with_operation
from connectors.jira.line import Line, issue_path, object_in
from connectors.jira.notes import render
from connectors.jira.picture import comment, is_portal
from connectors.jira.values import mapping
from connectors.jira.writeback import MARKER
from policies.model import Ticket, TicketRef

_PAGE = 100
_INTERNAL = {"key": "sd.public.comment", "value": {"internal": True}}
_NOTE = frozenset({"note"})


class Comments:
    """Writes notes as comments of one site. Safe to use from several threads."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def carry_out(self, call: Call, ticket: Ticket) -> Outcome:
        """Write the note through the service desk; on an issue that is no request, through the platform."""
        if ticket.portal is False:
            return self._on_platform(call, ticket)
        text = render(call.note, call.told) if call.note else ""
        path = f"/rest/servicedeskapi/request/{quote(ticket.ref.id, safe='')}/comment"
        try:
            made = object_in(self._line.write("POST", path, {"body": text, "public": False}, call, ticket))
        except Refused as no:
            if not no.gone:
                raise
            return self._on_platform(call, ticket)
        self._must_be_internal(made, ticket.ref)
        return Outcome(vendor_id=comment_id(made))

    def look(self, call: Call, ref: TicketRef, account: str | None) -> Outcome | None:
        """Is the note there already? A public one is taken back."""
        found = with_operation(self.newest(ref), call.operation, account)
        if found is None:
            return None
        self._must_be_among_staff(found, ref)
        return Outcome(vendor_id=comment_id(found))

    def newest(self, ref: TicketRef) -> Mapping[str, Any]:
        """Return the newest hundred comments, with who can read them."""
        params = {"orderBy": "-created", "maxResults": str(_PAGE), "expand": "properties"}
        return object_in(self._line.send("GET", f"{issue_path(ref)}/comment", params=params))

    def _on_platform(self, call: Call, ticket: Ticket) -> Outcome:
        """Comment on an issue that is no request, as far as we know: in a plain project, or without a request type."""
        text = render(call.note, call.told) if call.note else ""
        body = {"body": text, "properties": [{"key": MARKER, "value": {"op": call.key}}, _INTERNAL]}
        path = f"{issue_path(ticket.ref)}/comment?expand=properties"
        made = object_in(self._line.write("POST", path, body, call, ticket))
        self._must_be_among_staff(made, ticket.ref)
        return Outcome(vendor_id=comment_id(made))

    def _must_be_among_staff(self, made: Mapping[str, Any], ref: TicketRef) -> None:
        """Take a note back that is not internal where the issue is now; in a plain project nobody outside reads it."""
        if getattr(comment(made, {}), "public", None) is False:
            return
        try:
            desk = self._is_desk(ref)
        except TryLater as later:  # the note is there, so look again before writing another
            later.sent = True
            raise
        except Refused as no:
            what = f"ALARM: whether customers can read the internal note could not be found out: {no}"
            raise Refused(what, parts=_NOTE, gone=no.gone, applied=True) from no
        if desk:
            self._must_be_internal(made, ref)

    def _must_be_internal(self, made: Mapping[str, Any], ref: TicketRef) -> None:
        """Take a note back that Jira, against our request, shows to the customer, and raise the alarm."""
        path = f"{issue_path(ref)}/comment/{comment_id(made)}"
        try:
            said = comment(made, {})
            if said is None or said.public is None:
                said = comment(object_in(self._line.send("GET", f"{path}?expand=properties")), {})
            if said is not None and said.public is False:
                return
            self._line.send("DELETE", path)
        except TryLater as later:  # the note is there, so look again before writing another
            later.sent = True
            raise
        except Refused as no:
            what = f"ALARM: Jira made the internal note public and keeps it: {no}"
            raise Refused(what, parts=_NOTE, applied=True) from no
        raise Refused("ALARM: Jira made the internal note public; it was deleted at once", parts=_NOTE, applied=True)

    def _is_desk(self, ref: TicketRef) -> bool:
        issue = object_in(self._line.send("GET", issue_path(ref), params={"fields": "project"}))
        return is_portal(mapping(issue.get("fields"))) is not False
