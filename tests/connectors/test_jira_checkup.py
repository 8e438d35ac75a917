"""Examining the pretend Jira with the real client: every fault is found, said once, and cured; nothing is changed."""

from __future__ import annotations

import threading
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from pydantic import SecretStr

from connectors.contract import Refused, TryLater
from connectors.faults import Fault
from connectors.jira.checkup import examine
from connectors.jira.pretend_rules import Rule, action, mail_reporter, set_field, write
from connectors.jira.registrations import EVENTS
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings, settings_of
from connectors.jira.setup import as_admin, set_up
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from connectors.upkeep import Finding, Grade, Placed, Uses
from policies.commands import Take
from policies.model import Priority

HOOK = "https://stepladder.example/webhooks/jira/here"
SCOPE = {"project": ("ITSM", "DEV")}
PRIORITY_CHANGED = "jira.issue.field.changed"


@dataclass
class Bench:
    """A pretend site with an issue in each project, and who examines it."""

    desk: Sandbox
    site: Site
    keeper: Pocket = field(default_factory=Pocket)
    naps: list[float] = field(default_factory=list)

    def nap(self, seconds: float) -> None:
        self.naps.append(seconds)
        threading.Event().wait(min(seconds, 0.02))

    def configure(self, **changes: Any) -> None:
        settings = settings_of(self.site)
        given = {name: getattr(settings, name) for name in type(settings).model_fields}
        self.site = replace(self.site, settings=JiraSettings(**{**given, **changes}))

    @property
    def admin(self) -> Site:
        email, token = self.desk.admin()
        return replace(self.site, settings=as_admin(self.site.settings, email, SecretStr(token)), account=None)

    def examine(self, uses: Uses, *, admin: bool = False, now: datetime | None = None) -> dict[str, Finding]:
        site = self.admin if admin else self.site
        found = list(examine(site, self.keeper, uses, now or datetime.now(UTC), self.nap))
        names = [finding.name for finding in found]
        texts = " ".join(f"{finding.name} {finding.says} {finding.cure}" for finding in found)
        words = [self.desk.admin()[1], *(str(word) for kept in self.desk.secrets().values() for word in _each(kept))]
        assert not [word for word in words if word in texts], "no secret is told"
        assert len(names) == len(set(names)), "a finding is said once"
        assert all(finding.cure for finding in found if finding.grade not in (Grade.FINE,)), "each has its cure"
        assert all(finding.name.partition(":")[0] in {finding.check, "customer-hears"} for finding in found)
        return dict(zip(names, found, strict=True))

    def set_up(self, uses: Uses) -> None:
        assert all(step.done != "failed" for step in set_up(self.admin, Pocket(), uses, False, self.nap))

    def sent(self) -> set[str]:
        return {recorded.method for recorded in self.desk.requests}


def _each(kept: Any) -> list[Any]:
    return kept if isinstance(kept, list) else [kept]


def made(authority: Authority, deployment: Literal["cloud", "datacenter"]) -> Iterator[Bench]:
    desk = build(authority, deployment=deployment)
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    settings = JiraSettings(**{**section, **desk.secrets(), "read_timeout": 2.0})
    for project in ("ITSM", "DEV", "HELP"):
        desk.open_ticket("Printer", "It burns", project=project)
    yield Bench(desk=desk, site=Site(name="here", settings=settings, account=settings.account))
    desk.stop()


@pytest.fixture
def cloud(authority: Authority) -> Iterator[Bench]:
    yield from made(authority, "cloud")


@pytest.fixture
def center(authority: Authority) -> Iterator[Bench]:
    yield from made(authority, "datacenter")


@pytest.fixture(params=["cloud", "datacenter"])
def either(request: pytest.FixtureRequest, authority: Authority) -> Iterator[Bench]:
    yield from made(authority, request.param)


