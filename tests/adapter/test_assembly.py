"""Building and starting the house: what is activated decides, whatever has become of the policy's file meanwhile."""

from __future__ import annotations

import contextlib
import dataclasses
import sqlite3
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from adapter.assembly import build, create_app, make_app
from adapter.examination import Examined, keep
from adapter.house import House
from adapter.messenger import unheard
from adapter.records import Commit, Committed
from adapter.scheduling.lock import AlreadyWorking
from adapter.settings import Mail, OnCall, Settings, SettingsError, load
from adapter.store import tables as t
from adapter.store.connection import Database
from adapter.store.sql import SqlStore
from connectors import discover
from connectors.contract import Delivery
from policies.case import Case
from policies.commands import Line, Mode, Note, Notice, Occasion, Recipient, Span
from policies.document import parse
from policies.model import TicketRef

LIBRARY = Path(__file__).parents[2] / "policies" / "library"
CONFIG = """\
[sites.acme]
vendor = "zendesk"
url = "https://acme.zendesk.com"
account = "9000"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "policy.yaml").write_text((LIBRARY / "support.yaml").read_text("utf-8"), "utf-8")
    (tmp_path / "stepladder.toml").write_text(CONFIG)
    vendors = {name: connector.settings for name, connector in discover().items()}
    environ = {"STEPLADDER_ACME_OAUTH_TOKEN": "t", "STEPLADDER_ACME_WEBHOOK_SECRETS": "s"}
    return load(tmp_path / "stepladder.toml", environ, vendors)


def test_what_is_wrong_together_is_told_beside_what_is_wrong_alone(tmp_path: Path) -> None:
    (tmp_path / "stepladder.toml").write_text(CONFIG.replace("https", "http") + 'levelfield = "1"\n')
    vendors = {name: connector.settings for name, connector in discover().items()}
    with pytest.raises(SettingsError) as refused:
        load(tmp_path / "stepladder.toml", {}, vendors)
    for sentence in ("sites.acme.url", "did you mean level_field", "exactly one way to authenticate"):
        assert sentence in str(refused.value)


def test_a_site_that_can_verify_nobody_says_so_at_the_start(settings: Settings) -> None:
    site = settings.sites["acme"].model_copy(update={"webhook_secrets": ()})
    told: list[str] = []
    house = started(dataclasses.replace(settings, sites={"acme": site}), told)
    assert "site.deaf" in told
    house.stop()


def started(settings: Settings, told: list[str]) -> House:
    house = build(settings, lambda event, _: told.append(event))
    house.start()
    return house


@pytest.fixture
def activated(settings: Settings) -> str:
    house = started(settings, [])
    revision = house.store.active_policy()
    house.stop()
    assert revision is not None
    return revision


def test_the_first_start_activates_the_policy(settings: Settings) -> None:
    told: list[str] = []
    house = started(settings, told)
    assert "policy.activated" in told
    assert house.ready()
    assert house.stop()
    assert not house.ready()


@pytest.mark.parametrize(("text", "event"), [("oops: [", "policy.unreadable"), (None, "policy.unreadable")])
def test_a_restart_in_the_middle_of_an_edit_keeps_what_was_activated(
    settings: Settings, activated: str, text: str | None, event: str
) -> None:
    if text is None:
        settings.policy.unlink()
    else:
        settings.policy.write_text(text)
    told: list[str] = []
    house = started(settings, told)
    assert house.store.active_policy() == activated
    assert event in told
    house.stop()


def test_an_edited_file_is_only_mentioned(settings: Settings, activated: str) -> None:
    settings.policy.write_text(settings.policy.read_text("utf-8").replace("30 minutes", "half an hour"), "utf-8")
    told: list[str] = []
    house = started(settings, told)
    assert house.store.active_policy() == activated
    assert "policy.differs" in told
    house.stop()


def test_a_first_start_without_a_policy_says_what_to_do(settings: Settings) -> None:
    settings.policy.unlink()
    house = build(settings)
    with pytest.raises(FileNotFoundError, match="copy one from policies/library"):
        house.start()
    house.stop()


def test_a_second_worker_on_the_same_file_is_refused_and_a_receiver_is_not(settings: Settings) -> None:
    house = started(settings, [])
    with pytest.raises(AlreadyWorking, match="one worker per SQLite file"):
        create_app(settings)
    receiver = create_app(settings, worker=False)
    assert receiver.test_client().get("/readyz").status_code == 200
    receiver.extensions["stepladder"].stop()
    house.stop()


@pytest.mark.parametrize("receives", [True, False])
def test_a_backlog_makes_those_unready_that_receive_and_not_those_that_work_it_off(
    settings: Settings, receives: bool
) -> None:
    house = build(dataclasses.replace(settings, server=settings.server.model_copy(update={"backlog": 1})))
    house.start(worker=False, receives=receives)
    for number in ("1", "2"):
        ref = TicketRef(vendor="zendesk", site="acme", id=number)
        told = Delivery(vendor=ref.vendor, site=ref.site, body=b"{}", received_at=house.clock(), headers={})
        house.store.receive(told, number, [ref], None)
    answer = make_app(house).test_client().get("/readyz")
    assert (answer.status_code == 503) is receives, answer.json
    house.stop()


def mode_of(house: House) -> tuple[str, float]:
    with house.store.database.read() as connection:
        return tuple(connection.execute(select(t.modes.c.mode, t.modes.c.since)).one())


def test_a_process_that_is_refused_changes_nothing(settings: Settings) -> None:
    house = started(settings, [])
    before = mode_of(house)
    site = settings.sites["acme"].model_copy(update={"mode": Mode.ACT})
    other = build(dataclasses.replace(settings, sites={"acme": site}))
    with pytest.raises(AlreadyWorking):
        other.start()
    other.stop()
    assert mode_of(house) == before
    house.stop()


def test_another_name_for_the_file_is_the_same_file(settings: Settings, tmp_path: Path) -> None:
    house = started(settings, [])
    (tmp_path / "other.db").symlink_to(settings.database.removeprefix("sqlite:///"))
    other = build(dataclasses.replace(settings, database=f"sqlite:///{tmp_path / 'other.db'}"))
    with pytest.raises(AlreadyWorking):
        other.start()
    other.stop()
    house.stop()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda file: file.write_bytes(b"not a database at all" * 400), "is damaged"),
        (lambda file: newer(file), "of a newer Stepladder"),
    ],
    ids=["another file", "a newer schema"],
)
def test_a_database_that_cannot_be_used_is_a_sentence(settings: Settings, spoil: Any, sentence: str) -> None:
    spoil(Path(settings.database.removeprefix("sqlite:///")))
    house = build(settings)
    with pytest.raises(OSError, match=sentence):
        house.start()
    house.stop()


def newer(file: Path) -> None:
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num TEXT)")
        connection.execute("INSERT INTO alembic_version VALUES ('9999')")


# --- messages to people -------------------------------------------------------------------------------------
TELLING = """
version: 1
name: Telling
applies_to: {zendesk: {groups: [Support, Experts]}}
levels:
  - {level: 1, name: Frontline, targets: {zendesk: {group: Support}}}
  - {level: 2, name: Specialist, targets: {zendesk: {group: Experts}}}
