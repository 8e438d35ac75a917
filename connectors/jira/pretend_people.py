"""What people do at the pretend Jira, and what there is to see: customers, agents, administrators. No web."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from connectors.jira.picture import level_in
from connectors.jira.pretend import DONE, HELP_STATUS_WORDS, PRIORITY_WORDS, STATUS_WORDS, PretendSite
from connectors.jira.pretend_clocks import sla
from connectors.jira.pretend_herald import Herald
from connectors.jira.pretend_rules import BROKEN, FIELD_CHANGED, Rule, ask, mail_reporter, set_field
from connectors.jira.records import AGENT, FIELDS, HELP_FIELDS, OURS, PEOPLE, REQUESTER, STATUSES, TEAMS
from connectors.sandboxing import Happened, Mail, View

_OUR_WORDS = {number: word for word, number in (STATUS_WORDS | HELP_STATUS_WORDS).items()}
_OUR_WORDS |= {number: word for word, number in STATUS_WORDS.items()}
_OUR_WORDS |= dict.fromkeys(("10000", "10100", "10103"), "open")


class People:
    """The verbs of a story, told at a pretend Jira."""

    site: PretendSite
    herald: Herald
    _lock: threading.RLock

    # --- what people do ---------------------------------------------------------------------------------
    def open_ticket(self, subject: str, text: str, **fields: Any) -> str:
        """A customer opens a ticket: fields priority, tags, product, impact, urgency, organization. Return its id.

        `project` is ITSM, DEV for the plain one, or HELP for the team-managed one; `reporter` is who asks; `due_at` and
        `sla_breach_at` are times.
        """
        with self._lock:
            who = self.site.known(fields.pop("reporter", REQUESTER))
            issue = self.site.create(fields.pop("project", "ITSM"), subject, text, {"reporter": who})
            for name, value in fields.items():
                self.site.change(issue, *self.site.value_for(issue, name, value))
            self.herald.opened(issue, who)
            return str(issue["id"])

    def customer_says(self, ticket: str, text: str, *, who: str = REQUESTER) -> None:
        """The requester writes, or another customer who sees the ticket; a solved one is reopened."""
        with self._lock:
            issue = self.site.find(ticket)
            self.herald.spoke(issue, self.site.say(issue, who, text, public=True))
            if STATUSES[issue["status"]][1] == "done":
                self._save(issue, REQUESTER, {"status": _open_again(issue), "resolution": None})

    def agent_says(self, ticket: str, text: str, *, public: bool = True, who: str = AGENT) -> None:
        """An agent writes to the requester, or internally."""
        with self._lock:
            issue = self.site.find(ticket)
            self.herald.spoke(issue, self.site.say(issue, who, text, public=public))

    def agent_edits_comment(self, ticket: str, text: str) -> None:
        """An agent changes the newest comment."""
        with self._lock:
            issue = self.site.find(ticket)
            said = issue["comments"][-1]
            said |= {"body": text, "updated": self.site.stamp()}
            self.herald.rewrote(issue, said)

    def agent_deletes_comment(self, ticket: str, said: str | None = None) -> None:
        """An agent deletes the comment that says this; the newest if nothing is said."""
        with self._lock:
            issue = self.site.find(ticket)
            found = next(one for one in reversed(issue["comments"]) if said in (None, one["body"]))
            self.herald.withdrew(issue, self.site.remove(issue, found["id"]))

    def agent_changes(self, ticket: str, *, who: str = AGENT, **fields: Any) -> None:
        """An agent changes fields: status, priority, group, assignee, tags, level."""
        with self._lock:
            issue = self.site.find(ticket)
            for name, value in fields.items():
                self._save(issue, who, dict([self.site.value_for(issue, name, value)]))

    def agent_blocks(self, ticket: str, *, by: str) -> None:
        """An agent links the ticket to an issue that blocks it."""
        with self._lock:
            if link := self.site.link("Blocks", self.site.find(by), self.site.find(ticket)):
                self.herald.linked(link)

    def agent_unblocks(self, ticket: str) -> None:
        """An agent takes away the links to what blocks the ticket."""
        with self._lock:
            number = self.site.find(ticket)["id"]
            for link in [known for known in self.site.links if known["destination"] == number]:
                self.site.links.remove(link)
                self.herald.linked(link, "issuelink_deleted")

    def agent_deletes(self, ticket: str) -> None:
        """An agent deletes the ticket."""
        with self._lock:
            issue = self.site.find(ticket)
            del self.site.issues[issue["id"]]
            self.herald.deleted(issue, AGENT)

    def agent_moves(self, ticket: str, project: str) -> None:
        """An agent moves the ticket to another project: its key changes, its id does not."""
        with self._lock:
            issue = self.site.find(ticket)
            self.herald.changed(issue, AGENT, self.site.relocate(issue, project), "issue_moved")

    def agent_archives(self, ticket: str) -> None:
        """An administrator archives the ticket: it takes no more writes and no search finds it."""
        with self._lock:
            self.site.find(ticket)["archived"] = True

    def sla_runs(self, ticket: str, until: datetime | None, *, paused: bool = False) -> None:
        """An SLA runs until then, stands still or is over; Jira sends nobody a word about it."""
        with self._lock:
            self.site.find(ticket)["custom"][FIELDS["sla"]] = sla(until, paused=paused)

    def _save(self, issue: dict[str, Any], who: str, values: Mapping[str, Any]) -> None:
        items = [item for key, value in values.items() if (item := self.site.change(issue, key, value))]
        if STATUSES.get(values.get("status", ""), ("", ""))[1] == "done":
            issue["resolution"] = DONE
        self.herald.changed(issue, who, items, "issue_generic")

    # --- what the site does by itself ---------------------------------------------------------------------
    @property
    def outbound(self) -> list[Mail]:
        """What the site sent to people outside by itself."""
        return self.herald.rules.outbound

    def mail_customer_on_priority_change(self) -> str:
        """Let a rule mail the requester whenever a priority changes; return its id."""
        text = "The priority of your request has changed."
        return self._rule("Tell customers about priorities", ("priority",), mail_reporter("Your request", text))

    def undo_our_field(self, name: str = "team", value: Any = "Support") -> str:
        """Let a rule set a field back whenever it changes: the team, or another of our names; return its id."""
        number = FIELDS.get(name, name)
        return self._rule(f"Keep {name} as it was", (number,), set_field(number, value))

    def ask_on_broken_sla(self, url: str, token: str) -> str:
        """Let a rule send a web request when an SLA breaks, with a shared word in it; return its id."""
        rule = Rule(name="SLA broken", trigger=BROKEN, do=(ask(url, {"X-Stepladder-Token": token}),))
        self.herald.rules.all.append(rule)
        return rule.uuid

    def notify_customers(self) -> None:
        """Let service projects mail their customers about replies and statuses, as they do unless told otherwise."""
        self.herald.rules.notifies = True

    def sla_goals(self, *, first_reply: bool = False, **goals: timedelta) -> None:
        """Let an SLA run, of resolution or of the first reply, with a goal for each of our priorities that is named."""
        told = {PRIORITY_WORDS[word]: goal for word, goal in goals.items()}
        if first_reply:
            self.site.clocks.first_reply = told
        else:
            self.site.clocks.resolution = told

    def clocks_strike(self) -> None:
        """Tell the rules of every SLA that is broken now and was not when they were last told."""
        with self._lock:
            for issue in list(self.site.issues.values()):
                for field in sorted(self.site.clocks.breached(issue, self.site.clock()) - issue.get("broken", set())):
                    issue.setdefault("broken", set()).add(field)
                    self.herald.broke(issue, field)

    def _rule(self, name: str, fields: tuple[str, ...], do: Mapping[str, Any]) -> str:
        rule = Rule(name=name, trigger=FIELD_CHANGED, fields=fields, do=(do,))
        self.herald.rules.all.append(rule)
        return rule.uuid

    # --- what there is to see -----------------------------------------------------------------------------
    def view(self, ticket: str) -> View:
        """Show the ticket as it stands."""
        with self._lock:
            issue, site = self.site.find(ticket), self.site
            internal = {said["id"] for said in issue["comments"] if not self._public(issue, said)}
            number = issue["priority"]
            return View(
                id=issue["id"],
                key=issue["key"],
                subject=issue["summary"],
                status=_OUR_WORDS[issue["status"]],
                priority=next((word for word, theirs in PRIORITY_WORDS.items() if theirs == number), "low"),
                group=issue["custom"].get(FIELDS["team"]),
                assignee=PEOPLE[issue["assignee"]] if issue["assignee"] else None,
                level=_level(issue),
                followers=tuple(site.user_id(who) for who in issue["watchers"]),
                notes=tuple(said["body"] for said in issue["comments"] if said["id"] in internal),
                replies=tuple(said["body"] for said in issue["comments"] if said["id"] not in internal),
                tags=tuple(issue["labels"]),
                edits=issue["edits"],
            )

    def _public(self, issue: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
        ours_among_staff = said["who"] == OURS and not self.site.is_desk(issue)  # no portal to read it in
        return bool(said["public"]) and not ours_among_staff

    def tickets(self) -> Sequence[View]:
        """Show every ticket, the newest first."""
        with self._lock:
            return [self.view(number) for number in reversed(self.site.issues)]

    def history(self, ticket: str) -> Sequence[Happened]:
        """Tell what was said and changed on a ticket, the oldest first."""
        with self._lock:
            issue = self.site.find(ticket)
            told = [_said(said, public=self._public(issue, said)) for said in issue["comments"]]
            told += [_changed(entry) for entry in issue["history"]]
            return sorted(told, key=lambda happened: happened.at)

    def choices(self) -> Mapping[str, Sequence[str]]:
        """Return what an agent may choose for status, priority, group and assignee, as `agent_changes` takes it."""
        people = self.site.licensed()
        return {"status": list(STATUS_WORDS), "priority": list(PRIORITY_WORDS), "group": TEAMS, "assignee": people}


def _said(said: Mapping[str, Any], *, public: bool) -> Happened:
    at = datetime.fromisoformat(said["created"])
    return Happened(at=at, who=PEOPLE[said["who"]], says=said["body"], public=public)


def _changed(entry: Mapping[str, Any]) -> Happened:
    says = "; ".join(f"{item['field']}: {item['toString'] or 'nothing'}" for item in entry["items"])
    return Happened(at=datetime.fromisoformat(entry["created"]), who=PEOPLE[entry["who"]], says=says)


def _level(issue: Mapping[str, Any]) -> int:
    labels = [level for label in issue["labels"] if (level := level_in(label))]
    shown = issue["custom"].get(HELP_FIELDS["level"]) if issue["project"] == "HELP" else None
    return int(shown) if shown else max(labels, default=1)


def _open_again(issue: Mapping[str, Any]) -> str:
    return "20002" if issue["project"] == "HELP" else "10100"
