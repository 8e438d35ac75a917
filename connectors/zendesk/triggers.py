"""Which ticket a trigger's or automation's own webhook names, in whatever form an administrator chose. Pure.

Of what was typed there only the ticket's id is believed, and that only as a reason to read the ticket: the words are
localised, a placeholder may break or add to the body, and variables in the address are not signed at all. Where two ids
disagree, none is believed.
https://developer.zendesk.com/documentation/webhooks/creating-and-monitoring-webhooks/
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import parse_qsl

from connectors.contract import Delivery, Unreadable
from connectors.zendesk.picture import ticket_id

_NAMES = frozenset({"ticket_id", "ticketid", "ticket.id"})
_FORM = re.compile(rb"[A-Za-z0-9_.%+\[\]-]+=")
_CDATA = re.compile(r"\s{0,20}<!\[CDATA\[(.*)\]\]>\s{0,20}")
_XML_ID = re.compile(
    r"<(ticket[_.]?id)(?: [^>]{0,80})?>([^<]{0,80}|\s{0,20}<!\[CDATA\[[^\]]{0,80}\]\]>\s{0,20})</\1>", re.IGNORECASE
)
_XML_TICKET = re.compile(r"<ticket>\s{0,80}<id[^>]{0,80}>([^<]{0,80})</id>", re.IGNORECASE)
_MOST_VARIABLES = 200


def named_ticket(delivery: Delivery) -> str:
    """Return the ticket's id.

    Raises Unreadable if the body is broken, or if it and the address name several or none: a trigger is always about a
    ticket, so that one of which nobody can tell which was typed wrong, and a person must hear of it.
    """
    values = [*_in_body(delivery), *_in_address(delivery.query)]
    found = {known for value in values if (known := ticket_id(value))}
    if len(found) > 1:
        raise Unreadable(f"expected one ticket in a trigger's body, got {len(found)} that disagree")
    if found:
        return found.pop()
    if values:
        raise Unreadable("expected a ticket's id as `ticket_id`, got something else: is {{ticket.id}} spelt so there?")
    if not delivery.body.strip():
        raise Unreadable("expected a body, or `ticket_id` among the variables of the address, got neither")
    raise Unreadable("expected a trigger's body, or its address, to name `ticket_id`, got neither")


def _in_address(query: str) -> Iterator[object]:
    try:
        pairs = parse_qsl(query, max_num_fields=_MOST_VARIABLES)
    except ValueError:
        return
    yield from (value for name, value in pairs if _is_name(name))


def _in_body(delivery: Delivery) -> Iterator[object]:
    body = delivery.body.strip()
    if not body:  # a GET or DELETE webhook: only the address says anything
        return
    kind = delivery.headers.get("content-type", "")
    if body.startswith(b"<") or "xml" in kind:
        yield from _in_xml(body)
    elif "form" in kind or (_FORM.match(body) and not body.startswith((b"{", b"["))):
        yield from _in_address(body.decode(errors="replace"))
    else:
        yield from _in_json(body)


def _in_json(body: bytes) -> Iterable[object]:
    """Return every value that names a ticket, of doubled keys too: a customer's quotation mark can add a second one."""
    outermost: list[tuple[str, Any]] = []

    def kept(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        outermost[:] = pairs  # the last to be read is the outermost
        return dict(pairs)

    try:
        whole = json.loads(body, object_pairs_hook=kept)
    except (ValueError, RecursionError) as error:
        reason = f"expected JSON, a form or XML, got {len(body)} bytes that are not ({type(error).__name__})"
        raise Unreadable(reason) from None
    if not isinstance(whole, dict):
        raise Unreadable(f"expected a JSON object, got {type(whole).__name__}")
    inner = [value.get("id") for name, value in outermost if name == "ticket" and isinstance(value, dict)]
    return [*inner, *(value for name, value in outermost if _is_name(name))]


def _in_xml(body: bytes) -> Iterator[object]:
    # no XML parser: entities and doctypes are an attack on it, and one element is all that is wanted
    text = body.decode(errors="replace")
    found = [_CDATA.sub(r"\1", value) for _, value in _XML_ID.findall(text)] + _XML_TICKET.findall(text)
    if not found and not text.rstrip().endswith(">"):
        raise Unreadable(f"expected XML, got {len(body)} bytes that do not end as XML does")
    yield from found


def _is_name(name: str) -> bool:
    return name.strip().casefold() in _NAMES
