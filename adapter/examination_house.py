"""What Stepladder finds out about itself, without asking a vendor: vain settings, what was missed, how its file is.

Pure but for the store, which is only read.
"""

from __future__ import annotations

import difflib
import shutil
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from adapter.facts import ended_by
from adapter.gaps import Rounds
from adapter.inspection import Inspection, Sought
from adapter.messenger import recipients, unheard
from adapter.missed import report
from adapter.records import Store
from adapter.settings import Settings
from connectors.site import SiteSettings
from connectors.upkeep import Finding, Grade
from policies.configured import asked_fields, target_fields
from policies.policy import Policy


def of_settings(settings: Settings, policy: Policy | None) -> Iterator[Finding]:
    """Yield what the settings and the policy say of each other in vain."""
    if policy is None:
        says = "No policy is active, and there is no file of one: nothing is decided."
        cure = "Copy one from policies/library and fit it; `stepladder policy activate FILE`"
        yield Finding(name="settings:policy", check="settings", grade=Grade.PROBLEM, says=says, cure=cure)
        return
    for number, sentence in enumerate(unheard(policy, settings), 1):
        yield _vain(f"messages:{number}", Grade.WARNING, f"{sentence[:1].upper()}{sentence[1:]}.")
    named = {one.on_call for one in recipients(policy)}
    for name in settings.on_call:
        if name not in named:
            says = f'The policy tells nobody who is on call as "{name}".'
            yield _vain(f"on-call:{name}", Grade.NOTE, says, f'[on_call."{name}"] can go')
    for name, site in settings.sites.items():
        if site.vendor not in policy.applies_to and f"{site.vendor}/{name}" not in policy.applies_to:
            says = f"The policy says nothing of the site {name}: nothing happens to its tickets."
            yield _vain(f"site:{name}", Grade.WARNING, says, f"applies_to: {{{site.vendor}/{name}: all}} in the policy")
        sets = frozenset[str]().union(*(target_fields(level, site.vendor, name) for level in policy.levels))
        if unused := sorted(set(site.fields) - asked_fields(policy) - sets - _OFTEN):
            says = f"The policy neither asks about nor sets these fields of {name}: {', '.join(unused)}."
            yield _vain(f"fields:{name}", Grade.NOTE, says, f"Lines of [sites.{name}.fields] that can go")


_OFTEN = frozenset({"form", "language", "tier"})
"""Fields that are also read for handoff notes and branches, so that nobody is told to take them away."""


class File(Protocol):
    """What is asked about the database's file."""

    def damage(self, most: int) -> Exception | None:
        """Read the whole file, if it has no more than so many bytes, and return what is wrong with it."""


def of_file(
    store: File, file: Path, usage: Callable[[Path], tuple[int, int, int]] = shutil.disk_usage
) -> Iterator[Finding]:
    """Yield how the database's file and its disk are. The whole file is read. `usage`: bytes in all, used and free."""
    size, (whole, _, left) = file.stat().st_size, usage(file.parent)
    damage = store.damage(size)
    if damage is not None:
        yield Finding(name="database:damaged", check="database", grade=Grade.PROBLEM, says=f"{damage}.")
    if left < whole * _SCARCE:
        says = f"The disk of {file.name} has {_sized(left)} left, {left / whole:.0%} of it."
        cure = "Free some space: while it is full no delivery is taken"
        yield Finding(name="database:disk", check="database", grade=Grade.WARNING, says=says, cure=cure)
    if damage is None:
        says = f"{file.name} is whole: {_sized(size)}, on a disk with {_sized(left)} left."
        yield Finding(name="database:whole", check="database", grade=Grade.NOTE, says=says)


_SCARCE = 0.1
"""Of a disk."""


def _sized(size: int) -> str:
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.1f} MB"


def accepted_in_vain(settings: SiteSettings, found: Sequence[Finding]) -> Iterator[Finding]:
    """Yield the names that are accepted although nothing goes by them: mistyped, or not found any more."""
    heard = [finding.name for finding in found]
    for name in settings.accepts:
        if name not in heard:
            near = difflib.get_close_matches(name, heard, n=1)
            cure = f'did you mean "{near[0]}"?' if near else "The name in `accepts` can go, unless it comes back"
            yield _vain(
                f"accepts:{name}", Grade.NOTE, f'Nothing is found that goes by the accepted name "{name}".', cure
            )


def paused(store: Store, scope: str) -> Iterator[Finding]:
    """Yield why nothing is written at a site (`vendor/site`), or by a rule, and what ends it."""
    for switch, reason in store.switches().items():
        kind, _, name = switch.partition(":")
        if switch == "all" or switch == f"site:{scope}" or kind == "rule":
            what = {"all": "Every write", "site": "Every write at this site"}.get(kind, f"The rule {name}")
            yield Finding(
                name=f"paused:{switch}",
                check="paused",
                grade=Grade.WARNING,
                says=f"{what} is paused: {reason}",
                cure=ended_by(switch),
            )


def of_site(store: Store, scope: str, now: datetime, rounds: Rounds) -> Iterator[Finding]:
    """Yield what the tables say of a site (`vendor/site`): what was missed today, and what it cost."""
    watch, problem = store.watch_of(scope), None
    if watch is not None:
        problem = watch.problem
    day = store.day(scope, now.date())
    grade = Grade.WARNING if problem or day.missed else Grade.NOTE
    cure = "The vendor's list of failed deliveries says why; is the webhook complete?" if day.missed else ""
    says = "; ".join(report(store, scope, now, rounds))
    yield Finding(name="missed:today", check="missed", grade=grade, says=f"{says[:1].upper()}{says[1:]}.", cure=cure)


def unreadable(store: Inspection, scope: str) -> Iterator[Finding]:
    """Yield that dead letters of a site (`vendor/site`) wait for a person, if some do."""
    dead = [one for one in store.deliveries(Sought(site=scope, limit=_COUNTED), dead=True) if one.size is not None]
    if dead:
        many = "more than " if len(dead) == _COUNTED else ""
        latest = f"the latest of {dead[0].received_at:%d %b %H:%M} UTC"
        says = f"Deliveries that could not be read: {many}{len(dead):,}, {latest}."
        cure = "`stepladder deliveries list --dead` says why; after an update `stepladder deliveries replay --dead`"
        yield Finding(name="deliveries:dead", check="deliveries", grade=Grade.WARNING, says=says, cure=cure)


_COUNTED = 1000


def _vain(what: str, grade: Grade, says: str, cure: str = "") -> Finding:
    return Finding(name=f"settings:{what}", check="settings", grade=grade, says=says, cure=cure)
