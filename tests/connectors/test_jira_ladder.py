"""What a ladder's level may ask of Jira beyond one person: pools, fallbacks, the way back, and linked issues."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import pytest

from connectors.contract import Alternative, Call, Outcome, Refused, TryLater
from connectors.faults import Fault
from connectors.jira.client import JiraClient, connect
from connectors.jira.directory import Directory
from connectors.jira.sandbox import Sandbox, build
from connectors.jira.settings import JiraSettings
from connectors.jira.writeback import check_target, plan, stands_in
from connectors.sandboxing import Authority, Pocket
from connectors.site import Site
from policies.commands import Command, Line, Mode, Note, Span, Speech, Take
from policies.model import Named, Priority, Ticket, TicketRef, ticket_from

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
REF = TicketRef(vendor="jira", site="here", id="10001")
POOL = {"assign": "round_robin", "from": ["ann", "ben", "eva"]}
LINKED = {"linked_issue": {"project": "DEV", "type": "Bug", "link": "Blocks"}}
SECRET = "the customer's words"


def site(**more: Any) -> Site:
    fields = {"team": "customfield_1", "region": "customfield_2", "product": "customfield_3"}
    usual: dict[str, Any] = {"url": "https://a.example.com", "email": "e", "token": "t", "fields": fields}
    return Site(name="here", settings=JiraSettings(**{**usual, **more}))


def ticket(**told: Any) -> Ticket:
    return ticket_from(REF, None, told)


def command(**more: Any) -> Command:
    quoted = Line(label="Says", spans=(Span(text=SECRET, speech=Speech.QUOTE),))
    usual: dict[str, Any] = {
        "operation": "op88",
        "level": 2,
        "level_before": 1,
        "level_name": "L2",
        "take": Take.OWNERSHIP,
        "target": POOL,
        "priority": None,
        "note": Note(lines=(quoted, Line(spans=(Span(text="op op88"),)))),
    }
    return Command(**{**usual, **more})


# --- what a target may say ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("target", "said"),
    [
        ({"assign": "least_busy"}, "expected from too"),
        ({"from": ["a"]}, "expected assign too"),
        ({"assign": "least_bussy", "from": ["a"]}, "did you mean least_busy"),
        ({"assign": "random", "from": ["a"]}, "least_busy or round_robin"),
        ({"assign": "least_busy", "from": []}, "a list of account ids"),
        ({"assign": "least_busy", "from": "ann"}, "a list of account ids"),
        ({"assign": "least_busy", "from": ["a"] * 21}, "at most 20"),
        ({"assign": "least_busy", "from": ["a"], "assignee": "b"}, "got both"),
        ({"linked_issue": "DEV"}, "project: DEV"),
        ({"linked_issue": {"project": "DEV"}}, "expected type as text"),
        ({"linked_issue": {"project": "DEV", "type": " "}}, "expected type as text"),
        ({"linked_issue": {"project": "DEV", "type": "Bug", "link": None}}, "expected link as text"),
        ({"linked_issue": {"project": "DEV", "tpye": "Bug", "type": "Bug"}}, "did you mean type"),
        ({"linked_isue": {"project": "DEV", "type": "Bug"}}, "did you mean linked_issue"),
    ],
)
def test_a_wrong_target_is_explained(target: dict[str, Any], said: str) -> None:
    (sentence,) = check_target(target)
    assert said in sentence


def test_a_right_target_needs_no_words() -> None:
    assert check_target({**POOL, **LINKED, "field": {"team": "Billing"}}) == ()


@pytest.mark.parametrize(
    ("assignee", "answer"), [(Named(id="ben"), True), (Named(id="dan", name="Dan"), False), (None, False)]
)
def test_with_any_of_a_pool_the_ticket_stands_there(assignee: Named | None, answer: bool) -> None:
    assert stands_in(ticket(assignee=assignee), POOL) is answer


# --- planning -----------------------------------------------------------------------------------------------
def test_a_pool_is_named_and_nobody_is_foretold() -> None:
    call = plan(command(turn=7), ticket(portal=True), site())[0]
    assert call.parts["pool"] == {"pick": "round_robin", "from": ["ann", "ben", "eva"], "turn": 7}
    assert "assignee" not in call.expect
    assert (call.aims, call.repeatable) == (("pool",), True)


def test_who_has_it_already_keeps_it() -> None:
    call = plan(command(), ticket(portal=True, assignee=Named(id="eva")), site())[0]
    assert (tuple(call.parts), call.aims) == (("level",), ())


def test_who_of_a_pool_has_it_keeps_it_while_the_rest_is_set() -> None:
    target = {**POOL, "field": {"team": "Billing"}}
    call = plan(command(target=target), ticket(portal=True, assignee=Named(id="eva"), group=None), site())[0]
    assert (tuple(call.parts), call.aims) == (("level", "field:team"), ("field:team",))


def test_under_oversight_a_pool_takes_turns_in_watching() -> None:
    watchers = [plan(command(take=Take.OVERSIGHT, turn=n), ticket(portal=True), site())[1] for n in range(4)]
    assert [call.parts["watchers"] for call in watchers] == ["ann", "ben", "eva", "ann"]


def test_fallbacks_stand_in_order_with_what_they_echo() -> None:
    target = {"assignee": "ben", "field": {"team": "Billing"}, "watchers": ["eva"]}
    fallbacks = ({"field": {"region": "South"}}, {"assignee": "dan"}, {"watchers": ["ann"]}, POOL)
    edit, watch, note = plan(command(target=target, fallbacks=fallbacks, turn=1), ticket(portal=True), site())
    assert edit.aims == ("assignee", "field:team")
    assert edit.otherwise == (
        Alternative(parts={"field:region": "South"}, expect={"custom.region": "South"}),
        Alternative(parts={"assignee": "dan"}, expect={"assignee": "dan"}),
        Alternative(parts={"pool": {"pick": "round_robin", "from": ["ann", "ben", "eva"], "turn": 1}}, expect={}),
    )
    assert [(call.aims, call.otherwise) for call in (watch, note)] == [((), ())] * 2


def test_under_oversight_a_fallback_watches() -> None:
    fallbacks = ({"assignee": "dan", "watchers": ["ann"]}, {"field": {"team": "x"}})
    calls = plan(command(take=Take.OVERSIGHT, target={"assignee": "ben"}, fallbacks=fallbacks), ticket(), site())
    assert (calls[0].aims, calls[1].aims) == ((), ("watchers",))
    assert calls[1].otherwise == (Alternative(parts={"watchers": ["ann", "dan"]}),)


def test_a_transition_falls_back_to_a_transition() -> None:
    fallbacks = ({"assignee": "dan"}, {"transition": "Back to support"})
    calls = plan(command(target={"transition": "Escalated"}, fallbacks=fallbacks), ticket(), site())
    assert [call.verb for call in calls] == ["edit_issue", "transition", "internal_comment"]
    assert [(call.aims, [dict(other.parts) for other in call.otherwise]) for call in calls] == [
        ((), []),
        (("transition",), [{"transition": "Back to support"}]),
        ((), []),
    ]


@pytest.mark.parametrize("portal", [True, False])
def test_a_linked_issue_is_a_call_before_the_note(portal: bool) -> None:
    calls = plan(command(target={**LINKED, "watchers": ["eva"]}), ticket(portal=portal), site())
    assert [(call.verb, tuple(call.parts), call.repeatable) for call in calls] == [
        ("edit_issue", ("level",), True),
        ("link_issue", ("linked_issue",), False),
        ("watch", ("watchers",), True),
        ("internal_comment", ("note",), False),
    ]
    assert calls[1].parts["linked_issue"] == {"project": "DEV", "type": "Bug", "link": "Blocks", "level": 2}
    assert (calls[1].aims, calls[1].expect) == (("linked_issue",), {})


@pytest.mark.parametrize("mode", [Mode.NOTE, Mode.OBSERVE])
def test_a_careful_mode_opens_nothing(mode: Mode) -> None:
    assert all(call.parts == {"note": True} for call in plan(command(target=LINKED, mode=mode), ticket(), site()))


def test_coming_down_gives_back_ids_as_they_came() -> None:
    before = {"assignee": None, "group": "10201", "custom.region": None, "product": "Printer", "custom.gone": "x"}
    down = command(level=1, level_before=2, target={"assignee": "x"}, restore=before, priority=Priority.NORMAL)
    edit, note = plan(replace(down, fallbacks=({"assignee": "dan"},)), ticket(portal=True), site())
    assert edit.parts == {
        "level": 1,
        "priority": "normal",
        "assignee": None,
        "field:team": "10201",
        "field:region": None,
        "field:product": "Printer",
    }
    assert edit.expect == {
        "level": "1",
        "priority": "normal",
        "assignee": None,
        "group": "10201",
        "custom.region": None,
        "product": "Printer",
    }
    assert (edit.aims, edit.otherwise, note.verb) == ((), (), "internal_comment")


# --- against the pretend Jira -------------------------------------------------------------------------------
@dataclass
class Bench:
    """A pretend site and the way to it."""

    desk: Sandbox
    site: Site
    client: JiraClient

    def open(self, **fields: Any) -> Ticket:
        return self.ticket(self.desk.open_ticket("Printer", "It burns", **fields))

    def ticket(self, number: str) -> Ticket:
        ref = TicketRef(vendor="jira", site="here", id=number)
        ticket = self.client.fetch(ref, frozenset(), NOW)[0].ticket
        assert ticket is not None
        self.desk.requests.clear()
        return ticket

    def people(self, *words: str) -> list[str]:
        return [self.desk.person(word) for word in words]

    def pool(self, pick: str, *words: str, turn: int = 0) -> dict[str, Any]:
        return {"target": {"assign": pick, "from": self.people(*words)}, "turn": turn}

    def calls(self, ticket: Ticket, **more: Any) -> tuple[Call, ...]:
        return plan(command(**more), ticket, self.site)

    def put(self, ticket: Ticket, **more: Any) -> Outcome:
        return self.client.carry_out(self.calls(ticket, **more)[0], ticket)

    def has(self, ticket: Ticket) -> str | None:
        return self.desk.view(ticket.ref.id).assignee

    def sent(self) -> list[str]:
        return [f"{r.method} {r.path.removeprefix('/rest/api/')} {r.status}" for r in self.desk.requests]

    def again(self) -> JiraClient:
        """Start anew: whatever the client remembered is gone."""
        self.client.close()
        self.client = connect(self.site, Pocket())
        return self.client

    def bugs(self) -> list[dict[str, Any]]:
        return [issue for issue in self.desk.site.issues.values() if issue["project"] == "DEV"]

    def said(self, ticket: Ticket) -> tuple[tuple[str, ...], tuple[str, ...]]:
        view = self.desk.view(ticket.ref.id)
        return view.notes, view.replies


def made(authority: Authority, deployment: Literal["cloud", "datacenter"]) -> Iterator[Bench]:
    desk = build(authority, deployment=deployment)
    section = tomllib.loads(desk.site_toml("here", "act"))["sites"]["here"]
    settings = JiraSettings(**section, **desk.secrets(), read_timeout=0.4)
    site = Site(name="here", settings=settings, account=settings.account)
    bench = Bench(desk=desk, site=site, client=connect(site, Pocket()))
    yield bench
    bench.client.close()
    desk.stop()


@pytest.fixture(params=["cloud", "datacenter"])
def bench(authority: Authority, request: pytest.FixtureRequest) -> Iterator[Bench]:
    yield from made(authority, request.param)


@pytest.fixture
def cloud(authority: Authority) -> Iterator[Bench]:
    yield from made(authority, "cloud")


# --- pools --------------------------------------------------------------------------------------------------
def test_members_take_turns_in_the_order_they_are_named(bench: Bench) -> None:
    tickets = [bench.open() for _ in range(4)]
    for turn, one in enumerate(tickets):
        outcome = bench.put(one, **bench.pool("round_robin", "ben", "ann", "eva", turn=turn))
        assert (outcome.resolved["assignee"], outcome.requests) == (bench.people("ben", "ann", "eva")[turn % 3], 2)
    assert [bench.has(one) for one in tickets] == ["Ben Billing", "Ann Agent", "Eva Lead", "Ben Billing"]


def test_the_least_busy_gets_it_and_what_is_solved_does_not_count(bench: Bench) -> None:
    for who, status in (("ann", "open"), ("ann", "open"), ("ben", "open"), ("eva", "solved"), ("eva", "solved")):
        bench.desk.agent_changes(bench.desk.open_ticket("x", "y"), assignee=who, status=status)
    one = bench.open()
    assert bench.put(one, **bench.pool("least_busy", "ann", "ben", "eva")).requests == 5
    assert bench.has(one) == "Eva Lead"
    two = bench.open()
    bench.put(two, **bench.pool("least_busy", "ann", "ben", "eva", turn=2))
    assert bench.has(two) == "Eva Lead"  # as busy as Ben, and it is her turn


def test_who_is_inactive_or_unknown_is_left_out(bench: Bench) -> None:
    bench.desk.site.inactive.add("ben")
    for pick in ("round_robin", "least_busy"):
        one = bench.open()
        pool = bench.pool(pick, "ben", "eva")
        pool["target"]["from"].insert(0, 'no"body\\')
        bench.put(one, **pool)
        assert bench.has(one) == "Eva Lead"


def test_a_name_that_begins_alike_is_somebody_else(bench: Bench) -> None:
    one = bench.open()
    with pytest.raises(Refused) as refused:
        bench.put(one, target={"assign": "round_robin", "from": [bench.desk.person("eva")[:-1]]})
    assert refused.value.parts == {"pool"}
    assert bench.has(one) is None


def test_whom_jira_refuses_in_the_end_is_passed_over(bench: Bench) -> None:
    bench.desk.site.unlicensed.add("dan")
    one = bench.open()
    outcome = bench.put(one, **bench.pool("round_robin", "dan", "ann"))
    assert outcome.resolved["assignee"] == bench.desk.person("ann")
    assert bench.has(one) == "Ann Agent"
    assert bench.desk.view(one.ref.id).edits == 1


def test_a_pool_with_nobody_left_is_refused_by_name(bench: Bench) -> None:
    bench.desk.site.unlicensed.add("dan")
    one = bench.open()
    with pytest.raises(Refused, match="cannot be assigned issues") as refused:
        bench.put(one, **bench.pool("round_robin", "dan", "carla"))
    assert (refused.value.parts, refused.value.gone) == ({"pool"}, False)
    assert bench.desk.view(one.ref.id).edits == 0


def test_what_else_jira_refuses_is_not_the_pools_fault(bench: Bench) -> None:
    bench.desk.site.off_screen = {"labels"}
    one = bench.open()
    with pytest.raises(Refused) as refused:
        bench.put(one, **bench.pool("round_robin", "ann", "ben"))
    assert refused.value.parts == {"level"}
    assert [line for line in bench.sent() if line.startswith("PUT")] == [f"PUT 2/issue/{one.ref.id} 400"]


@pytest.mark.parametrize("do", ["429", "500", "cut", "html", "hang"])
def test_a_count_that_fails_has_written_nothing(bench: Bench, do: str) -> None:
    one = bench.open()
    bench.desk.faults.add(Fault(do=do, match="search", seconds=0.5))
    with pytest.raises(TryLater) as later:
        bench.put(one, **bench.pool("least_busy", "ann", "ben"))
    assert not later.value.sent
    assert bench.desk.view(one.ref.id).edits == 0


def test_who_it_became_is_found_after_a_lost_answer(bench: Bench) -> None:
    one = bench.open()
    call = bench.calls(one, **bench.pool("round_robin", "ann", "ben", turn=1))[0]
    bench.desk.faults.add(Fault(do="cut_after", match="PUT"))
    with pytest.raises(TryLater) as later:
        bench.client.carry_out(call, one)
    assert later.value.sent
    assert bench.again().look(call, one.ref) == Outcome(resolved={"assignee": bench.desk.person("ben")})


# --- fallbacks and the way back -----------------------------------------------------------------------------
def instead(call: Call, number: int) -> Call:
    """Return the call with its first alternative in the place of its target."""
    other, *rest = call.otherwise
    kept = {name: value for name, value in call.parts.items() if name not in call.aims}
    return replace(call, number=number, parts={**kept, **other.parts}, otherwise=tuple(rest), aims=tuple(other.parts))


def test_a_refused_target_names_its_parts_and_the_next_is_taken(bench: Bench) -> None:
    one = bench.open()
    nobody, ben = bench.people("carla", "ben")
    fallbacks = ({"field": {"team": "Nowhere"}}, {"assign": "least_busy", "from": [ben]})
    call = bench.calls(one, target={"assignee": nobody}, fallbacks=fallbacks)[0]
    for number, parts in ((8, {"assignee"}), (9, {"field:team"})):
        with pytest.raises(Refused) as refused:
            bench.client.carry_out(call, one)
        assert refused.value.parts == parts
        call = instead(call, number)
    bench.client.carry_out(call, one)
    view = bench.desk.view(one.ref.id)
    assert (view.assignee, view.level, view.edits) == ("Ben Billing", 2, 1)


def test_several_watch_in_the_place_of_one(bench: Bench) -> None:
    one = bench.open()
    fallbacks = ({"watchers": bench.people("eva", "dan")},)
    watch = bench.calls(one, take=Take.OVERSIGHT, target={"assignee": "nobody"}, fallbacks=fallbacks)[1]
    with pytest.raises(Refused) as refused:
        bench.client.carry_out(watch, one)
    assert refused.value.parts == {"watchers"}
    watch = instead(watch, 9)
    assert bench.client.look(watch, one.ref) is None
    bench.client.carry_out(watch, one)
    assert bench.client.look(watch, one.ref) is not None
    assert bench.desk.view(one.ref.id).followers == tuple(bench.people("eva", "dan"))


def test_a_ticket_comes_down_to_what_it_was_and_keeps_its_watchers(bench: Bench) -> None:
    one = bench.open(group="Support", priority="low")
    up = {"assignee": bench.desk.person("ben"), "field": {"team": "Billing"}, "watchers": bench.people("eva")}
    for call in bench.calls(one, target=up, priority=Priority.URGENT):
        bench.client.carry_out(call, one)
    now = bench.ticket(one.ref.id)
    assert one.group is not None
    before = {"assignee": None, "group": one.group.id}
    for call in bench.calls(now, operation="op89", level=1, level_before=2, priority=Priority.LOW, restore=before):
        bench.client.carry_out(call, now)
    view = bench.desk.view(one.ref.id)
    assert (view.assignee, view.group, view.priority, view.level) == (None, "Support", "low", 1)
    assert view.followers == tuple(bench.people("eva"))
    assert (len(view.notes), view.replies) == (2, ())


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("North", [{"id": "1"}]),
        ("North, South", [{"id": "1"}, {"id": "2"}]),
        ("South, by the sea", [{"id": "3"}]),
        (["1", "South"], [{"id": "1"}, {"id": "2"}]),
    ],
)
def test_several_values_of_a_field_are_given_back_as_they_were_told(value: Any, sent: list[Any]) -> None:
    names = {"1": "North", "2": "South", "3": "South, by the sea"}
    allowed = [{"id": number, "value": name} for number, name in names.items()]
    meta = {"name": "Region", "schema": {"type": "array", "items": "option"}, "allowedValues": allowed}
    directory = Directory(site(), lambda path: {"fields": {"customfield_2": meta}})
    assert directory.values({"field:region": value}, ticket()) == {"customfield_2": sent}


# --- linked issues ------------------------------------------------------------------------------------------
def test_an_issue_is_opened_described_and_linked_and_the_ticket_stays_with_whom_it_is(bench: Bench) -> None:
    one = bench.open(assignee="ann")
    done = [bench.client.carry_out(call, one) for call in bench.calls(one, target=LINKED)]
    (bug,) = bench.bugs()
    assert (bug["key"], bug["type"], bug["summary"]) == ("DEV-1", "Bug", f"{one.key}: Printer")
    assert SECRET in bug["description"]
    assert done[1].resolved == {"linked_issue": "DEV-1"}
    assert bench.has(one) == "Ann Agent"
    assert bench.ticket(one.ref.id).blocked_by == ("DEV-1",)
    notes, replies = bench.said(one)
    assert ["DEV\\-1" in note for note in notes] == [True]
    assert replies == ()


def test_in_a_plain_project_the_note_tells_the_key_too(bench: Bench) -> None:
    one = bench.open(project="DEV")
    for call in bench.calls(one, target=LINKED):
        bench.client.carry_out(call, one)
    notes, _ = bench.said(one)
    assert ["DEV\\-2" in note for note in notes] == [True]
    assert bench.desk.site.find("DEV-2")["comments"] == []


def test_where_customers_could_read_it_the_description_quotes_nobody(bench: Bench) -> None:
    one = bench.open()
    target = {"linked_issue": {"project": "ITSM", "type": "Incident"}}
    bench.client.carry_out(bench.calls(one, target=target)[1], one)
    opened = bench.desk.site.find("ITSM-2")
    assert SECRET not in opened["description"]
    assert f"{one.key}".replace("-", "\\-") in opened["description"]


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize("do", ["cut_after", "slow"])
@pytest.mark.parametrize("match", ["POST .*/issue$", "POST .*/issueLink$"])
def test_a_linked_issue_whose_answer_was_lost_is_opened_once(
    bench: Bench, match: str, do: str, restarted: bool
) -> None:
    bench.desk.site.index_lags = bench.desk.site.cloud
    one = bench.open()
    call = bench.calls(one, target=LINKED)[1]
    bench.desk.faults.add(Fault(do=do, match=match, seconds=0.5))
    with pytest.raises(TryLater) as later:
        bench.client.carry_out(call, one)
    assert later.value.sent
    _wait_for(bench, match)
    client = bench.again() if restarted else bench.client
    found = client.look(call, one.ref)  # a moment later: search may not know it yet
    bench.desk.site.unindexed.clear()
    if found is None and client.look(call, one.ref) is None:
        client.carry_out(call, one)
    found = client.look(call, one.ref)
    assert found is not None
    assert found.resolved == {"linked_issue": "DEV-1"}
    assert (len(bench.bugs()), len(bench.desk.site.links)) == (1, 1)


def _wait_for(bench: Bench, match: str) -> None:
    """Wait until the pretend Jira has done what it was slow with."""
    wanted = bench.desk.site.links if "Link" in match else bench.bugs
    for _ in range(200):
        if wanted() if callable(wanted) else wanted:
            return
        bench.desk.faults.pause(0.01)
    raise AssertionError("the slow request was never carried out")


def test_a_request_that_never_arrived_is_sent_again(bench: Bench) -> None:
    one = bench.open()
    call = bench.calls(one, target=LINKED)[1]
    bench.desk.faults.add(Fault(do="cut", match="POST .*/issue$"))
    with pytest.raises(TryLater):
        bench.client.carry_out(call, one)
    assert bench.client.look(call, one.ref) is None
    bench.client.carry_out(call, one)
    assert len(bench.bugs()) == 1


def test_another_climb_to_the_level_links_the_same_issue_and_another_level_its_own(bench: Bench) -> None:
    one = bench.open()
    for operation, level in (("op1", 2), ("op2", 2), ("op3", 3)):
        client = bench.again()
        call = bench.calls(one, operation=operation, level=level, target=LINKED)[1]
        assert client.carry_out(call, one).resolved["linked_issue"] == ("DEV-1" if level == 2 else "DEV-2")
    assert (len(bench.bugs()), len(bench.desk.site.links)) == (2, 2)


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"project": "NONE"}, "no Bug could be opened in NONE: there is no project 'NONE'"),
        ({"type": "Epic"}, "Specify a valid issue type"),
        ({"link": "Block"}, "'Block'; the nearest are Blocks"),
    ],
)
def test_what_cannot_be_opened_is_refused_and_the_ticket_is_not_gone(
    bench: Bench, wanted: dict[str, str], said: str
) -> None:
    one = bench.open()
    target = {"linked_issue": {**LINKED["linked_issue"], **wanted}}
    with pytest.raises(Refused, match=said) as refused:
        bench.client.carry_out(bench.calls(one, target=target)[1], one)
    assert (refused.value.parts, refused.value.gone) == ({"linked_issue"}, False)
    assert bench.bugs() == []


def test_an_issue_that_could_not_be_linked_after_all_is_linked_by_the_next_attempt(bench: Bench) -> None:
    one = bench.open()
    call = bench.calls(one, target=LINKED)[1]
    body = {"errorMessages": ["The limit of links is reached."], "errors": {}}
    bench.desk.faults.add(Fault(do="413", match="issueLink$", body=body))
    with pytest.raises(Refused, match=r"DEV-1 was opened and could not be linked: .*The limit of links") as refused:
        bench.client.carry_out(call, one)
    assert refused.value.parts == {"linked_issue"}
    bench.again().carry_out(call, one)
    assert (len(bench.bugs()), len(bench.desk.site.links)) == (1, 1)


def test_where_links_are_switched_off_somebody_else_gets_the_ticket(bench: Bench) -> None:
    bench.desk.site.linking = False
    one = bench.open()
    call = bench.calls(one, target=LINKED, fallbacks=({"assignee": bench.desk.person("eva")},))[1]
    with pytest.raises(Refused, match="links between issues are switched off") as refused:
        bench.client.carry_out(call, one)
    assert refused.value.parts == {"linked_issue"}
    call = instead(call, 9)
    bench.client.carry_out(call, one)
    assert (bench.has(one), bench.bugs()) == ("Eva Lead", [])
    assert bench.client.look(call, one.ref) is not None
    assert bench.said(one) == ((), ())


def test_a_linked_issue_can_be_what_is_tried_instead(bench: Bench) -> None:
    one = bench.open()
    call = bench.calls(one, target={"assignee": bench.desk.person("carla")}, fallbacks=(LINKED,))[0]
    assert not call.repeatable
    with pytest.raises(Refused):
        bench.client.carry_out(call, one)
    call = instead(call, 9)
    assert bench.client.carry_out(call, one).resolved == {"linked_issue": "DEV-1"}
    assert bench.client.look(call, one.ref) is not None
    assert (bench.desk.view(one.ref.id).level, len(bench.bugs())) == (2, 1)
    assert SECRET not in bench.bugs()[0]["description"]


def test_a_plain_projects_note_names_the_issue_that_is_tried_instead(cloud: Bench) -> None:
    one = cloud.open(project="DEV")
    edit, note = cloud.calls(one, target={"assignee": cloud.desk.person("carla")}, fallbacks=(LINKED,))
    for call in (instead(edit, 9), note):
        cloud.client.carry_out(call, one)
    notes, _ = cloud.said(one)
    assert ["DEV\\-2" in note for note in notes] == [True]
