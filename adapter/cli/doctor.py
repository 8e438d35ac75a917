"""`stepladder doctor [SITE]`: every site examined, each finding with its cure, the worst first. It changes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click

from adapter.cli.meant import Forgetful, administrator, policy_of, site_named, store_of, uses_at
from adapter.cli.tools import Tools, config_option, plainly
from adapter.examination import Examined, Verdict, as_json, examine, keep, last, remembering, together, verdict
from adapter.examination_house import of_settings, of_site
from adapter.gaps import Rounds
from adapter.records import Store
from adapter.settings import Settings
from connectors.contract import Connector, Refused, TryLater
from connectors.site import Site, SiteSettings
from connectors.upkeep import Finding, Grade
from policies.commands import Mode
from policies.policy import Policy

_WORST_FIRST = (Grade.PROBLEM, Grade.UNKNOWN, Grade.WARNING, Grade.NOTE, Grade.FINE)
_INDENT = " " * 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What was found at one site, or why it could not be examined."""

    name: str
    title: str
    settings: SiteSettings
    findings: tuple[Finding, ...]
    verdict: Verdict
    problem: str | None = None

    @property
    def is_well(self) -> bool:
        """Nothing is wrong that nobody has accepted."""
        return self.problem is None and not any(map(self.is_wrong, self.findings))

    def is_wrong(self, finding: Finding) -> bool:
        """Say whether somebody has to act on this: a problem, or that the customer hears; unless it is accepted."""
        return (finding.grade is Grade.PROBLEM or finding.customer_hears) and not self.accepts(finding)

    def accepts(self, finding: Finding) -> bool:
        """Say whether somebody has accepted this by name."""
        return finding.name in self.settings.accepts


@click.command()
@click.argument("site", required=False)
@click.option("--as", "email", metavar="EMAIL", help="An administrator's e-mail address; their token is asked for.")
@click.option("--json", "as_data", is_flag=True, help="Print JSON, for machines.")
@config_option
@click.pass_obj
@plainly
def doctor(tools: Tools, site: str | None, email: str | None, as_data: bool, config: Path | None) -> None:
    """Examine SITE, or every site: what is wrong, who would hear of our writes, and the cure of each.

    With an administrator's token ($STEPLADDER_SETUP_TOKEN, or --as) it also sees what only they may see. A finding is
    accepted by its name in `accepts = [...]` of the site's table. Ends with 0 if nothing is wrong, 1 if something is,
    2 if a site could not be examined.
    """
    settings = tools.read_settings(config)
    if site is not None:
        site_named(settings, site)
    names = [site.rpartition("/")[2]] if site is not None else list(settings.sites)
    store, now = store_of(tools, settings), tools.clock()
    policy = policy_of(store, settings)
    house = tuple(of_settings(settings, policy))
    reports = [_examined(tools, settings, store, policy, name, email, now) for name in names]
    click.echo(_data(reports, house, now) if as_data else "\n\n".join([*map(_text, reports), *_house_text(house)]))
    if any(report.problem is not None for report in reports):
        sys.exit(2)
    wrong = any(finding.grade is Grade.PROBLEM for finding in house)
    sys.exit(1 if wrong or not all(report.is_well for report in reports) else 0)


def _examined(
    tools: Tools,
    settings: Settings,
    store: Store | None,
    policy: Policy | None,
    name: str,
    email: str | None,
    now: datetime,
) -> Report:
    """Examine one site, and keep what was found for the process that runs."""
    site = settings.sites[name]
    connector, scope = tools.vendors()[site.vendor], f"{site.vendor}/{name}"
    found, problem = tuple[Finding, ...](), None
    try:
        uses = uses_at(policy, settings, name)
        found = examine(name, connector, site, tools.keeper(settings), uses, now)
        if (admin := administrator(connector, site, email, asks=email is not None)) is not None:
            admin = admin.model_copy(update={"account": _account(tools, settings, connector, name)})
            found = together(found, examine(name, connector, admin, Forgetful(), uses, now))
    except (TryLater, Refused) as error:
        problem = str(error)
    else:
        if store is not None:
            revision = policy.revision if policy is not None else None
            found = remembering(found, last(store, scope))
            keep(store, scope, Examined(at=now, policy=revision, findings=found))
    rounds = Rounds(every=timedelta(minutes=settings.missed.every), wait=timedelta(minutes=settings.missed.wait))
    ours = tuple(of_site(store, scope, now, rounds)) if store is not None else ()
    judged = verdict(site, found)
    return Report(
        name=name, title=connector.title, settings=site, findings=found + ours, verdict=judged, problem=problem
    )


def _account(tools: Tools, settings: Settings, connector: Connector, name: str) -> str:
    """Return the id of Stepladder's own account: an administrator looks at what its writes would do."""
    site = settings.sites[name]
    client = connector.connect(Site(name=name, settings=site, account=site.account), tools.keeper(settings))
    try:
        return client.account()
    finally:
        client.close()


# --- as text ------------------------------------------------------------------------------------------------
def _text(report: Report) -> str:
    lines = [f"{report.name} ({report.title}), {_mode(report)}"]
    if report.problem is not None:
        lines += [_line("PROBLEM", f"It could not be examined: {report.problem}")]
    shown = [finding for finding in report.findings if finding.grade is not Grade.FINE]
    for finding in sorted(shown, key=lambda one: (not report.is_wrong(one), _WORST_FIRST.index(one.grade))):
        lines += _told(finding, accepted=report.accepts(finding))
    fine = [finding for finding in report.findings if finding.grade is Grade.FINE]
    if fine:
        checks = ", ".join(dict.fromkeys(finding.check for finding in fine))
        lines.append(_line("fine", f"{len(fine)}: {checks}"))
    return "\n".join(lines)


def _mode(report: Report) -> str:
    mode = report.settings.mode
    if mode is Mode.ACT and report.verdict.waits_for:
        return f"mode {mode}, but only observed: people outside would hear of our writes"
    return f"mode {mode}"


def _told(finding: Finding, *, accepted: bool = False) -> list[str]:
    word = "PROBLEM" if finding.grade is Grade.PROBLEM else finding.grade.value
    word = "accepted" if accepted else "HEARD" if finding.customer_hears else word
    cure = [f"{_INDENT}→ {finding.cure}"] if finding.cure and not accepted else []
    return [_line(word, finding.says), *cure, f"{_INDENT}{finding.name}"]


def _line(word: str, says: str) -> str:
    return f"  {word:10}{says}"


def _house_text(findings: Sequence[Finding]) -> list[str]:
    lines = [line for finding in findings for line in _told(finding)]
    return ["\n".join(["Stepladder itself", *lines])] if lines else []


# --- as JSON ------------------------------------------------------------------------------------------------
def _data(reports: Sequence[Report], house: Sequence[Finding], now: datetime) -> str:
    sites = [
        {
            "site": report.name,
            "vendor": report.settings.vendor,
            "mode": report.settings.mode.value,
            "works_as": report.verdict.mode.value,
            "well": report.is_well,
            "problem": report.problem,
            "findings": [{**as_json(one), "accepted": report.accepts(one)} for one in report.findings],
        }
        for report in reports
    ]
    told = {"examined_at": now.isoformat(), "sites": sites, "settings": [as_json(finding) for finding in house]}
    return json.dumps(told, indent=2, ensure_ascii=False)
