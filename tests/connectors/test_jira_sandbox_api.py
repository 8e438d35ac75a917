"""What the pretend Jira answers: codes, shapes and headers as published, for whoever asks and may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from connectors.faults import Fault
from connectors.jira.records import HELP_FIELDS, OURS
from connectors.jira.sandbox import Deployment, Sandbox
from connectors.sandboxing import Authority

START = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
BOTH: tuple[Deployment, ...] = ("cloud", "datacenter")


@dataclass
class Clock:
    """A clock that stands still until it is told to go."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def on(self, **span: float) -> None:
        self.now += timedelta(**span)


@dataclass
class Door:
    """A pretend site, and a way to ask it anything as anybody."""

    desk: Sandbox
    clock: Clock
    bundle: str
    mine: dict[str, Any] = field(default_factory=dict)

    def ask(self, method: str, path: str, body: Any = None, *, who: str = OURS, **more: Any) -> requests.Response:
        if "headers" not in more:
            if self.desk.site.cloud:
                more["auth"] = (f"{who}@example.com", self.desk.doors.word(who))
            else:
                more["headers"] = {"Authorization": f"Bearer {self.desk.doors.word(who)}"}
        url = path if path.startswith("https:") else self.desk.url + path
        told = {} if body is None else {"json": body}
        return requests.request(
            method, url, verify=self.bundle, timeout=5, allow_redirects=False, **self.mine, **told, **more
        )

    def get(self, path: str, **more: Any) -> Any:
        answer = self.ask("GET", path, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def open(self, **fields: Any) -> str:
        return self.desk.open_ticket("Printer", "It burns", **fields)

    def put(self, ticket: str, body: Any, **more: Any) -> requests.Response:
        return self.ask("PUT", f"/rest/api/2/issue/{ticket}", body, **more)


def opened(authority: Authority, deployment: Deployment) -> Iterator[Door]:
    clock = Clock()
    desk = Sandbox(authority, deployment=deployment, clock=clock)
    yield Door(desk=desk, clock=clock, bundle=str(authority.bundle))
    desk.stop()


@pytest.fixture(params=BOTH)
def door(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Door]:
    yield from opened(authority, request.param)


@pytest.fixture
def cloud(authority: Authority) -> Iterator[Door]:
    yield from opened(authority, "cloud")


@pytest.fixture
def center(authority: Authority) -> Iterator[Door]:
    yield from opened(authority, "datacenter")


# --- permissions --------------------------------------------------------------------------------------------
def test_what_somebody_may_not_see_is_not_there(door: Door) -> None:
    ticket = door.open()
    door.desk.site.rights.take("BROWSE_PROJECTS", project="ITSM")
    for path in (f"issue/{ticket}", f"issue/{ticket}/editmeta", "project/ITSM"):
        answer = door.ask("GET", f"/rest/api/2/{path}")
        assert answer.status_code == 404
        assert answer.json()["errorMessages"]
    assert door.ask("GET", f"/rest/servicedeskapi/request/{ticket}/comment").json()["errorMessage"]


@pytest.mark.parametrize(
    ("taken", "method", "path", "body", "on_cloud", "on_center"),
    [
        ("EDIT_ISSUES", "PUT", "", {"fields": {"summary": "x"}}, 400, 400),
        ("ASSIGN_ISSUES", "PUT", "/assignee", {"accountId": None, "name": None}, 403, 401),
        ("ADD_COMMENTS", "POST", "/comment", {"body": "x"}, 400, 403),
        ("MANAGE_WATCHERS", "POST", "/watchers", "ben", 403, 401),
        ("TRANSITION_ISSUES", "POST", "/transitions", {"transition": {"id": "11"}}, 400, 400),
        ("EDIT_ISSUES", "PUT", "/properties/mark", {"op": 1}, 403, 403),
    ],
)
def test_a_missing_permission_is_refused_as_published(
    door: Door, taken: str, method: str, path: str, body: Any, on_cloud: int, on_center: int
) -> None:
    ticket = door.open()
    who = door.desk.person("ben") if body == "ben" else body
    assert door.ask(method, f"/rest/api/2/issue/{ticket}{path}", who).status_code < 300
    ticket = door.open()
    door.desk.site.rights.take(taken)
    expected = on_cloud if door.desk.site.cloud else on_center
    assert door.ask(method, f"/rest/api/2/issue/{ticket}{path}", who).status_code == expected


def test_my_permissions_tell_what_was_taken_and_where(door: Door) -> None:
    door.desk.site.rights.take("ASSIGN_ISSUES", project="ITSM")
    named = "permissions=ASSIGN_ISSUES,ADMINISTER"

    def may(project: str, who: str = OURS) -> list[bool]:
        told = door.get(f"/rest/api/2/mypermissions?{named}&projectKey={project}", who=who)["permissions"]
        return [told[name]["havePermission"] for name in ("ASSIGN_ISSUES", "ADMINISTER")]

    assert (may("ITSM"), may("DEV"), may("ITSM", "ada")) == ([False, False], [True, False], [True, True])


def test_cloud_wants_to_be_told_which_permissions(cloud: Door) -> None:
    assert cloud.ask("GET", "/rest/api/3/mypermissions").status_code == 400


def test_only_an_administrator_writes_without_telling_anybody_on_data_center(center: Door) -> None:
    ticket, quiet = center.open(), {"params": {"notifyUsers": "false"}}
    body = {"fields": {"summary": "x"}}
    assert center.put(ticket, body, **quiet).status_code == 403
    assert center.put(ticket, body, who="ada", **quiet).status_code == 204


# --- issues -------------------------------------------------------------------------------------------------
def test_a_moved_issue_is_found_by_both_keys_and_its_id(door: Door) -> None:
    ticket = door.open()
    door.desk.agent_moves(ticket, "DEV")
    shown = [door.get(f"/rest/api/2/issue/{word}") for word in (ticket, "ITSM-1", "DEV-1")]
    assert [(issue["id"], issue["key"]) for issue in shown] == [(ticket, "DEV-1")] * 3


def test_an_archived_issue_takes_nothing_and_is_not_found_by_search(door: Door) -> None:
    ticket = door.open()
    door.desk.agent_archives(ticket)
    answer = door.put(ticket, {"fields": {"summary": "x"}})
    assert (answer.status_code, "archived" in answer.text) == (400, True)
    assert door.ask("POST", f"/rest/api/2/issue/{ticket}/comment", {"body": "x"}).status_code == 400
    where = "/rest/api/2/search/jql" if door.desk.site.cloud else "/rest/api/2/search"
    assert door.get(f"{where}?jql=project = ITSM")["issues"] == []


@pytest.mark.parametrize(
    ("fields", "field", "said"),
    [
        ({"nonsense": "x"}, "nonsense", "not on the appropriate screen"),
        ({"priority": {"name": "Urgent"}}, "priority", "The priority selected is invalid."),
        ({"assignee": None}, "assignee", "property to be set"),
        ({"customfield_10100": {"value": "Nobody"}}, "customfield_10100", "is not valid"),
    ],
)
def test_a_bad_field_refuses_the_whole_edit_and_names_itself(
    door: Door, fields: dict[str, Any], field: str, said: str
) -> None:
    ticket = door.open()
    answer = door.put(ticket, {"fields": {"summary": "new", **fields}})
    assert answer.status_code == 400
    assert said in answer.json()["errors"][field]
    assert door.desk.view(ticket).subject == "Printer"


def test_on_request_the_rest_of_a_refused_edit_is_written(door: Door) -> None:
    door.desk.site.partial_edits = True
    ticket = door.open()
    assert door.put(ticket, {"fields": {"summary": "new", "nonsense": 1}}).status_code == 400
    assert door.desk.view(ticket).subject == "new"


def test_nobody_can_be_unassigned_where_issues_must_be_assigned(door: Door) -> None:
    ticket = door.open(assignee="ben")
    key = "accountId" if door.desk.site.cloud else "name"
    door.desk.site.must_be_assigned = True
    answer = door.put(ticket, {"fields": {"assignee": {key: None}}})
    assert answer.json()["errors"] == {"assignee": "Issues must be assigned."}


def test_there_is_an_end_to_comments(door: Door) -> None:
    ticket = door.open()
    door.desk.site.most_comments = 1
    paths = (f"/rest/api/2/issue/{ticket}/comment", f"/rest/servicedeskapi/request/{ticket}/comment")
    assert door.ask("POST", paths[0], {"body": "one"}).status_code == 201
    assert [door.ask("POST", path, {"body": "x", "public": False}).status_code for path in paths] == [413, 413]
    assert door.put(ticket, {"update": {"comment": [{"add": {"body": "x"}}]}}).status_code == 413


def test_a_hidden_priority_is_neither_shown_nor_set(door: Door) -> None:
    ticket = door.open(priority="high")
    door.desk.site.catalogue.hidden = {"priority"}
    assert door.get(f"/rest/api/2/issue/{ticket}")["fields"]["priority"] is None
    assert "priority" not in door.get(f"/rest/api/2/issue/{ticket}/editmeta")["fields"]
    assert door.put(ticket, {"fields": {"priority": {"id": "1"}}}).status_code == 400


def test_the_changelog_is_a_resource_on_cloud_and_an_expansion_on_data_center(door: Door) -> None:
    ticket = door.open()
    door.put(ticket, {"fields": {"priority": {"id": "1"}}})
    door.desk.agent_changes(ticket, status="solved")
    expanded = door.get(f"/rest/api/2/issue/{ticket}?expand=changelog")["changelog"]["histories"]
    said = [(item["field"], item["fromString"], item["toString"]) for entry in expanded for item in entry["items"]]
    assert said == [("priority", "Medium", "Highest"), ("status", "Waiting for support", "Resolved")]
    answer = door.ask("GET", f"/rest/api/2/issue/{ticket}/changelog")
    if door.desk.site.cloud:
        assert (answer.json()["values"], answer.json()["isLast"]) == (expanded, True)
    else:
        assert answer.status_code == 404


def test_an_edit_may_answer_with_the_issue_on_cloud(cloud: Door) -> None:
    answer = cloud.put(cloud.open(), {"fields": {"summary": "new"}}, params={"returnIssue": "true"})
    assert (answer.status_code, answer.json()["fields"]["summary"]) == (200, "new")


def test_a_remote_link_with_the_same_global_id_is_replaced_as_a_whole(door: Door) -> None:
    path = f"/rest/api/2/issue/{door.open()}/remotelink"
    page = {"title": "Case", "url": "https://stepladder.example/1"}
    first = door.ask("POST", path, {"globalId": "case", "relationship": "explains", "object": page})
    again = door.ask("POST", path, {"globalId": "case", "object": page})
    assert (first.status_code, again.status_code, first.json()["id"]) == (201, 200, again.json()["id"])
    (kept,) = door.get(path)
    assert "relationship" not in kept
    assert door.ask("POST", path, {"object": {"title": "no address"}}).status_code == 400


def test_version_three_speaks_in_documents_and_refuses_plain_texts(cloud: Door) -> None:
    ticket = cloud.open()
    path = f"/rest/api/3/issue/{ticket}/comment"
    assert cloud.ask("POST", path, {"body": "plain"}).status_code == 400
    shown = cloud.get(f"/rest/api/3/issue/{ticket}")["fields"]["description"]
    made = cloud.ask("POST", path, {"body": shown})
    assert (made.status_code, made.json()["body"]) == (201, shown)
    assert cloud.desk.view(ticket).replies == ("It burns",)


# --- projects, fields, searches ------------------------------------------------------------------------------
def test_a_team_managed_project_has_fields_and_statuses_of_its_own(cloud: Door) -> None:
    mine, number = HELP_FIELDS["product"], cloud.get("/rest/api/2/project/HELP")["id"]
    named = {known["id"]: known for known in cloud.get("/rest/api/2/field") if known["name"] == "Product"}
    assert named[mine]["scope"] == {"type": "PROJECT", "project": {"id": number}}
    assert len(named) == 2
    ticket = cloud.open(project="HELP", product="Scanner", reporter="dan")
    shown = cloud.get(f"/rest/api/2/issue/{ticket}")["fields"]
    assert (shown[mine], shown["status"]["name"], shown["reporter"]["accountType"]) == ("Scanner", "New", "atlassian")
    assert not set(named) - {mine} & set(shown)
    project = cloud.get("/rest/api/2/project/HELP")
    assert (project["style"], project["simplified"], project["isPrivate"]) == ("next-gen", True, False)


def test_the_service_desks_own_fields_say_what_they_are(door: Door) -> None:
    kinds = {known["schema"].get("custom") for known in door.get("/rest/api/2/field")}
    wanted = ("vp-origin", "sd-customer-organizations", "sd-request-participants", "sd-sla-field")
    assert kinds >= {f"com.atlassian.servicedesk:{name}" for name in wanted}


def test_changes_are_found_by_when_they_were_in_order_and_in_pages(door: Door) -> None:
    for _ in range(3):
        door.open()
        door.clock.on(minutes=10)
    jql = 'updated >= "-25m" ORDER BY updated ASC'
    if door.desk.site.cloud:
        first = door.get("/rest/api/2/search/jql", params={"jql": jql, "fields": "updated", "maxResults": "1"})
        assert (first["isLast"], "total" in first, list(first["issues"][0]["fields"])) == (False, False, ["updated"])
        second = door.get("/rest/api/2/search/jql", params={"jql": jql, "nextPageToken": first["nextPageToken"]})
        assert (second["isLast"], second["issues"]) == (True, [{"id": "10003"}])
        assert first["issues"][0]["id"] == "10002"
    else:
        told = door.get("/rest/api/2/search", params={"jql": jql, "startAt": "1", "fields": "updated"})
        assert (told["total"], [issue["id"] for issue in told["issues"]]) == (2, ["10003"])


@pytest.mark.parametrize(
    ("jql", "found"),
    [
        ("project = ITSM AND priority in (High, Highest)", ["10001"]),
        ("project != ITSM ORDER BY key ASC", ["10002"]),
        ("assignee is EMPTY AND project in (ITSM, DEV) ORDER BY created ASC", ["10002"]),
        ("id in (10002, 10001) ORDER BY id ASC", ["10001", "10002"]),
        ('labels = "two words AND more" AND project = ITSM', []),
        ("created < -1h AND project = ITSM", []),
        ('created >= "2026-11-22 08:00" AND project = ITSM', ["10001"]),
    ],
)
def test_questions_are_understood(door: Door, jql: str, found: list[str]) -> None:
    door.open(priority="high", assignee="ben")
    door.open(project="DEV")
    where = "/rest/api/2/search/jql" if door.desk.site.cloud else "/rest/api/2/search"
    assert [issue["id"] for issue in door.get(where, params={"jql": jql})["issues"]] == found


def test_questions_that_jira_would_not_understand_are_refused(door: Door) -> None:
    where = "/rest/api/2/search/jql" if door.desk.site.cloud else "/rest/api/2/search"
    for jql in ("nonsense = 1", "project = ITSM OR project = DEV", 'updated >= "yesterday"'):
        assert door.ask("GET", where, params={"jql": jql}).status_code == 400


def test_cloud_has_taken_the_old_search_away(cloud: Door) -> None:
    for method in ("GET", "POST"):
        assert cloud.ask(method, "/rest/api/3/search?jql=project=ITSM").status_code == 410


def test_a_field_is_made_filled_and_put_on_the_screen_by_an_administrator(cloud: Door) -> None:
    told = {"name": "Level", "type": "com.atlassian.jira.plugin.system.customfieldtypes:select"}
    assert cloud.ask("POST", "/rest/api/3/field", told).status_code == 403
    made = cloud.ask("POST", "/rest/api/3/field", told, who="ada")
    number, ticket = made.json()["id"], cloud.open()
    (context,) = cloud.get(f"/rest/api/3/field/{number}/context", who="ada")["values"]
    options = f"/rest/api/3/field/{number}/context/{context['id']}/option"
    added = cloud.ask("POST", options, {"options": [{"value": "Level 2"}]}, who="ada")
    assert cloud.ask("POST", options, {"options": [{"value": "Level 2"}]}, who="ada").status_code == 400
    assert cloud.get(options, who="ada")["values"] == added.json()["options"]
    value = {"fields": {number: {"value": "Level 2"}}}
    assert cloud.put(ticket, value).status_code == 400
    assert cloud.ask("POST", f"/rest/api/3/screens/addToDefault/{number}", who="ada").status_code == 200
    assert cloud.put(ticket, value).status_code == 204
    assert cloud.get(f"/rest/api/3/issue/{ticket}")["fields"][number]["value"] == "Level 2"


# --- the service desk ----------------------------------------------------------------------------------------
def test_who_has_no_agents_licence_writes_internally_on_data_center_only(door: Door) -> None:
    door.desk.site.unlicensed.add(OURS)
    path = f"/rest/servicedeskapi/request/{door.open()}/comment"
    codes = [door.ask("POST", path, {"body": "x", "public": public}).status_code for public in (True, False)]
    assert codes == ([403, 403] if door.desk.site.cloud else [403, 201])


def test_request_comments_are_told_apart_and_an_issue_that_is_no_request_has_none(door: Door) -> None:
    ticket = door.open()
    door.desk.agent_says(ticket, "hello")
    door.desk.agent_says(ticket, "secret", public=False)
    path = f"/rest/servicedeskapi/request/{ticket}/comment"
    assert [said["body"] for said in door.get(f"{path}?internal=false")["values"]] == ["hello"]
    answer = door.ask("GET", f"/rest/servicedeskapi/request/{door.open(project='DEV')}/comment")
    assert (answer.status_code, "errorMessage" in answer.json()) == (404, True)


def test_an_sla_runs_by_priority_stands_still_and_breaks(door: Door) -> None:
    door.desk.sla_goals(normal=timedelta(hours=4), urgent=timedelta(hours=1))
    ticket = door.open()

    def cycle() -> dict[str, Any]:
        (told,) = door.get(f"/rest/servicedeskapi/request/{ticket}/sla")["values"]
        shown = door.get(f"/rest/api/2/issue/{ticket}")["fields"]["customfield_10030"]
        assert shown.get("ongoingCycle") == told.get("ongoingCycle")
        return dict(told.get("ongoingCycle") or told["completedCycles"][0])

    assert cycle()["breachTime"]["iso8601"] == "2026-11-22T12:00:00+0000"
    door.clock.on(hours=1)
    door.desk.agent_changes(ticket, status="pending")
    door.clock.on(hours=5)
    assert (cycle()["paused"], cycle()["elapsedTime"]["millis"]) == (True, 3_600_000)
    door.desk.agent_changes(ticket, status="open")
    assert cycle()["breachTime"]["iso8601"] == "2026-11-22T17:00:00+0000"
    door.desk.agent_changes(ticket, priority="urgent")
    door.clock.on(minutes=1)
    assert (cycle()["breached"], cycle()["remainingTime"]["friendly"]) == (True, "-0h 1m")
    door.desk.agent_changes(ticket, status="solved")
    assert "stopTime" in cycle()


def test_a_first_reply_stops_its_own_clock_and_no_internal_note_does(door: Door) -> None:
    door.desk.sla_goals(first_reply=True, normal=timedelta(hours=1))
    ticket = door.open()
    path, seen = f"/rest/servicedeskapi/request/{ticket}/sla", []
    for public in (False, True):
        door.desk.agent_says(ticket, "x", public=public)
        (told,) = door.get(path)["values"]
        seen.append((told["name"], "ongoingCycle" in told, len(told["completedCycles"])))
    assert seen == [("Time to first response", True, 0), ("Time to first response", False, 1)]


# --- who comes in, and how fast --------------------------------------------------------------------------------
def test_the_gateway_serves_scoped_tokens_and_names_itself(cloud: Door) -> None:
    ticket = cloud.open()
    token = cloud.desk.scoped_token("read:jira-work")
    me = {"auth": ("stepladder@example.com", token), "headers": {}}
    path = f"/rest/api/2/issue/{ticket}"
    answer = cloud.ask("GET", cloud.desk.gateway + path, **me)
    assert answer.json()["self"] == f"{cloud.desk.gateway}/rest/api/2/issue/{ticket}"
    assert cloud.ask("GET", path, **me).status_code == 401
    refused = cloud.ask("PUT", cloud.desk.gateway + path, {"fields": {}}, **me)
    assert (refused.status_code, "scope does not match" in refused.text) == (401, True)
    assert cloud.desk.requests[-1].path == f"/ex/jira/{cloud.desk.cloud_id}{path}"


def test_an_oauth_token_is_given_for_a_code_and_its_refresh_token_is_good_once(cloud: Door) -> None:
    scopes, back = "read:jira-work read:jira-user offline_access", "https://stepladder.example/back"
    code = cloud.desk.consent(scopes, back)
    app = dict(cloud.desk.oauth_app())

    def tokens(**body: str) -> requests.Response:
        return cloud.ask("POST", "/oauth/token", {**app, **body}, headers={})

    asked = {"grant_type": "authorization_code", "code": code, "redirect_uri": back}
    first = tokens(**asked).json()
    assert tokens(**asked).status_code == 403
    bearer = {"Authorization": f"Bearer {first['access_token']}"}
    (place,) = cloud.ask("GET", "/oauth/token/accessible-resources", headers=bearer).json()
    assert place["id"] == cloud.desk.cloud_id
    me = cloud.ask("GET", f"{cloud.desk.gateway}/rest/api/2/myself", headers=bearer)
    assert (me.status_code, "Beta-RateLimit" in me.headers) == (200, True)
    renew = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = tokens(**renew).json()
    assert second["refresh_token"] != first["refresh_token"]
    again = tokens(**renew)
    assert (again.status_code, again.json()["error"]) == (403, "unauthorized_client")
    cloud.clock.on(hours=2)
    assert cloud.ask("GET", f"{cloud.desk.gateway}/rest/api/2/myself", headers=bearer).status_code == 401


def test_a_token_can_die_in_the_middle(cloud: Door) -> None:
    me = {"auth": ("stepladder@example.com", cloud.desk.scoped_token("read:jira-user")), "headers": {}}
    cloud.desk.faults.add(Fault(do="expire", match="GET", skip=1))
    codes = [cloud.ask("GET", f"{cloud.desk.gateway}/rest/api/2/myself", **me).status_code for _ in range(3)]
    assert codes == [200, 401, 401]


def test_a_failed_log_in_says_so_in_a_header(door: Door) -> None:
    answer = door.ask("GET", "/rest/api/2/myself", headers={"Authorization": "Bearer wrong"})
    assert (answer.status_code, answer.headers["X-Seraph-LoginReason"]) == (401, "AUTHENTICATED_FAILED")
    mine = door.ask("GET", "/rest/api/2/myself").headers
    assert mine["X-AACCOUNTID" if door.desk.site.cloud else "X-AUSERNAME"] == door.desk.person(OURS)


def test_too_many_writes_to_one_issue_are_refused_for_a_while(cloud: Door) -> None:
    cloud.desk.limits.enforced = True
    ticket, other = cloud.open(), cloud.open()
    body = {"fields": {"summary": "x"}}
    codes = [cloud.put(ticket, body).status_code for _ in range(21)]
    assert codes == [204] * 20 + [429]
    refused = cloud.put("ITSM-1", body)
    assert (refused.headers["RateLimit-Reason"], refused.headers["Retry-After"]) == ("jira-per-issue-on-write", "2")
    assert cloud.put(other, body).status_code == 204
    cloud.clock.on(seconds=2)
    assert cloud.put(ticket, body).status_code == 204


def test_a_hundred_writes_in_half_a_minute_are_the_other_end(cloud: Door) -> None:
    cloud.desk.limits.enforced = True
    ticket, body = cloud.open(), {"fields": {"summary": "x"}}
    for _ in range(5):
        assert {cloud.put(ticket, body).status_code for _ in range(20)} == {204}
        cloud.clock.on(seconds=3)
    assert cloud.put(ticket, body).headers["Retry-After"] == "15"


def test_a_data_center_counts_each_person(center: Door) -> None:
    center.desk.limits.tokens = 3
    center.desk.limits.enforced = True
    codes = [center.ask("GET", "/rest/api/2/myself").status_code for _ in range(4)]
    told = center.ask("GET", "/rest/api/2/myself")
    assert (codes, told.headers["X-RateLimit-Remaining"]) == ([200, 200, 200, 429], "0")
    assert center.ask("GET", "/rest/api/2/myself", who="ada").headers["Retry-After"] == "0"


def test_an_address_that_is_not_there_has_no_sentence(door: Door) -> None:
    for path in ("/rest/api/2/nonsense", "/elsewhere"):
        answer = door.ask("GET", path)
        assert (answer.status_code, "errorMessages" in answer.json()) == (404, False)
