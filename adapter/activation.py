"""From a text to the active policy: it must load, its targets must make sense, and it must pass its own tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from adapter.records import Store
from adapter.settings import Settings
from adapter.targets import unfit
from connectors.contract import Connector
from connectors.site import SiteSettings
from policies.configured import Sites
from policies.document import dump, overdue, parse
from policies.findings import Finding, placed
from policies.lint import lint
from policies.policy import Policy
from policies.simulate import ExampleResult, run_examples
from policies.source import PolicyError, Problem

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


def check(
    text: str, source: str, vendors: Mapping[str, Connector], now: datetime, settings: Settings | None = None
) -> Report:
    """Load a policy and try it, against the configured sites if they are known.

    Raises policies.source.PolicyError if it does not even load.
    """
    policy = parse(text, source=source)
    findings = lint(policy, _sites(settings) if settings is not None else None)
    findings += placed(policy, overdue(policy, now.date()))
    found = {kind: [_shown(policy, f, source) for f in findings if f.severity == kind] for kind in KINDS}
    return Report(
        policy=policy,
        results=run_examples(policy),
        problems=(*unfit(policy, source, vendors), *found["error"]),
        warnings=(*found["warning"], *_untested(policy, source)),
    )


def activate(report: Report, store: Store, now: datetime) -> None:
    """Make a checked policy the active one. Raises PolicyRefused if it did not pass."""
    if not report.passed:
        failed = [f"{r.where}: {r.name}: {failure}" for r in report.results for failure in r.failures]
        raise PolicyRefused("\n".join([*report.problems, *failed]))
    store.activate(report.policy.revision, report.policy.name, dump(report.policy), now)


def _shown(policy: Policy, finding: Finding, source: str) -> str:
    """Write a finding with its place: the line itself and a caret."""
    problem = Problem(line=finding.line, column=finding.column, message=str(finding), width=finding.width)
    return str(PolicyError([problem], policy.text, source))


def _untested(policy: Policy, source: str) -> list[str]:
    return [] if policy.examples else [f"{source}: it has no tests; nothing guards it against the next edit"]


def _sites(settings: Settings) -> Sites:
    return {f"{site.vendor}/{name}": _fields(site) for name, site in settings.sites.items()}


def _fields(site: SiteSettings) -> frozenset[str]:
    """Return the names of a site's fields, with those that only some of its projects have."""
    parts = (site, *getattr(site, "projects", {}).values())
    return frozenset(name for part in parts for name in part.fields)
