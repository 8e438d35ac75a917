"""What a policy document may say about people: whom to tell, and who may confirm, snooze and hold."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from policies.commands import Recipient
from policies.consent import MANAGER
from policies.grammar import limited
from policies.policy import People
from policies.shapes import Shape, either, expected, line, named, one_or_many, record, shape, table, text
from policies.source import Fault, Node

LONGEST_ADDRESS = 254
MOST_RECIPIENTS = 100
_WORD, _LABEL = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+", "[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"{_WORD}(\.{_WORD})*@{_LABEL}(\.{_LABEL})+")


def is_address(text: object) -> bool:
    """Say whether this is one plain e-mail address, and nothing that could become another line of a letter."""
    return isinstance(text, str) and len(text) <= LONGEST_ADDRESS and _ADDRESS.fullmatch(text) is not None


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
        dot = ", with a dot behind the @" if _ADDRESS.fullmatch(f"{said}.example") else ""
        raise expected(node, f"an e-mail address such as lead@example.com{dot}")
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


_recipients = limited(MOST_RECIPIENTS, "recipients", one_or_many(_recipient))


@shape(_recipients.schema)
def tell(node: Node) -> tuple[Recipient, ...]:
    """Read whom to tell: one or several, each of them once."""
    found = _recipients(node)
    seen: set[Recipient] = set()
    for one in found:
        if one in seen:
            raise Fault(node.problem(f"{one} is named twice here"))
        seen.add(one)
    return found


def role(names: Collection[str] | None) -> Shape[str]:
    """Return the reader of a role's name; the one that is fixed is not taken for a misspelling of another one."""
    some = named("role", names)

    def read(node: Node) -> str:
        if node.text == MANAGER and names is not None and MANAGER not in names:
            fixed = "whose people may snooze, hold and release is called exactly so; name it so in `roles`"
            raise Fault(node.problem(f"unknown role {MANAGER}: the role {fixed}; known here: {', '.join(names)}"))
        return some(node)

    return Shape(read, some.schema)


roles: Shape[dict[str, People]] = table(
    line,
    lambda _: record(
        People,
        {"people": one_or_many(text).meaning("Ids or names, as the vendors show them.")},
        {"tell": tell.meaning("How to reach them, if a move waits for them to confirm it.")},
    ),
).meaning("Who may confirm moves, by role; an `escalation_manager` may also snooze, hold and release.")
