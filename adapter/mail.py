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
from typing import Protocol

from adapter.sections import Mail, is_address
from connectors.contract import TryLater

_LOG_IN_PATIENCE = 300.0
"""Seconds to leave a server alone that does not know us: a person has to act."""


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
        """Send a letter; return for whom it was not taken. Raises TryLater if the server cannot be spoken to now."""


class SmtpPostbox:
    """A mail server, one connection a letter."""

    def __init__(self, settings: Mail) -> None:
        self._settings = settings

    def send(self, letter: Letter) -> Mapping[str, NotTaken]:
        """Send a letter; return for whom it was not taken. Raises TryLater if the server cannot be spoken to now."""
        wrong = {
            one: NotTaken(reason="it is no e-mail address", later=False) for one in letter.to if not is_address(one)
        }
        reachable = [address for address in letter.to if address not in wrong]
        return wrong | self._sent(replace(letter, to=reachable)) if reachable else wrong

    def _sent(self, letter: Letter) -> dict[str, NotTaken]:
        message = composed(letter, self._settings.sender)
        sender = parseaddr(self._settings.sender)[1]
        try:
            server = self._connected()
            try:
                refused = server.send_message(message, sender, list(letter.to))
            finally:
                _leave(server)
        except smtplib.SMTPRecipientsRefused as error:
            refused = error.recipients
        except smtplib.SMTPDataError as error:
            refused = {address: (error.smtp_code, _bytes(error.smtp_error)) for address in letter.to}
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPSenderRefused, smtplib.SMTPNotSupportedError) as error:
            raise TryLater(f"the mail server does not let us in: {_said(error)}", after=_LOG_IN_PATIENCE) from error
        except (OSError, smtplib.SMTPException) as error:
            raise TryLater(f"the mail server cannot now: {_said(error)}", sent=True) from error
        return {address: _not_taken(*answer) for address, answer in refused.items()}

    def _connected(self) -> smtplib.SMTP:
        told, wanted = self._settings, self._settings.tls
        context = ssl.create_default_context(cafile=str(told.ca_bundle) if told.ca_bundle else None)
        us = parseaddr(told.sender)[1].rpartition("@")[2]  # else the machine's own name is searched for, and told
        server = (
            smtplib.SMTP_SSL(told.host, told.port, us, timeout=told.timeout, context=context)
            if wanted == "tls"
            else smtplib.SMTP(told.host, told.port, us, timeout=told.timeout)
        )
        try:
            if wanted == "starttls":
                server.starttls(context=context)  # raises if it is not offered: never in the clear instead
            if told.username is not None and told.password is not None:
                server.login(told.username, told.password.get_secret_value())
        except BaseException:
            server.close()
            raise
        return server


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
    message.set_content(letter.text, cte="quoted-printable")
    return message


def one_line(text: str) -> str:
    """Return a text without line breaks and other invisible characters: a subject is one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _leave(server: smtplib.SMTP) -> None:
    """Say goodbye; whatever is answered, the letter was taken or not before."""
    with contextlib.suppress(OSError, smtplib.SMTPException):
        server.quit()
    server.close()


def _not_taken(code: int, said: bytes) -> NotTaken:
    return NotTaken(reason=f"{code} {one_line(said.decode('utf-8', 'replace'))[:200]}", later=code < 500)


def _bytes(said: bytes | str) -> bytes:
    return said if isinstance(said, bytes) else said.encode()


def _said(error: Exception) -> str:
    """Say what the server answered, or what kind of trouble it is; some errors quote what was sent."""
    if isinstance(error, smtplib.SMTPResponseException):
        return _not_taken(error.smtp_code, _bytes(error.smtp_error)).reason
    return one_line(str(error))[:200] or type(error).__name__