def placed(level: int = 2, take: Take = Take.OWNERSHIP, **target: Any) -> Placed:
    return Placed(level=level, name=f"L{level}", target=target, take=take)


def uses(*targets: Placed, **more: Any) -> Uses:
    usual: dict[str, Any] = {"targets": targets, "levels": 3, "hook": HOOK, "scope": SCOPE}
    return Uses(**{**usual, **more})


def grades(found: Mapping[str, Finding], *names: str) -> list[str]:
    return [found[name].grade.value if name in found else "nothing" for name in names]


# --- who we are -------------------------------------------------------------------------------------------------------
def test_a_site_in_order_has_nothing_wrong(either: Bench) -> None:
    found = either.examine(uses(placed(assignee=either.desk.person("ben"))))
    assert not [name for name, finding in found.items() if finding.grade is Grade.PROBLEM]
    fine = ["clock:right", "credentials:account", "permissions:project:ITSM", "names:values:ITSM", "names:people"]
    assert grades(found, *fine) == ["fine"] * 5
    assert either.sent() <= {"GET"}, "an examination changes nothing"


def test_credentials_that_jira_does_not_know_are_no_finding_but_the_end(either: Bench) -> None:
    either.configure(**({"token": "wrong"} if either.desk.site.cloud else {"personal_token": "wrong"}))
    with pytest.raises((Refused, TryLater), match=r"credentials|log-in"):
        either.examine(uses())


def test_a_jira_that_is_busy_is_waited_for(cloud: Bench) -> None:
    cloud.desk.faults.add(Fault(do="503", match="GET .*/myself", retry_after="0.3"))
    assert "credentials:account" in cloud.examine(uses())
    assert cloud.naps


def test_an_account_that_is_somebody_elses_is_found(cloud: Bench) -> None:
    cloud.configure(account=cloud.desk.person("ann"))
    finding = cloud.examine(uses())["credentials:account"]
    assert finding.grade is Grade.PROBLEM
    assert "is somebody else's" in finding.says


def test_an_account_that_a_person_may_own_is_a_warning(cloud: Bench) -> None:
    assert grades(cloud.examine(uses()), "credentials:owner") == ["warning"]


def test_an_administrator_is_more_than_stepladder_needs(either: Bench) -> None:
    assert grades(either.examine(uses(), admin=True), "credentials:role") == ["warning"]
    assert grades(either.examine(uses()), "credentials:role") == ["nothing"]


@pytest.mark.parametrize(
    ("days", "grade"), [(None, "unknown"), (200, "fine"), (20, "warning"), (2, "problem"), (-3, "problem")]
)
def test_the_end_of_the_token_is_watched(cloud: Bench, days: int | None, grade: str) -> None:
    now = datetime.now(UTC)
    cloud.configure(token_expires=(now + timedelta(days=days)).date() if days is not None else None)
    assert grades(cloud.examine(uses(), now=now), "credentials:expiry") == [grade]


def test_clocks_apart_are_a_problem(cloud: Bench) -> None:
    finding = cloud.examine(uses(), now=datetime.now(UTC) + timedelta(minutes=5))["clock:skew"]
    assert finding.grade is Grade.PROBLEM
    assert "seconds apart" in finding.says


# --- what we may ------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("permission", "target", "grade"),
    [
        ("EDIT_ISSUES", {"watchers": ["ben"]}, "problem"),
        ("ADD_COMMENTS", {"watchers": ["ben"]}, "problem"),
        ("ASSIGN_ISSUES", {"assignee": "ben"}, "problem"),
        ("TRANSITION_ISSUES", {"transition": "Escalated"}, "problem"),
        ("MANAGE_WATCHERS", {"watchers": ["ben"]}, "problem"),
        ("MANAGE_WATCHERS", {"assignee": "ben"}, "nothing"),
        ("LINK_ISSUES", {"linked_issue": {"project": "DEV", "type": "Bug"}}, "problem"),
        ("SERVICEDESK_AGENT", {"watchers": ["ben"]}, "problem"),
        ("DELETE_OWN_COMMENTS", {"watchers": ["ben"]}, "warning"),
    ],
)
def test_a_permission_that_the_policy_needs_is_missed(
    cloud: Bench, permission: str, target: dict[str, Any], grade: str
) -> None:
    cloud.desk.site.rights.take(permission, project="ITSM")
    found = cloud.examine(uses(placed(**target)))
    assert grades(found, f"permissions:{permission.casefold()}:ITSM") == [grade]


