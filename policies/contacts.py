"""What a policy document may say about people: whom to tell, and who may confirm, snooze and hold."""

from __future__ import annotations

import re
from typing import Any

from policies.commands import Recipient
from policies.policy import People
from policies.shapes import Shape, either, expected, line, one_or_many, record, shape, table, text
from policies.source import Fault, Node

LONGEST_ADDRESS = 254
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


@shape(
    {
        "type": "string",
        "pattern": f"^{_ADDRESS.pattern}$",
        "maxLength": LONGEST_ADDRESS,
        "examples": ["lead@example.com"],
    }
)
def address(node: Node) -> str:
    """Read one plain e-mail address: no name beside it, no spaces, nothing that could become a header of its own."""
    said = text(node)
    if len(said) > LONGEST_ADDRESS:
        raise Fault(node.problem(f"an e-mail address has at most {LONGEST_ADDRESS} characters; this has {len(said)}"))
    if not _ADDRESS.fullmatch(said):
        raise expected(node, "an e-mail address such as lead@example.com")
    return said


def _on_duty(on_call: str, **rest: Any) -> Recipient:
    return Recipient(on_call=on_call, otherwise=rest["else"])


_on_call = record(
    _on_duty,
    {
        "on_call": line.meaning("Whoever is on call: a name of `[on_call]` in stepladder.toml."),
        "else": address.meaning("Who is told if nobody is on call, or that cannot be found out."),
    },
)


@shape(either(address.schema, _on_call.schema))
def _recipient(node: Node) -> Recipient:
    if node.pairs is not None:
        return _on_call(node)
    if node.items is not None:
        raise expected(node, "an e-mail address, or {on_call: …, else: …}")
    return Recipient(address=address(node))


_recipients = one_or_many(_recipient)


@shape(_recipients.schema)
def tell(node: Node) -> tuple[Recipient, ...]:
    """Read whom to tell: one or several, each of them once."""
    found = _recipients(node)
    twice = next((one for number, one in enumerate(found) if one in found[:number]), None)
    if twice is not None:
        raise Fault(node.problem(f"{twice} is named twice here"))
    return found


roles: Shape[dict[str, People]] = table(
    line,
    lambda _: record(
        People,
        {"people": one_or_many(text).meaning("Ids or names, as the vendors show them.")},
        {"tell": tell.meaning("How to reach them, if a move waits for them to confirm it.")},
    ),
).meaning("Who may confirm moves, by role; an `escalation_manager` may also snooze, hold and release.")
