"""Letters to people over SMTP. No part of a letter can become a header of its own; nothing is sent in the clear."""

from __future__ import annotations

import contextlib
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from typing import Any, Protocol

from adapter.deadline import Deadline
from adapter.sections import Mail
from connectors import barred
from connectors.contract import TryLater
from policies.contacts import is_address

_LOG_IN_PATIENCE = 300.0
"""Seconds to leave a server alone that does not know us: a person has to act."""
_ANSWERS = 3
"""How many times `timeout` everything may take until the letter is handed over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message to people. `id` is the same however often it is sent."""

    id: str
    to: Sequence[str]
    subject: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NotTaken:
    """The server did not take a letter for somebody; `later`: it may another time."""

    reason: str
    later: bool


class Postbox(Protocol):
    """Takes letters."""

    def send(self, letter: Letter) -> Mapping[str, NotTaken]:
        """Send a letter; return for whom it was not taken.

        Raises TryLater if the server cannot be spoken to now; `sent`: it has the letter, and did not say what of it.
        """


class SmtpPostbox:
    """A mail server, one connection a letter."""

    def __init__(self, settings: Mail) -> None:
        self._settings = settings

    def send(self, letter: Letter) -> Mapping[str, NotTaken]:
        """Send a letter; return for whom it was not taken. Raises TryLater (see `Postbox`)."""
        wrong = {
            one: NotTaken(reason="it is no e-mail address", later=False) for one in letter.to if not is_address(one)
        }
        reachable = [address for address in letter.to if address not in wrong]
        return wrong | self._sent(replace(letter, to=reachable)) if reachable else wrong

    def _sent(self, letter: Letter) -> dict[str, NotTaken]:
        message = composed(letter, self._settings.sender)
        server = _TlsConversation(self._settings) if self._settings.tls == "tls" else _Conversation(self._settings)
        try:
            with server.deadline:
                refused = self._handed_over(server, message, letter.to)
        except smtplib.SMTPRecipientsRefused as error:  # one answer may have ended it before all were asked about
            said = dict(error.recipients)
            refused = {address: said.get(address, (421, b"not asked about any more")) for address in letter.to}
        except smtplib.SMTPDataError as error:
            refused = {address: (error.smtp_code, _bytes(error.smtp_error)) for address in letter.to}
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPSenderRefused, smtplib.SMTPNotSupportedError) as error:
            raise TryLater(f"the mail server does not let us in: {_said(error)}", after=_LOG_IN_PATIENCE) from error
        except (OSError, smtplib.SMTPException) as error:
            raise server.trouble(error) from error
        return {address: _not_taken(*answer) for address, answer in refused.items()}

    def _handed_over(
        self, server: _Conversation, message: EmailMessage, to: Sequence[str]
    ) -> Mapping[str, tuple[int, bytes]]:
        told = self._settings
        try:
            server.greeted(told.host, told.port)
            if told.tls == "starttls":
                server.starttls(context=_trust(told))  # raises if it is not offered: never in the clear instead
            if told.username is not None and told.password is not None:
                server.login(told.username, told.password.get_secret_value())
            refused = server.send_message(message, parseaddr(told.sender)[1], list(to))
            server.leave()
        finally:
            server.close()
        return refused


class _Conversation(smtplib.SMTP):
    """One connection for one letter. It knows when the server has the whole letter, and has an end in any case."""

    def __init__(self, told: Mail, **more: Any) -> None:
        us = parseaddr(told.sender)[1].rpartition("@")[2]  # else the machine's own name is searched for, and told
        super().__init__(local_hostname=us, timeout=told.timeout, **more)
        self._host = told.host  # whose certificate is asked for; given to the constructor it would connect at once
        self._told = told
        self._has_the_letter = False
        self.deadline = Deadline(told.timeout * _ANSWERS, lambda: self.sock)

    def greeted(self, host: str, port: int) -> None:
        """Connect, and hear that it is a mail server and has time."""
        code, said = self.connect(host, port)
        if self.sock is not None:
            barred.check(self.sock, host)
        if code != 220:
            raise smtplib.SMTPConnectError(code, said)

    def send(self, s: Any) -> None:
        """Send a command, or the letter: its answer may take long, and without it nobody knows if it was taken."""
        super().send(s)
        if isinstance(s, bytes):  # commands are text
            self._has_the_letter = True
            self._give(self._told.answer)

    def leave(self) -> None:
        """Say goodbye; whatever is answered, the letter was taken before."""
        self._give(self._told.timeout)
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self.quit()

    def trouble(self, error: Exception) -> TryLater:
        """Say what an end without an answer means: that the server has the letter, or that it cannot take any now."""
        said = "it did not come to an end in time" if self.deadline.passed else _said(error)
        if self._has_the_letter:
            return TryLater(f"the mail server has the letter and did not say that it takes it: {said}",
                            sent=True, site_wide=False)  # fmt: skip
        return TryLater(f"the mail server cannot now: {said}")

    def _give(self, seconds: float) -> None:
        self.deadline.restart(seconds)
        if self.sock is not None:
            self.sock.settimeout(seconds)


class _TlsConversation(_Conversation, smtplib.SMTP_SSL):
    """The same, with TLS from the first byte."""

    def __init__(self, told: Mail) -> None:
        super().__init__(told, context=_trust(told))


def _trust(told: Mail) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(told.ca_bundle) if told.ca_bundle else None)


def composed(letter: Letter, sender: str) -> EmailMessage:
    """Write a letter as the mail server takes it."""
    name, address = parseaddr(sender)
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(display_name=name, addr_spec=address)
    message["To"] = [Address(addr_spec=one) for one in letter.to]
    message["Subject"] = one_line(letter.subject)
    message["Date"] = format_datetime(letter.at)
    message["Message-ID"] = f"<{letter.id}@{address.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # so that no holiday notice answers it
    text = letter.text.encode("utf-8", "replace").decode()  # half a character cannot be sent
    message.set_content(text, cte="quoted-printable")
    return message


def one_line(text: str) -> str:
    """Return a text without line breaks and other invisible characters: a subject is one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _not_taken(code: int, said: bytes) -> NotTaken:
    return NotTaken(reason=f"{code} {one_line(said.decode('utf-8', 'replace'))[:200]}", later=code < 500)


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()


def _said(error: Exception) -> str:
    """Say what the server answered, or what kind of trouble it is; some errors quote what was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _not_taken(error.smtp_code, _bytes(error.smtp_error)).reason
    return one_line(str(error))[:200] or type(error).__name__