def test_a_project_that_we_cannot_see_is_a_problem(either: Bench) -> None:
    found = either.examine(uses(scope={"project": ("ITSM", "NOPE")}))
    assert grades(found, "permissions:project:NOPE", "permissions:project:ITSM") == ["problem", "fine"]


def test_a_project_may_go_by_its_name(either: Bench) -> None:
    found = either.examine(uses(scope={"project": ("it support",)}))
    assert grades(found, "permissions:project:ITSM", "permissions:project:it support") == ["fine", "nothing"]


def test_without_a_scope_every_project_that_we_see_is_looked_at(either: Bench) -> None:
    found = either.examine(uses(scope={}))
    assert grades(found, *(f"permissions:project:{key}" for key in ("ITSM", "DEV", "HELP"))) == ["fine"] * 3


def test_linked_issues_need_rights_where_they_are_opened(cloud: Bench) -> None:
    cloud.desk.site.rights.take("CREATE_ISSUES", project="DEV")
    linked = placed(linked_issue={"project": "DEV", "type": "Bug"})
    found = cloud.examine(uses(linked, scope={"project": ("ITSM",)}))
    assert grades(found, "permissions:create_issues:DEV") == ["problem"]


def test_a_scoped_token_that_lacks_a_scope_is_told(cloud: Bench) -> None:
    token = cloud.desk.scoped_token("read:jira-work", "write:jira-work", "read:jira-user")
    cloud.configure(api_url=cloud.desk.gateway, token=token)
    found = cloud.examine(uses())
    assert grades(found, "permissions:scope:read:servicedesk-request") == ["problem"]
    assert grades(found, "permissions:scope:read:jira-work") == ["nothing"]


@pytest.mark.parametrize(
    "question",
    [
        "project/DEV/notificationscheme",
        "issueLinkType",
        "issue/createmeta/DEV/issuetypes",
        "mypermissions",
        "project/ITSM/statuses",
        "user",
    ],
)
@pytest.mark.parametrize("do", ["500", "cut", "503"])
def test_one_question_that_jira_cannot_answer_is_no_end_of_the_examination(
    either: Bench, question: str, do: str
) -> None:
    linked = placed(linked_issue={"project": "DEV", "type": "Bug", "link": "Blocks"})
    wanted = uses(linked, placed(transition="Escalated"), placed(assignee=either.desk.person("ben")))
    before = either.examine(wanted)
    either.desk.faults.add(Fault(do=do, match=f"GET .*/{question}$", times=1_000))
    found = either.examine(wanted)
    finding = found[f"permissions:unanswered:{question}"]
    assert (finding.grade, finding.customer_hears) == (Grade.UNKNOWN, False)
    worse = {name for name, one in found.items() if one.grade is Grade.PROBLEM} - before.keys()
    assert worse == set(), "what was not told is no problem"


@pytest.mark.parametrize("question", ["myself", "project/ITSM"])
def test_without_what_is_essential_nothing_is_found_out(cloud: Bench, question: str) -> None:
    cloud.desk.faults.add(Fault(do="500", match=f"GET .*/{question}$", times=1_000))
    with pytest.raises(TryLater):
        cloud.examine(uses())


