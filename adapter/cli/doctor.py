"""`stepladder doctor [SITE]`: every site examined, each finding with its cure, the worst first. It changes nothing."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import click

from adapter.cli.meant import TOKEN, Forgetful, administrator, policy_of, site_named, store_of, uses_at
from adapter.cli.sought import in_json, printable
from adapter.cli.tools import Tables, Tools, config_option, plainly
from adapter.databases import is_server
from adapter.examination import Examined, Verdict, as_json, examine, keep, last, remembering, together, verdict
from adapter.examination_house import accepted_in_vain, of_file, of_settings, of_site, paused, unreadable
from adapter.gaps import Rounds
from adapter.settings import Settings
from adapter.uses import MONTH
from connectors.contract import Connector, Refused, TryLater
from connectors.site import Site, SiteSettings
from connectors.upkeep import Finding, Grade, Uses
from policies.policy import Policy

_WORST_FIRST = (Grade.PROBLEM, Grade.UNKNOWN, Grade.WARNING, Grade.NOTE, Grade.FINE)
_INDENT = " " * 12
_WIDTH = 100


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

    With an administrator's token ($STEPLADDER_SETUP_TOKEN, or --as) it also sees of SITE what only they may see. A
    finding is accepted by its name in `accepts = [...]` of the site's table. Ends with 0 if nothing is wrong, 1 if
    something is, 2 if a site could not be examined.
    """
    settings = tools.read_settings(config)
    if site is not None:
        site_named(settings, site)
    names = [site.rpartition("/")[2]] if site is not None else list(settings.sites)
    store, now = store_of(tools, settings), tools.clock()
    policy = policy_of(store, settings)
    house = tuple(_of_house(settings, store, policy)) if site is None else ()
    if (alone := len(names) == 1) is False and (email or os.environ.get(TOKEN)):
        click.echo("An administrator's token is one vendor's: it is used only for a SITE that is named.", err=True)
    reports = [_examined(tools, settings, store, policy, name, email, now, alone=alone) for name in names]
    click.echo(_data(reports, house, now) if as_data else "\n\n".join([*map(_text, reports), *_house_text(house)]))
    if any(report.problem is not None for report in reports):
        sys.exit(2)
    wrong = any(finding.grade is Grade.PROBLEM for finding in house)
    sys.exit(1 if wrong or not all(report.is_well for report in reports) else 0)


def _of_house(settings: Settings, store: Tables | None, policy: Policy | None) -> Iterator[Finding]:
    yield from of_settings(settings, policy)
    if store is not None and not is_server(settings.database):
        yield from of_file(store, Path(settings.database.removeprefix("sqlite:///")))


def _examined(
    tools: Tools,
    settings: Settings,
    store: Tables | None,
    policy: Policy | None,
    name: str,
    email: str | None,
    now: datetime,
    *,
    alone: bool,
) -> Report:
    """Examine one site, and keep what was found for the process that runs."""
    site = settings.sites[name]
    connector, scope = tools.vendors()[site.vendor], f"{site.vendor}/{name}"
    found, problem = tuple[Finding, ...](), None
    try:
        uses = uses_at(policy, settings, name, wrote=store.written(scope, now - MONTH) if store is not None else None)
        found = examine(name, connector, site, tools.keeper(settings), uses, now)
        if alone:
            found = _with_administrator(tools, settings, name, email, uses, found, now)
    except (TryLater, Refused) as error:
        problem = str(error)
    else:
        if store is not None:
            revision = policy.revision if policy is not None else None
            found = remembering(found, last(store, scope))
            keep(store, scope, Examined(at=now, policy=revision, findings=found))
        found = (*found, *accepted_in_vain(site, found))
    judged = verdict(site, found)
    if store is not None:
        rounds = Rounds(every=timedelta(minutes=settings.missed.every), wait=timedelta(minutes=settings.missed.wait))
        found = (*found, *paused(store, scope), *of_site(store, scope, now, rounds), *unreadable(store, scope))
    return Report(name=name, title=connector.title, settings=site, findings=found, verdict=judged, problem=problem)


def _with_administrator(
    tools: Tools,
    settings: Settings,
    name: str,
    email: str | None,
    uses: Uses,
    found: tuple[Finding, ...],
    now: datetime,
) -> tuple[Finding, ...]:
    """Return what was found, with what an administrator sees if one is there; that they may not is a finding, too."""
    site = settings.sites[name]
    connector = tools.vendors()[site.vendor]
    admin = administrator(connector, site, email, asks=email is not None)
    if admin is None:
        return found
    admin = admin.model_copy(update={"account": _account(tools, settings, connector, name)})
    try:
        return together(found, examine(name, connector, admin, Forgetful(), uses, now))
    except (TryLater, Refused) as error:
        says = f"The administrator's visit failed, so here is what our own account sees: {error}"
        failed = Finding(
            name="credentials:administrator",
            check="credentials",
            grade=Grade.PROBLEM,
            says=says,
            cure=f"Check ${TOKEN} and the e-mail address; the site's own credentials are well",
        )
        return (*found, failed)


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
        lines += _line("PROBLEM", f"It could not be examined: {report.problem}")
    shown = [finding for finding in report.findings if finding.grade is not Grade.FINE]
    for finding in sorted(shown, key=lambda one: (not report.is_wrong(one), _WORST_FIRST.index(one.grade))):
        lines += _told(finding, accepted=report.accepts(finding))
    fine = [finding for finding in report.findings if finding.grade is Grade.FINE]
    if fine:
        checks = ", ".join(dict.fromkeys(finding.check for finding in fine))
        so = "1 finding is as it" if len(fine) == 1 else f"{len(fine)} findings are as they"
        lines += _line("fine", f"{so} should be: {checks}")
    return "\n".join(lines)


def _mode(report: Report) -> str:
    mode = report.settings.mode
    if report.verdict.waits_for:
        return f"mode {mode}, but only observed: people outside would hear of our writes"
    return f"mode {mode}"


def _told(finding: Finding, *, accepted: bool = False) -> list[str]:
    word = "PROBLEM" if finding.grade is Grade.PROBLEM else finding.grade.value
    word = "accepted" if accepted else "HEARD" if finding.customer_hears else word
    cure = _wrapped(f"{_INDENT}→ {finding.cure.rstrip('.')}") if finding.cure and not accepted else []
    return [*_line(word, finding.says), *cure, f"{_INDENT}{printable(finding.name)}"]


def _line(word: str, says: str) -> list[str]:
    return _wrapped(f"  {word:10}{says}")


def _wrapped(text: str) -> list[str]:
    text = printable(text, keeps="\n")  # which wrapping makes a space
    return textwrap.wrap(text, _WIDTH, subsequent_indent=_INDENT, break_long_words=False, break_on_hyphens=False)


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
    return in_json(told, indent=2)
