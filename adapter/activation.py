"""From a text to the active policy: it must load, its targets must make sense, and it must pass its own tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapter.records import Store
from connectors.contract import Connector
from policies.document import dump, overdue, parse
from policies.lint import lint
from policies.policy import Policy
from policies.simulate import ExampleResult, run_examples

KINDS = ("error", "warning")


class PolicyRefused(Exception):
    """The policy loads but must not be used yet; the text says what is wrong, one sentence a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a check found: the policy, its tests, and sentences that are errors or only warnings."""

    policy: Policy
    results: tuple[ExampleResult, ...]
    problems: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """The policy may be activated."""
        return not self.problems and all(result.passed for result in self.results)


def check(text: str, source: str, vendors: Mapping[str, Connector], now: datetime) -> Report:
    """Load a policy and try it. Raises policies.source.PolicyError if it does not even load."""
    policy = parse(text, source=source)
    found = {kind: [f"{source}:{f.line}: {f}" for f in lint(policy) if f.severity == kind] for kind in KINDS}
    return Report(
        policy=policy,
        results=run_examples(policy),
        problems=(*_targets(policy, vendors), *found["error"]),
        warnings=(*found["warning"], *overdue(policy, now.date()), *_untested(policy, source)),
    )


def activate(report: Report, store: Store, now: datetime) -> None:
    """Make a checked policy the active one. Raises PolicyRefused if it did not pass."""
    if not report.passed:
        failed = [f"{r.where}: {r.name}: {failure}" for r in report.results for failure in r.failures]
        raise PolicyRefused("\n".join([*report.problems, *failed]))
    store.activate(report.policy.revision, report.policy.name, dump(report.policy), now)


def _untested(policy: Policy, source: str) -> list[str]:
    return [] if policy.examples else [f"{source}: it has no tests; nothing guards it against the next edit"]


def _targets(policy: Policy, vendors: Mapping[str, Connector]) -> list[str]:
    found = []
    for level in policy.levels:
        for at in {*level.places, *level.fallbacks, *(level.out_of_hours.places if level.out_of_hours else ())}:
            vendor, _, site = at.partition("/")
            connector = vendors.get(vendor)
            if connector is None:
                found.append(f"level {level.number}: there is no vendor {at!r}; there are {', '.join(vendors)}")
                continue
            for target in level.targets(vendor, site):
                found += [f"level {level.number}, {at}: {what}" for what in connector.check_target(target)]
    return found
