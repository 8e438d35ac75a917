"""What differs between two policies, section by section and in words: for the people who decide whether it is meant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from policies import particulars as about
from policies import sentences as say
from policies.calendars import Calendar
from policies.levels import Level
from policies.particulars import Words
from policies.policy import Example, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing that changed: the lines before and after under each label that differs. None: it was not there."""

    section: str
    name: str
    before: Words | None
    after: Words | None

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels under which something differs, in their order."""
        before, after = self.before or {}, self.after or {}
        return tuple(k for k in dict.fromkeys((*before, *after)) if [*before.get(k, ())] != [*after.get(k, ())])


def differences(old: Policy, new: Policy) -> tuple[Difference, ...]:
    """Compare two policies; what is only written differently is no difference."""
    before, after = _sections(old), _sections(new)
    return tuple(found for section in before for found in _compared(section, before[section], after[section]))


def _compared(section: str, before: Mapping[str, Words], after: Mapping[str, Words]) -> Iterator[Difference]:
    for name in dict.fromkeys((*before, *after)):
        found = Difference(section=section, name=name, before=before.get(name), after=after.get(name))
        if found.before is None or found.after is None or found.labels:
            yield found
    kept_before, kept_after = [n for n in before if n in after], [n for n in after if n in before]
    if kept_before != kept_after:
        yield Difference(section=section, name="the order", before={"": kept_before}, after={"": kept_after})


# --- a policy in words --------------------------------------------------------------------------------------------
def _sections(policy: Policy) -> dict[str, dict[str, Words]]:
    return {
        "About": {"the policy": _about(policy)},
        "Applies to": {place: {"tickets": about.scope(choices)} for place, choices in policy.applies_to.items()},
        "Time": {"durations": about.of_time(policy)},
        "Calendars": {name: _calendar(calendar) for name, calendar in policy.calendars.items()},
        "Severity": {"the table": _severity(policy)},
        "Customers": {tier.name: {"who": [about.tier(tier)]} for tier in policy.tiers},
        "Moods": {mood: {"signs": found} for mood, found in about.signs(policy).items()},
        "Levels": {f"level {level.number}": _level(policy, level) for level in policy.levels},
        "Rules": {rule.name: about.of_rule(policy, rule) for rule in policy.rules if not rule.implied},
        "Coming down": {way.name: about.of_way_down(policy, way) for way in policy.come_down},
        "Guards": {"all moves": about.of_guards(policy)},
        "Roles": {name: about.of_role(policy, name, role) for name, role in policy.roles.items()},
        "Tests": {example.name: _example(example) for example in policy.examples},
    }


def _about(policy: Policy) -> Words:
    review = [say.day(policy.review_by)] if policy.review_by else []
    return {"name": [policy.name], "owner": [policy.owner] if policy.owner else [], "to be reviewed by": review}


def _calendar(calendar: Calendar) -> Words:
    return {
        "time zone": [calendar.timezone],
        "hours": say.hours(calendar),
        "holidays": [f"{at} {name}" for at, name in sorted(calendar.holidays.items())],
        "closed": [str(at) for at in sorted(calendar.closed)],
    }


def _severity(policy: Policy) -> Words:
    table = policy.severity
    if table is None:
        return {}
    rows = {f"impact {impact}": _cells(table.urgency, table.matrix[impact]) for impact in table.impact}
    return {"order": [", ".join(table.names)], **rows}


def _cells(urgency: Iterable[str], cells: Iterable[str]) -> list[str]:
    return [f"urgency {column}: {cell}" for column, cell in zip(urgency, cells, strict=True)]


def _level(policy: Policy, level: Level) -> Words:
    role = [level.role] if level.role else []
    return {"name": [level.name], "role": role, "path": [level.path.value], **about.of_level(policy, level)}


def _example(example: Example) -> Words:
    return {
        "ticket": [f"{name}: {_said(value)}" for name, value in example.ticket.items()],
        "steps": [_line(step) for step in example.steps],
        "expect": [_line(expectation) for expectation in example.expect],
    }


def _line(said: Mapping[str, object]) -> str:
    return ", ".join(f"{name}: {_said(value)}" for name, value in said.items())


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + _line(value) + "}"
    return (
        say.listed(map(_said, value), "and") if isinstance(value, list | tuple) else str(getattr(value, "word", value))
    )


# --- as text ------------------------------------------------------------------------------------------------------
def as_text(old: Policy, new: Policy) -> str:
    """Write the differences of two policies, or that there are none."""
    lines = [f"{old.name} {old.revision} → {new.name} {new.revision}"]
    found = differences(old, new)
    for section in dict.fromkeys(difference.section for difference in found):
        lines += ["", section]
        for difference in found:
            if difference.section == section:
                lines += _shown(difference)
    if not found:
        lines.append("They say the same." if old.revision != new.revision else "They are the same.")
    return "\n".join(lines) + "\n"


def _shown(difference: Difference) -> Iterator[str]:
    sign = "+" if difference.before is None else "-" if difference.after is None else "~"
    what = {"+": " (new)", "-": " (gone)", "~": ""}[sign]
    yield f"  {sign} {difference.name}{what}"
    before, after = difference.before or {}, difference.after or {}
    for label in difference.labels:
        gone = [line for line in before.get(label, ()) if line not in after.get(label, ()) or not label]
        come = [line for line in after.get(label, ()) if line not in before.get(label, ()) or not label]
        if not gone and not come:  # the same lines in another order
            gone, come = list(before.get(label, ())), list(after.get(label, ()))
        if label:
            yield f"      {label}"
        joined = [(sign, ", ".join(lines)) for sign, lines in (("-", gone), ("+", come)) if lines] if not label else []
        for mark, line in joined or [*(("-", line) for line in gone), *(("+", line) for line in come)]:
            yield f"        {mark} {line}"
