"""Who outside may read our internal notes at a Zendesk account, and which of its triggers tell other systems. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.upkeep import Finding, Grade
from connectors.zendesk.foreign import JSONObject, Write
from connectors.zendesk.office import own_webhooks
from connectors.zendesk.picture import identity, plain
from connectors.zendesk.rules import tells_others

_SHARING = "Admin Center → Account → Security → Ticket sharing"
_GUARDS = "guards → exposed_notes in the policy says what a note tells there: little, or nothing at all"


def sees(agreements: list[JSONObject] | None) -> Iterator[Finding]:
    """Yield with which other accounts tickets are shared, whose agents may read internal notes."""
    if agreements is None:
        says = "Zendesk did not show us its sharing agreements: each ticket says whether it is shared, not with whom."
        yield _sharing("agreements", Grade.UNKNOWN, says, f"An administrator looks at {_SHARING}")
    for one in agreements or ():
        if one.get("status") == "accepted":
            name = plain(one.get("name")) or plain(one.get("remote_subdomain")) or "?"
            says = f"Tickets are shared with {name}, whose agents may read internal notes."
            yield _sharing(f"agreement:{identity(one.get('id'))}", Grade.WARNING, says, _GUARDS)


def opens(people: list[JSONObject] | None) -> Iterator[Finding]:
    """Yield that agents who open a ticket themselves read the notes on it."""
    if people is None:
        says = "Zendesk did not show us its agents: who of the requesters is one, and reads internal notes, is unknown."
        yield _sharing("requesters", Grade.UNKNOWN, says, "An administrator can look")
        return
    agents = sum(1 for one in people if one.get("active") is not False and not one.get("suspended"))
    says = f"{agents} agents read internal notes, on tickets that they open themselves, too; such a note is kept short."
    yield _sharing("requesters", Grade.NOTE, says, _GUARDS)


def others(
    rules: Sequence[JSONObject], moves: Sequence[Write], hooks: list[JSONObject] | None, hook: str | None, site: str
) -> Iterator[Finding]:
    """Yield which triggers tell other systems of our writes; ours is no other, if the webhooks are shown to us."""
    ours = frozenset(str(one.get("id")) for one in own_webhooks(hooks or [], hook, site))
    if told := tells_others(rules, moves, ours):
        perhaps = " (which of their webhooks is this Stepladder's, we may not see)" if hooks is None else ""
        says = f"{len(told)} triggers tell other systems of our writes{perhaps}: {', '.join(told[:5])}."
        yield Finding(name="vendor-rules:others", check="vendor-rules", grade=Grade.NOTE, says=says)


def _sharing(what: str, grade: Grade, says: str, cure: str) -> Finding:
    return Finding(name=f"sharing:{what}", check="sharing", grade=grade, says=says, cure=cure)