rules:
  - {name: urgent, when: {priority: urgent}, go_to: 2}
  - {name: told, when: {priority: high}, tell: [lead@x.example, {on_call: Duty, else: duty@x.example}]}
"""


def telling(settings: Settings, **more: Any) -> Settings:
    settings.policy.write_text(TELLING, "utf-8")
    return dataclasses.replace(settings, **more)


def test_whom_the_policy_tells_in_vain_is_said_at_the_start(settings: Settings) -> None:
    said: list[object] = []
    house = build(telling(settings), lambda event, fields: said.append((event, fields.get("reason"))))
    house.start()
    house.stop()
    (reason,) = [reason for event, reason in said if event == "notice.unheard"]
    assert reason == (
        "the policy tells lead@x.example and others, but there is no [mail] in stepladder.toml, so nobody can be told"
    )


def test_who_is_on_call_must_stand_in_the_settings(settings: Settings) -> None:
    mail = Mail.model_validate({"host": "mail.x.example", "from": "robot@x.example"})
    whole = telling(settings, mail=mail)
    policy = parse(whole.policy.read_text("utf-8"))
    (sentence,) = unheard(policy, whole)
    assert 'stepladder.toml has no [on_call."Duty"]' in sentence
    schedule = OnCall.model_validate({"url": "https://x.example", "path": "email"})
    assert unheard(policy, dataclasses.replace(whole, on_call={"Duty": schedule})) == ()


def test_what_was_decided_before_a_restart_is_told_after_it(settings: Settings, mail_server: Any, until: Any) -> None:
    site = settings.sites["acme"].model_copy(update={"mode": Mode.ACT})
    mail = {"host": "127.0.0.1", "port": mail_server.port, "tls": "none", "from": "robot@x.example"}
    whole = telling(settings, mail=Mail.model_validate(mail), sites={"acme": site})
    house = started(whole, [])
    ref = TicketRef(vendor="zendesk", site="acme", id="7")
    work, now = house.store.open(ref, house.clock()), house.clock()
    house.store.mark_due(ref, now + timedelta(days=1))
    house.stop()

    beside = SqlStore(Database(whole.database))
    note = Note(lines=(Line(label="Issue", spans=(Span(text="#7"),)),))
    to = (Recipient(address="ada@x.example"),)
    notice = Notice(operation="abc", occasion=Occasion.RULE, rule="told", to=to, subject="#7", note=note)
    thought = Commit(
        ref=ref, revision=work.revision, marks=1, now=now, due_at=None, case=Case.fresh(ref, now), notices=(notice,)
    )
    assert beside.commit(thought) is Committed.DONE
    keep(beside, "zendesk/acme", Examined(at=now, policy=beside.active_policy(), findings=()))  # so that it may act
    beside.close()

    house = started(whole, [])
    until(lambda: mail_server.letters)
    assert house.stop()
    assert mail_server.to == [["ada@x.example"]]