def test_a_jira_that_stops_answering_altogether_is_no_finding(cloud: Bench) -> None:
    cloud.desk.faults.add(Fault(do="503", match="GET .*/(statuses|mypermissions)$", times=1_000))
    cloud.desk.faults.add(Fault(do="503", match="GET .*/myself$", skip=1, times=1_000))
    with pytest.raises(TryLater):
        cloud.examine(uses())


# --- the webhook ------------------------------------------------------------------------------------------------------
def test_what_only_administrators_see_is_unknown_to_us(either: Bench) -> None:
    found = either.examine(uses())
    assert grades(found, "webhook:here", "vendor-rules:automation") == ["unknown", "unknown"]


def test_without_our_own_address_no_webhook_can_be_found(either: Bench) -> None:
    finding = either.examine(uses(hook=None), admin=True)["webhook:here"]
    assert finding.grade is Grade.UNKNOWN
    assert "public_url" in finding.cure


def test_a_webhook_that_is_not_there_is_missed_and_one_that_is_whole_is_fine(either: Bench) -> None:
    assert grades(either.examine(uses(), admin=True), "webhook:missing") == ["problem"]
    either.set_up(uses())
    found = either.examine(uses(), admin=True)
    assert grades(found, "webhook:missing", "webhook:here") == ["nothing", "fine"]


@pytest.mark.parametrize(
    ("fault", "name"),
    [
        ({"enabled": False}, "inactive"),
        ({"events": EVENTS[:3]}, "subscriptions"),
        ({"exclude_body": True}, "body"),
        ({"jql": 'project in ("ITSM")'}, "filter"),
        ({"secret": None}, "unsigned"),
    ],
)
def test_what_is_wrong_with_the_webhook_is_named(cloud: Bench, fault: dict[str, Any], name: str) -> None:
    cloud.set_up(uses())
    (hook,) = [hook for hook in cloud.desk.herald.hooks.all if hook.url == HOOK]
    for attribute, value in fault.items():
        setattr(hook, attribute, value)
    assert grades(cloud.examine(uses(), admin=True), f"webhook:{name}", "webhook:here") == ["problem", "nothing"]


def test_a_filter_of_a_persons_own_is_told_and_not_judged(cloud: Bench) -> None:
    cloud.set_up(uses())
    (hook,) = [hook for hook in cloud.desk.herald.hooks.all if hook.url == HOOK]
    hook.jql = 'project = "ITSM"'
    finding = cloud.examine(uses(), admin=True)["webhook:filter"]
    assert (finding.grade, 'project = "ITSM"' in finding.says) == (Grade.NOTE, True)


def test_no_secret_at_all_refuses_every_delivery(cloud: Bench) -> None:
    cloud.configure(webhook_secrets=())
    assert grades(cloud.examine(uses()), "webhook:secret") == ["problem"]


def test_deliveries_that_fail_are_counted_where_jira_counts(either: Bench) -> None:
    nowhere = f"{either.desk.url}/webhooks/jira/here"  # it answers 404, which no Jira asks twice
    either.set_up(uses(hook=nowhere))
    either.desk.agent_says(either.desk.open_ticket("Printer", "It burns"), "Hello")
    _until(lambda: any(attempt.status == 404 for attempt in either.desk.postman.attempts))
    found = either.examine(uses(hook=nowhere), admin=True)
    assert grades(found, "webhook:failures") == ["unknown" if either.desk.site.cloud else "warning"]


@pytest.mark.parametrize("answer", [{"counts": None}, {}, {"statistics": {"counts": {}}}])
def test_where_jira_does_not_count_failed_deliveries_that_is_said(center: Bench, answer: dict[str, Any]) -> None:
    center.set_up(uses())
    assert grades(center.examine(uses(), admin=True), "webhook:failures") == ["nothing"], "none has failed"
    center.desk.faults.add(Fault(do="200", match="GET .*/statistics$", body=answer))
    finding = center.examine(uses(), admin=True)["webhook:failures"]
    assert (finding.grade, "stepladder missed" in finding.cure) == (Grade.UNKNOWN, True)


