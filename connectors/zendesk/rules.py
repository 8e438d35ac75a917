"""What triggers, automations and SLA policies would do because of our writes, as findings: who hears, what is undone.

Pure: the rules come as Zendesk lists them, and nothing is asked. What only tells agents is nobody's concern here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from connectors.upkeep import Finding, Grade
from connectors.zendesk.foreign import (
    MOVES,
    NOTE_ALONE,
    JSONObject,
    Write,
    concerns,
    field_key,
    objects,
    text_of,
    with_consequences,
    words_of,
    would_run,
)
from connectors.zendesk.picture import level_in

_RULES = "Admin Center → Objects and rules → Business rules"
_OUTSIDE = {
    "requester_id": "the requester",
    "requester_and_ccs": "the requester and CCs",
    "requester_and_ccs_and_followers": "the requester and CCs",
    "email_ccs": "CCs",
}
_HEARD = {
    "tweet_requester": "writes to the requester on X",
    "satisfaction_score": "asks the requester for a rating",
    "notification_messaging_csat": "asks the requester for a rating",
    "deflection": "sends the requester articles",
    "share_ticket": "shares the ticket with another company",
}
_PLACES = {"group_id": "group", "assignee_id": "assignee", "priority": "priority", "status": "status"}


class _Kind(Enum):
    HEARS = "hears"
    UNDOES = "undoes"
    DOUBLES = "doubles"


@dataclass(frozen=True, slots=True)
class _Effect:
    kind: _Kind
    says: str
    certain: bool
    write: str


def triggers(
    rules: Sequence[JSONObject], moves: Sequence[Write], site: str, level_field: str | None
) -> Iterator[Finding]:
    """Yield what active triggers do on our writes, also in consequence of one another."""
    active = [rule for rule in rules if rule.get("active") is not False]
    wider = [with_consequences(write, active) for write in moves]
    for rule in active:
        found = []
        for narrow, write in zip(moves, wider, strict=True):
            runs = would_run(rule.get("conditions"), write)
            if runs is not False:
                certain = would_run(rule.get("conditions"), narrow) is True
                found += list(_effects(rule, narrow, level_field, certain))
        yield from _told(rule, "trigger", found, site, len({write.name for write in moves}))


def automations(
    rules: Sequence[JSONObject], moves: Sequence[Write], site: str, level_field: str | None
) -> Iterator[Finding]:
    """Yield what hourly automations do to tickets because our writes leave them so."""
    for rule in rules:
        found = []
        for write in moves if rule.get("active") is not False else ():
            conditions = rule.get("conditions")
            if would_run(conditions, write) is not False and concerns(conditions, write):
                found += list(_effects(rule, write, level_field, certain=False))
        yield from _told(rule, "automation", found, site, len({write.name for write in moves}))


def tells_others(rules: Sequence[JSONObject], moves: Sequence[Write], ours: Collection[str]) -> tuple[str, ...]:
    """Return the titles of the active triggers that tell other systems of our writes: what those do, nobody knows here.

    `ours`: the ids of our own webhooks.
    """
    found = []
    for rule in rules:
        told = [action for action in objects(rule.get("actions")) if action.get("field") in _SYSTEMS]
        told = [action for action in told if not set(words_of(action.get("value"))[:1]) & set(ours)]
        runs = any(would_run(rule.get("conditions"), write) is not False for write in moves)
        if told and runs and rule.get("active") is not False:
            found.append(text_of(rule.get("title")))
    return tuple(found)


_SYSTEMS = frozenset({"notification_webhook", "notification_target", "notification_zis"})


def _effects(rule: JSONObject, write: Write, level_field: str | None, certain: bool) -> Iterator[_Effect]:
    for action in objects(rule.get("actions")):
        name, value = str(action.get("field") or "").replace("ticket_fields_", "custom_fields_"), action.get("value")
        if heard := _heard(name, value):
            yield _Effect(_Kind.HEARS, heard, certain, write.name)
        elif name in ("set_tags", "current_tags", "remove_tags"):
            if says := _tags_undone(name, words_of(value), write):
                yield _Effect(_Kind.UNDOES, says, certain, write.name)
        elif name in _PLACES or (level_field and name == field_key(level_field)):
            word = _PLACES.get(name, "level field")
            yield from _set(name, word, text_of(value), write, certain)


def _heard(name: str, value: object) -> str | None:
    first = text_of(value[0]) if isinstance(value, list) and value else text_of(value)
    if name in ("notification_user", "notification_sms_user") and first in _OUTSIDE:
        return f"{'mails' if name == 'notification_user' else 'sends a text message to'} {_OUTSIDE[first]}"
    if name in ("comment_value", "comment_value_html") and "private" not in first:
        return "adds a comment that the requester can read"
    return _HEARD.get(name)


def _set(name: str, word: str, value: str, write: Write, certain: bool) -> Iterator[_Effect]:
    after = write.sets.get(name, frozenset())
    if name == "status":
        yield _Effect(_Kind.UNDOES, f"sets the status to {value}", certain, write.name)
    elif name == "assignee_id" and value == "current_user":
        yield _Effect(
            _Kind.UNDOES, "assigns the ticket to whoever changed it, which is our own account", certain, write.name
        )
    elif name == "assignee_id" and after == frozenset({""}):
        yield _Effect(
            _Kind.DOUBLES, "chooses an assignee, where the policy leaves that to Zendesk", certain, write.name
        )
    elif after is not None and value in after:
        yield _Effect(_Kind.DOUBLES, f"sets the {word} that the policy sets", certain, write.name)
    elif name in write.sets or name == "group_id":
        yield _Effect(_Kind.UNDOES, f"sets the {word} to {value or 'nothing'}", certain, write.name)


def _tags_undone(name: str, words: Sequence[str], write: Write) -> str | None:
    levels = [word for word in words if level_in(word) is not None]
    if name == "set_tags" and write.tag and write.tag not in words:
        return "replaces all tags, and with them the level"
    if name == "remove_tags" and write.tag in levels:
        return f"takes the tag {write.tag} away, and with it the level"
    if name == "current_tags" and any(word != write.tag for word in levels):
        return "adds the tag of another level"
    return None


# --- findings -----------------------------------------------------------------------------------------------
def _told(rule: JSONObject, kind: str, found: Sequence[_Effect], site: str, of: int) -> Iterator[Finding]:
    number, title = text_of(rule.get("id")), text_of(rule.get("title"))
    where = f'{_RULES} → {kind.capitalize()}s → "{title}"'
    keep = (
        "add the condition *Current user is not* our account" if kind == "trigger" else "exclude our tickets by a tag"
    )
    if heard := [effect for effect in found if effect.kind is _Kind.HEARS]:
        name = f"customer-hears:{kind}:{number}"
        yield Finding(
            name=name,
            check="customer-hears",
            grade=Grade.PROBLEM if any(effect.certain for effect in heard) else Grade.WARNING,
            says=f'The {kind} "{title}" {_summed(heard, of)}.',
            cure=f'{where}: {keep}; or accept it: accepts = ["{name}"] in [sites.{site}]',
            customer_hears=True,
            heard_by_notes=any(effect.write == NOTE_ALONE for effect in heard),
        )
    if undone := [effect for effect in found if effect.kind is _Kind.UNDOES]:
        yield Finding(
            name=f"vendor-rules:{kind}:{number}",
            check="vendor-rules",
            grade=Grade.PROBLEM if any(effect.certain for effect in undone) else Grade.WARNING,
            says=f'The {kind} "{title}" {_summed(undone, of)}: that works against the policy.',
            cure=f"{where}: {keep}, or let the policy say the same",
        )
    elif doubled := [effect for effect in found if effect.kind is _Kind.DOUBLES]:
        yield Finding(
            name=f"vendor-rules:{kind}:{number}",
            check="vendor-rules",
            grade=Grade.NOTE,
            says=f'The {kind} "{title}" {_summed(doubled, of)}.',
            cure=f"{where}: one of the two is enough",
        )


def _summed(effects: Sequence[_Effect], of: int) -> str:
    """Say what happens, and at which of our writes."""
    what = " and ".join(dict.fromkeys(effect.says for effect in effects))
    depends = "" if any(effect.certain for effect in effects) else ", depending on the ticket"
    return f"{what} {_when([effect.write for effect in effects], of)}{depends}"


def _when(names: Sequence[str], of: int) -> str:
    several = list(dict.fromkeys(names))
    if len(several) == of > 1:
        return "whenever we write to a ticket"
    levels = [name.removeprefix(MOVES) for name in several if name.startswith(MOVES)]
    moves = [MOVES + ", ".join(levels)] if levels else []
    return f"when we {' or '.join([*moves, *(name for name in several if not name.startswith(MOVES))])}"


# --- promised times -----------------------------------------------------------------------------------------
def promises(policies: Sequence[JSONObject], moves: Sequence[Write]) -> Iterator[Finding]:
    """Yield the SLA policies that begin to apply, or get or lose their targets, because of our writes."""
    for policy in policies:
        applying = [write for write in moves if would_run(policy.get("filter"), write) is not False]
        says = [*_newly(policy, applying), *_targets(policy, applying)]
        if applying and says:
            ends = any("no target" in sentence for sentence in says)
            yield Finding(
                name=f"sla:policy:{text_of(policy.get('id'))}",
                check="sla",
                grade=Grade.WARNING if ends else Grade.NOTE,
                says=f'The SLA policy "{text_of(policy.get("title"))}" {"; it ".join(says)}.',
                cure=f"{_RULES} → Service level agreements: give every priority that the policy sets a target"
                if ends
                else "",
            )


def _newly(policy: JSONObject, moves: Sequence[Write]) -> Iterator[str]:
    begun = [write.name for write in moves if concerns(policy.get("filter"), write)]
    if begun:
        yield f"may begin to apply {_when(begun, 0)}"


def _targets(policy: JSONObject, moves: Sequence[Write]) -> Iterator[str]:
    """Yield what the priorities that we set promise; a ticket without a priority has no promise at all."""
    given = sorted({word for write in moves for word in write.sets.get("priority") or ()})
    metrics = list(objects(policy.get("policy_metrics")))
    for word in given if metrics else ():
        promised = [
            f"{text_of(metric.get('metric')).replace('_', ' ')} within {text_of(metric.get('target'))} min"
            for metric in metrics
            if metric.get("priority") == word
        ]
        yield (
            f"promises at priority {word}: {', '.join(promised)}" if promised else f"has no target for priority {word}"
        )
