"""Letters over a real mail server on loopback: what is in one, what its answers mean, and what never happens."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from adapter.mail import Letter, NotTaken, SmtpPostbox, composed, one_line
from adapter.sections import Mail
from connectors.contract import TryLater

NOW = datetime(2027, 3, 1, 9, 0, tzinfo=UTC)
SENDER = "Stepladder <robot@acme.example>"


def letter(**more: Any) -> Letter:
    given: dict[str, Any] = {"id": "0123456789ab", "to": ["ada@acme.example"], "subject": "#7: level 2", "at": NOW}
    return Letter(**{**given, "text": "Why: it is urgent\nÄrger über 5 €", **more})


def settings(port: int, **more: Any) -> Mail:
    return Mail.model_validate(
        {"host": "127.0.0.1", "port": port, "tls": "none", "from": SENDER, "timeout": 1.0, **more}
    )


# --- what is in a letter ------------------------------------------------------------------------------------
def test_a_letter_arrives_with_its_text_and_an_id_of_its_own(mail_server: Any, postbox: SmtpPostbox) -> None:
    assert postbox.send(letter(to=["ada@acme.example", "ben@acme.example"])) == {}
    ((to, sent),) = mail_server.letters
    assert to == ["ada@acme.example", "ben@acme.example"]
    assert sent["From"] == SENDER
    assert sent["To"] == "ada@acme.example, ben@acme.example"
    assert sent["Subject"] == "#7: level 2"
    assert sent["Message-ID"] == "<0123456789ab@acme.example>"
    assert sent["Date"] == "Mon, 01 Mar 2027 09:00:00 +0000"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent.get_content().splitlines() == ["Why: it is urgent", "Ärger über 5 €"]


INJECTIONS = ["\r\nBcc: eve@evil.example", "\nX-Evil: 1", "\r\n\r\nevil", "\x0b\x0c\x1c\x85\u2028x", "\x00\ud800"]


@pytest.mark.parametrize("evil", INJECTIONS)
def test_a_subject_cannot_become_a_header(mail_server: Any, postbox: SmtpPostbox, evil: str) -> None:
    postbox.send(letter(subject=f"#7{evil}"))
    ((to, sent),) = mail_server.letters
    names = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type", "MIME-Version",
             "Content-Transfer-Encoding", "X-Peer", "X-MailFrom", "X-RcptTo"}  # fmt: skip
    assert set(sent.keys()) <= names
    assert sent["Subject"].startswith("#7")
    assert to == ["ada@acme.example"]


NO_ADDRESSES = [
    "ada@acme.example\r\nBcc: eve@evil.example", "ada@acme.example, eve@evil.example", "<>", "Ada", "",
    ".lead@acme.example", "lead.@acme.example", "a..b@acme.example", "a@-.-", "a@b..c", "a@b", "a@b.c" + "d" * 250,
]  # fmt: skip


@pytest.mark.parametrize("address", NO_ADDRESSES)
def test_what_is_no_address_gets_no_letter_and_the_others_do(
    mail_server: Any, postbox: SmtpPostbox, address: str
) -> None:
    refused = {address: NotTaken(reason="it is no e-mail address", later=False)}
    assert postbox.send(letter(to=[address])) == refused
    assert mail_server.letters == []
    assert postbox.send(letter(to=["ada@acme.example", address])) == refused
    assert mail_server.to == [["ada@acme.example"]]


@given(st.text())
def test_whatever_a_subject_holds_it_is_one_line_of_headers(subject: str) -> None:
    text = composed(letter(subject=subject), SENDER).as_bytes()
    head, _, _ = text.partition(b"\r\n\r\n")
    starts = [line for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    assert sum(line.lower().startswith(b"subject:") for line in starts) == 1
    assert len(starts) == len(composed(letter(), SENDER).as_bytes().partition(b"\r\n\r\n")[0].split(b"\r\n"))
    assert one_line(subject).isprintable()


def test_half_a_character_costs_nothing_else_of_the_text(mail_server: Any, postbox: SmtpPostbox) -> None:
    postbox.send(letter(text="Help \ud83d!"))
    assert mail_server.letters[0][1].get_content().strip() == "Help ?!"


def test_a_text_ends_where_it_ends(mail_server: Any, postbox: SmtpPostbox) -> None:
    postbox.send(letter(text="first\n.\nQUIT\r\n.\r\nlast " + "x" * 3000))
    ((_, sent),) = mail_server.letters
    assert sent.get_content().split() == ["first", ".", "QUIT", ".", "last", "x" * 3000]


# --- what the answers mean ----------------------------------------------------------------------------------
@pytest.mark.parametrize(("answer", "later"), [("550 5.1.1 no such user", False), ("450 greylisted", True)])
def test_who_is_refused_is_told_by_address_and_the_others_get_it(
    mail_server: Any, postbox: SmtpPostbox, answer: str, later: bool
) -> None:
    mail_server.answers["ben@acme.example"] = [answer]
    found = postbox.send(letter(to=["ada@acme.example", "ben@acme.example"]))
    assert found == {"ben@acme.example": NotTaken(reason=answer, later=later)}
    assert mail_server.to == [["ada@acme.example"]]


def test_all_may_be_refused(mail_server: Any, postbox: SmtpPostbox) -> None:
    mail_server.answers["ada@acme.example"] = ["550 no"]
    assert postbox.send(letter()) == {"ada@acme.example": NotTaken(reason="550 no", later=False)}


@pytest.mark.parametrize(("answer", "later"), [("554 looks like spam", False), ("451 try again", True)])
def test_a_letter_that_is_refused_as_a_whole_is_refused_for_all(
    mail_server: Any, postbox: SmtpPostbox, answer: str, later: bool
) -> None:
    mail_server.answers["DATA"] = [answer]
    assert postbox.send(letter()) == {"ada@acme.example": NotTaken(reason=answer, later=later)}


def test_who_was_not_asked_about_any_more_was_not_told(mail_server: Any, postbox: SmtpPostbox) -> None:
    mail_server.answers["ada@acme.example"] = ["421 closing"]
    found = postbox.send(letter(to=["ada@acme.example", "ben@acme.example"]))
    assert {address: wrong.later for address, wrong in found.items()} == {
        "ada@acme.example": True,
        "ben@acme.example": True,
    }


def test_where_nobody_listens_it_is_tried_later() -> None:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(TryLater, match="the mail server cannot now"):
        SmtpPostbox(settings(port)).send(letter())


@pytest.fixture
def speaking() -> Iterator[Callable[[list[bytes]], int]]:
    """Starts a server that says these lines, whatever it is told, and then hangs up or says nothing more."""
    opened: list[socket.socket] = []

    def start(lines: list[bytes]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)

        def talk() -> None:
            caller, _ = listener.accept()
            with caller:
                for line in lines:
                    if line == b"silence":
                        caller.settimeout(5)
                        while caller.recv(1024):
                            pass
                        return
                    caller.sendall(line + b"\r\n")
                    caller.recv(65_536)

        threading.Thread(target=talk, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in opened:
        listener.close()


@pytest.fixture
def dripping() -> Iterator[Callable[..., int]]:
    """Starts a server that says these lines and then the same few bytes for ever."""
    opened: list[socket.socket] = []

    def start(drip: bytes, *lines: bytes) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)

        def talk() -> None:
            caller, _ = listener.accept()
            with caller, contextlib.suppress(OSError):
                for line in lines:
                    caller.sendall(line + b"\r\n")
                    caller.recv(65_536)
                while True:
                    caller.sendall(drip)
                    threading.Event().wait(0.05)

        threading.Thread(target=talk, daemon=True).start()
        return int(listener.getsockname()[1])

    yield start
    for listener in opened:
        listener.close()


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([b"silence"], "it says nothing"),
        ([b"220 hi", b"silence"], "it says nothing more"),
        ([b"220 hi"], "it hangs up"),
        ([b"HTTP/1.1 400 Bad Request"], "it is no mail server"),
        ([b"421 too busy"], "it is busy"),
    ],
)
def test_a_server_that_cannot_now_costs_time_only(
    speaking: Callable[[list[bytes]], int], lines: list[bytes], why: str
) -> None:
    with pytest.raises(TryLater):
        SmtpPostbox(settings(speaking(lines), timeout=0.2)).send(letter())


TAKES = [b"220 hi", b"250 hello", b"250 sender", b"250 to", b"354 go on"]


def test_a_letter_is_waited_for_longer_than_a_word(mail_server: Any) -> None:
    mail_server.before = lambda: threading.Event().wait(0.5)
    assert SmtpPostbox(settings(mail_server.port, timeout=0.2)).send(letter()) == {}


@pytest.mark.parametrize("end", [[b"silence"], []])
def test_a_server_that_has_the_letter_and_does_not_say_so_perhaps_takes_it(
    speaking: Callable[[list[bytes]], int], end: list[bytes]
) -> None:
    with pytest.raises(TryLater, match="has the letter and did not say that it takes it") as caught:
        SmtpPostbox(settings(speaking([*TAKES, *end]), answer=0.2)).send(letter())
    assert (caught.value.sent, caught.value.site_wide) == (True, False)


def test_before_it_has_the_letter_nothing_was_sent(speaking: Callable[[list[bytes]], int]) -> None:
    with pytest.raises(TryLater, match="cannot now") as caught:
        SmtpPostbox(settings(speaking(TAKES[:-1]), timeout=0.2)).send(letter())
    assert (caught.value.sent, caught.value.site_wide) == (False, True)


@pytest.mark.parametrize("tls", ["none", "tls"])
@pytest.mark.parametrize("drip", [b"220-hi\r\n", b"2", b"x"])
def test_a_server_that_says_a_little_now_and_then_comes_to_an_end(
    dripping: Callable[..., int], drip: bytes, tls: str
) -> None:
    with pytest.raises(TryLater, match="it did not come to an end in time" if tls == "none" else "cannot now"):
        SmtpPostbox(settings(dripping(drip), timeout=0.2, tls=tls)).send(letter())


def test_so_does_one_that_drips_when_it_has_the_letter(dripping: Callable[..., int]) -> None:
    with pytest.raises(TryLater, match=r"has the letter .* did not come to an end in time") as caught:
        SmtpPostbox(settings(dripping(b"250-", *TAKES), answer=0.4)).send(letter())
    assert caught.value.sent


def test_one_that_drips_its_goodbye_has_taken_the_letter(dripping: Callable[..., int]) -> None:
    assert SmtpPostbox(settings(dripping(b"221-", *TAKES, b"250 taken"), timeout=0.2)).send(letter()) == {}


def test_a_letter_that_was_taken_is_taken_whatever_is_said_to_our_goodbye(
    speaking: Callable[[list[bytes]], int],
) -> None:
    lines = [*TAKES, b"250 taken", b"500 what?"]
    assert SmtpPostbox(settings(speaking(lines), timeout=0.5)).send(letter()) == {}


def test_a_sender_that_is_not_allowed_is_everybodys_trouble(speaking: Callable[[list[bytes]], int]) -> None:
    port = speaking([b"220 hi", b"250 hello", b"553 not you", b"250 reset", b"221 bye"])
    with pytest.raises(TryLater, match="does not let us in: 553 not you") as caught:
        SmtpPostbox(settings(port)).send(letter())
    assert caught.value.after == 300


# --- never in the clear -------------------------------------------------------------------------------------
@pytest.fixture
def authority(tmp_path: Path) -> tuple[trustme.CA, Path]:
    authority, file = trustme.CA(), tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return authority, file


@pytest.fixture
def guarded(authority: tuple[trustme.CA, Path], run_mail_server: Callable[..., Any]) -> Any:
    """A server that offers STARTTLS and asks for a password."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority[0].issue_cert("127.0.0.1").configure_cert(context)

    def knows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (b"robot", b"hunter22"), handled=False)

    return run_mail_server(tls_context=context, authenticator=knows, auth_required=True)