def _until(happens: Callable[[], bool]) -> None:
    for _ in range(200):
        if happens():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it did not happen")


def test_a_limit_that_is_near_is_told(cloud: Bench) -> None:
    cloud.desk.faults.add(Fault(do="200", match="GET .*/statuses$", body={}, headers={"X-RateLimit-NearLimit": "true"}))
    assert grades(cloud.examine(uses()), "limits:near") == ["warning"]


# --- names ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("how", ["assignee", "from", "watchers"])
def test_a_person_whom_jira_does_not_know_is_found(either: Bench, how: str) -> None:
    target: dict[str, Any] = {"assignee": "nobody"} if how == "assignee" else {how: ["nobody"]}
    target |= {"assign": "round_robin"} if how == "from" else {}
    found = either.examine(uses(placed(**target)))
    assert grades(found, "names:person:nobody", "names:people") == ["problem", "nothing"]


def test_a_person_who_is_not_active_is_found(either: Bench) -> None:
    ben = either.desk.person("ben")
    either.desk.site.inactive.add("ben")
    finding = either.examine(uses(placed(assignee=ben)))[f"names:person:{ben}"]
    assert (finding.grade, "not active" in finding.says) == (Grade.PROBLEM, True)


def test_a_customer_cannot_be_assigned_but_may_watch(cloud: Bench) -> None:
    carla = cloud.desk.person("carla")
    assert grades(cloud.examine(uses(placed(assignee=carla))), f"names:person:{carla}:ITSM") == ["problem"]
    assert grades(cloud.examine(uses(placed(watchers=[carla]))), "names:people") == ["fine"]


def test_somebody_who_only_oversees_need_not_be_assignable(cloud: Bench) -> None:
    carla = cloud.desk.person("carla")
    assert grades(cloud.examine(uses(placed(take=Take.OVERSIGHT, assignee=carla))), "names:people") == ["fine"]


def test_without_an_agents_licence_nobody_gets_a_request(cloud: Bench) -> None:
    dan = cloud.desk.person("dan")
    cloud.desk.site.unlicensed.add("dan")
    found = cloud.examine(uses(placed(assignee=dan)))
    assert grades(found, f"names:person:{dan}:ITSM", f"names:person:{dan}:DEV") == ["problem", "nothing"]


def test_a_field_that_no_line_names_is_a_warning_and_one_that_is_not_there_a_problem(cloud: Bench) -> None:
    settings = settings_of(cloud.site)
    cloud.configure(fields={**settings.fields, "region": "customfield_99999", "shop": "Shop of nowhere"})
    found = cloud.examine(uses(fields=frozenset({"product", "region", "continent", "shop"})))
    names = [f"names:field:{ours}" for ours in ("product", "region", "continent", "shop")]
    assert grades(found, *names) == ["nothing", "problem", "warning", "problem"]


def test_a_value_that_a_field_has_not_is_found_by_the_code_that_writes(either: Bench) -> None:
    found = either.examine(uses(placed(field={"team": "Bilking"})))
    finding = found["names:field:team:ITSM"]
    assert finding.grade is Grade.PROBLEM
    assert "Billing" in finding.says, "the nearest is told"


@pytest.mark.parametrize(
    ("field_id", "name"), [("labels", "labels"), ("assignee", "assignee"), ("priority", "priority:high")]
)
def test_a_field_that_is_not_on_the_edit_screen_is_found(cloud: Bench, field_id: str, name: str) -> None:
    cloud.desk.site.off_screen.add(field_id)
    wanted = uses(placed(assignee=cloud.desk.person("ben")), sets=frozenset({Priority.HIGH}))
    assert grades(cloud.examine(wanted), f"names:{name}:ITSM") == ["problem"]


def test_a_level_without_an_option_is_found(cloud: Bench) -> None:
    cloud.configure(level_field="customfield_10100")  # the team's list, which has no levels
    assert grades(cloud.examine(uses()), "names:level-field:ITSM") == ["problem"]


def test_a_project_without_an_issue_cannot_be_looked_at(authority: Authority) -> None:
    for bench in made(authority, "cloud"):
        bench.desk.site.issues.clear()
        assert grades(bench.examine(uses()), "names:screen:ITSM", "names:values:ITSM") == ["unknown", "nothing"]


def test_a_status_that_is_nowhere_is_a_warning(either: Bench) -> None:
    found = either.examine(uses(placed(transition="Escaladed"), placed(3, transition="Escalated")))
    assert grades(found, "names:transition:Escaladed:ITSM", "names:transition:Escalated:ITSM") == ["warning", "nothing"]


def test_statuses_without_a_line_are_told(cloud: Bench) -> None:
    finding = cloud.examine(uses())["names:status:ITSM"]
    assert finding.grade is Grade.NOTE
    assert "Escalated" in finding.says
    assert "Waiting for customer" not in finding.says


@pytest.mark.parametrize(
    ("linked", "name"),
    [
        ({"project": "DEV", "type": "Bug"}, None),
        ({"project": "DEV", "type": "Bagel"}, "names:type:Bagel:DEV"),
        ({"project": "NOPE", "type": "Bug"}, "names:project:NOPE"),
        ({"project": "DEV", "type": "Bug", "link": "Blocked"}, "names:link:Blocked"),
    ],
)
def test_a_linked_issue_that_cannot_be_opened_is_found(either: Bench, linked: dict[str, str], name: str | None) -> None:
    found = either.examine(uses(placed(linked_issue=linked)))
    wrong = [known for known, finding in found.items() if finding.grade is Grade.PROBLEM and known.startswith("names")]
    assert wrong == ([name] if name else [])


# --- what Jira does of itself -----------------------------------------------------------------------------------------
def test_a_rule_that_mails_the_customer_is_heard(either: Bench) -> None:
    either.desk.mail_customer_on_priority_change()
    found = either.examine(uses(sets=frozenset({Priority.HIGH})), admin=True)
    (heard,) = [finding for finding in found.values() if finding.customer_hears]
    assert heard.name.startswith("customer-hears:automation:")
    assert not [f for f in either.examine(uses(), admin=True).values() if f.customer_hears], "no priority, no mail"


def test_a_rule_that_undoes_our_field_is_a_conflict(either: Bench) -> None:
    either.desk.undo_our_field()
    found = either.examine(uses(placed(field={"team": "Billing"})), admin=True)
    (fought,) = [finding for name, finding in found.items() if name.startswith("vendor-rules:automation:")]
    assert (fought.grade, fought.customer_hears) == (Grade.PROBLEM, False)


def test_a_rule_that_mails_the_customer_of_a_priority_that_coming_down_gives_back_is_heard(either: Bench) -> None:
    asked = {"selectedField": {"type": "ID", "value": "priority"}, "comparison": "EQUALS"}
    medium = {"component": "CONDITION", "type": "jira.issue.condition"}
    medium["value"] = {**asked, "compareValue": {"type": "ID", "value": "3"}}  # type: ignore[assignment]
    mails = (medium, mail_reporter("Hello", "It is medium now"))
    either.desk.herald.rules.all.append(
        Rule(name="Medium", trigger=PRIORITY_CHANGED, fields=("priority",), project="ITSM", do=mails)
    )
    found = either.examine(uses(sets=frozenset({Priority.HIGH})), admin=True)
    (heard,) = [finding for finding in found.values() if finding.customer_hears]
    assert (heard.name.startswith("customer-hears:automation:"), heard.heard_by_notes) == (True, False)