def secured(port: int, ca: Path, **more: Any) -> SmtpPostbox:
    given = {"tls": "starttls", "username": "robot", "password": SecretStr("hunter22"), "ca_bundle": ca, **more}
    return SmtpPostbox(settings(port, **given))


def test_it_logs_in_behind_tls(guarded: Any, authority: tuple[trustme.CA, Path]) -> None:
    assert secured(guarded.port, authority[1]).send(letter()) == {}
    assert guarded.to == [["ada@acme.example"]]


def test_tls_from_the_first_byte(authority: tuple[trustme.CA, Path], run_mail_server: Callable[..., Any]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority[0].issue_cert("127.0.0.1").configure_cert(context)
    server = run_mail_server(ssl_context=context)
    given = {"tls": "tls", "username": None, "password": None}
    assert secured(server.port, authority[1], **given).send(letter()) == {}
    assert server.to == [["ada@acme.example"]]


def test_a_wrong_password_is_a_matter_for_a_person(guarded: Any, authority: tuple[trustme.CA, Path]) -> None:
    with pytest.raises(TryLater, match="does not let us in: 535") as caught:
        secured(guarded.port, authority[1], password=SecretStr("wrong")).send(letter())
    assert caught.value.after == 300
    assert "wrong" not in str(caught.value)


def test_a_server_whose_certificate_nobody_vouches_for_gets_nothing(guarded: Any, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    with pytest.raises(TryLater, match="CERTIFICATE_VERIFY_FAILED"):
        secured(guarded.port, other).send(letter())
    assert guarded.letters == []


def test_a_server_that_offers_no_tls_gets_nothing(mail_server: Any, authority: tuple[trustme.CA, Path]) -> None:
    with pytest.raises(TryLater, match="does not let us in: STARTTLS"):
        secured(mail_server.port, authority[1]).send(letter())
    assert mail_server.letters == []