def test_rules_that_do_no_harm_are_fine_and_counted(cloud: Bench) -> None:
    note = Rule(name="Note", trigger=PRIORITY_CHANGED, fields=("priority",), do=(write("up", public=False),))
    cloud.desk.herald.rules.all += [
        note,
        Rule(name="Off", trigger=PRIORITY_CHANGED, fields=("priority",), enabled=False),
    ]
    wanted = uses(sets=frozenset({Priority.HIGH}), writes_per_month=300)
    found = cloud.examine(wanted, admin=True)
    assert grades(found, "vendor-rules:automation", "automation-runs:month") == ["fine", "note"]
    assert "up to 300 runs a month" in found["automation-runs:month"].says


@pytest.mark.parametrize(
    ("plan", "writes", "grade", "said"),
    [
        ("FREE", 101, "problem", "The Free plan allows 100 a month"),
        ("FREE", 100, "note", "The Free plan allows 100 a month"),
        ("FREE", None, "note", "The Free plan allows 100 a month"),
        ("PAID", 9_000, "note", "A paid plan allows"),
    ],
)
def test_runs_are_compared_with_what_the_plan_allows(
    cloud: Bench, plan: str, writes: int | None, grade: str, said: str
) -> None:
    note = Rule(name="Note", trigger=PRIORITY_CHANGED, fields=("priority",), do=(write("up", public=False),))
    cloud.desk.herald.rules.all.append(note)
    cloud.desk.site.plan = plan
    found = cloud.examine(uses(sets=frozenset({Priority.HIGH}), writes_per_month=writes), admin=True)
    assert grades(found, "automation-runs:month") == [grade]
    assert said in found["automation-runs:month"].says


def test_a_rule_of_another_project_does_not_concern_us(cloud: Bench) -> None:
    mails = (mail_reporter("Hello", "It moved"),)
    cloud.desk.herald.rules.all.append(
        Rule(name="Help", trigger=PRIORITY_CHANGED, fields=("priority",), project="HELP", do=mails)
    )
    found = cloud.examine(uses(sets=frozenset({Priority.HIGH})), admin=True)
    assert not [finding for finding in found.values() if finding.customer_hears]


def test_a_rule_that_sets_another_field_is_no_conflict(cloud: Bench) -> None:
    due = (set_field("duedate", None), action("codebarrel.action.log", {"text": "done"}))
    cloud.desk.herald.rules.all.append(Rule(name="Due", trigger=PRIORITY_CHANGED, fields=("priority",), do=due))
    found = cloud.examine(uses(sets=frozenset({Priority.HIGH})), admin=True)
    assert grades(found, "vendor-rules:automation") == ["fine"]


def test_a_transition_in_a_service_project_is_heard_by_the_customer(either: Bench) -> None:
    found = either.examine(uses(placed(transition="Escalated")))
    heard = [name for name, finding in found.items() if finding.customer_hears]
    assert heard == ["customer-hears:transition:ITSM"], "the plain project has no portal"
    assert 'accepts = ["customer-hears:transition:ITSM"]' in found[heard[0]].cure


def test_goals_that_a_priority_chooses_anew_are_named(cloud: Bench) -> None:
    finding = cloud.examine(uses(sets=frozenset({Priority.HIGH})))["sla:goals:ITSM"]
    assert (finding.grade, "Time to resolution" in finding.says) == (Grade.UNKNOWN, True)
    assert grades(cloud.examine(uses()), "sla:goals:ITSM") == ["nothing"]


def test_an_open_desk_lets_requesters_read_notes(cloud: Bench) -> None:
    found = cloud.examine(uses(scope={"project": ("ITSM", "HELP")}))
    assert grades(found, "sharing:open-desk:HELP", "sharing:open-desk:ITSM") == ["warning", "nothing"]


def test_who_is_written_to_in_a_plain_project_is_told(either: Bench) -> None:
    finding = either.examine(uses(), admin=True)["vendor-rules:notifications:DEV"]
    assert (finding.grade, finding.customer_hears) == (Grade.NOTE, False)
    assert "the reporter (" in finding.says
