"""The tables of stepladder.toml that are the house's own: where it listens, how it works, how people are reached."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from email.utils import getaddresses
from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from adapter.retention import Keep
from connectors.site import on_loopback
from policies.contacts import is_address
from policies.durations import Duration


class Table(BaseModel):
    """A table of stepladder.toml: no unknown keys, and TOML's types taken at their word."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Server(Table):
    """`[server]`: where webhooks are received."""

    host: str = Field(default="127.0.0.1", description="the address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="0 takes any free port")
    threads: int = Field(default=8, ge=1, le=256, description="deliveries received at the same time")
    body_limit: int = Field(default=5 * 1024 * 1024, ge=1024, description="bytes; a longer delivery is answered 413")
    public_url: str | None = Field(default=None, description="https://… under which vendors reach this Stepladder")
    backlog: int = Field(default=20_000, ge=1, description="tickets whose deliveries wait to be read; above it, 503")

    @field_validator("public_url")
    @classmethod
    def _reachable(cls, value: str | None) -> str | None:
        return None if value is None else reached_under(value)


class Worker(Table):
    """`[worker]`: how tickets are looked at. All times in seconds."""

    threads: int = Field(default=24, ge=1, le=64, description="tickets looked at at the same time")
    settle: float = Field(default=60.0, ge=0, le=86_400, description="seconds before an unanswered write is sent again")
    stop: float = Field(default=10.0, gt=0, le=3600, description="seconds to finish when told to stop")


class Guards(Table):
    """`[guards]`: above these numbers Stepladder stops itself and raises an alarm."""

    escalations_in_10_minutes: int = Field(default=50, ge=1, description="per site, then its writes pause")
    adoptive_per_hour: int = Field(default=20, ge=0, description="escalations of tickets that were there before us")


class Missed(Table):
    """`[missed]`: how events that no webhook told are found. All times in minutes."""

    every: float = Field(default=15.0, ge=0, le=1440, description="minutes between two questions; 0 asks never")
    wait: float = Field(default=20.0, ge=0, le=1440, description="minutes in which a webhook may still come")


class Retention(Table):
    """`[retention]`: how long things are kept, in days. 0 keeps them for ever."""

    bodies: int = Field(default=14, ge=0, le=3650, description="days that a delivery's bytes are kept, at most as long")
    deliveries: int = Field(default=30, ge=0, le=3650, description="days that a delivery's id is kept, at least 3")
    dead_letters: int = Field(default=30, ge=0, le=3650, description="days that what nobody could read is kept whole")
    tickets: int = Field(default=90, ge=0, le=3650, description="days after a ticket's end and last event, at least 7")
    looks: int = Field(default=30, ge=0, le=3650, description="days that looks are kept, except each ticket's last")
    counts: int = Field(default=400, ge=0, le=3650, description="days that moves, counted days and gaps are kept")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        wrong = []
        if 0 < self.deliveries < 3:
            days = f"deliveries: found {self.deliveries}"
            wrong.append(f"{days}; expected 0 or at least 3: a vendor may send for days what it thinks was lost")
        if 0 < self.deliveries < self.bodies:
            days = f"bodies: found {self.bodies}{'' if 'bodies' in self.model_fields_set else ' (the default)'}"
            wrong.append(f"{days}; expected at most deliveries ({self.deliveries}), for bytes go with their delivery")
        if 0 < self.tickets < 7:
            days = f"tickets: found {self.tickets}"
            wrong.append(f"{days}; expected 0 or at least 7: what was solved this week is often opened again")
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def keep(self) -> Keep:
        """The same as lengths of time."""
        return Keep(**{name: timedelta(days=days) if days else None for name, days in self.model_dump().items()})


class Mail(Table):
    """`[mail]`: the server that takes messages to people, and who they are from."""

    host: str = Field(description="the mail server's name")
    port: int = Field(default=587, ge=1, le=65535, description="587 for starttls, 465 for tls")
    tls: Literal["starttls", "tls", "none"] = Field(default="starttls", description="none is for loopback only")
    sender: str = Field(alias="from", description="an address such as Stepladder <stepladder@acme.example>")
    username: str | None = Field(default=None, description="if the server asks for one")
    password: SecretStr | None = Field(default=None, description="the password beside username")
    ca_bundle: Path | None = Field(default=None, description="file of certificates to trust, if not the system's")
    timeout: float = Field(default=6.0, gt=0, le=60, description="seconds to wait for each of the server's answers")
    answer: float = Field(default=60.0, gt=0, le=600, description="seconds to wait until it has taken a whole letter")

    @field_validator("host")
    @classmethod
    def _resolvable(cls, value: str) -> str:
        if not is_host(value):
            raise ValueError("expected a server's name, such as mail.acme.example")
        return value

    @field_validator("username", "password")
    @classmethod
    def _sendable(cls, value: str | SecretStr | None) -> str | SecretStr | None:
        return _ascii(value)

    @field_validator("sender")
    @classmethod
    def _one_address(cls, value: str) -> str:
        found = [address for _, address in getaddresses([value])]
        if not value.isprintable() or len(found) != 1 or not is_address(found[0]):
            raise ValueError('expected one address such as "Stepladder <stepladder@acme.example>"')
        return value

    @model_validator(mode="after")
    def _safe(self) -> Self:
        if self.tls == "none" and not on_loopback(self.host):
            raise ValueError("tls: none is for a mail server on loopback only; expected starttls or tls")
        if (self.username is None) != (self.password is None):
            raise ValueError("password: expected one beside username, and none without it")
        return self


class OnCall(Table):
    """`[on_call.<name>]`: who is on call, by a rota that stands here or by asking an address."""

    zone: str | None = Field(default=None, description="the rota's time zone, such as Europe/Berlin")
    first: datetime | None = Field(default=None, description="when the first turn begins, such as 2026-11-23 09:00")
    every: str | None = Field(default=None, description="how long a turn is, such as 7d")
    people: list[str] = Field(default_factory=list, description="addresses, in the order of their turns")
    url: str | None = Field(default=None, description="https://… that answers with JSON")
    path: str | None = Field(default=None, description="where the address stands in it: oncalls.0.user.email")
    scheme: str = Field(default="Bearer", pattern=r"^[A-Za-z]+$", description="the word before the token")
    token: SecretStr | None = Field(default=None, description="what the address at url asks for")
    timeout: float = Field(default=3.0, gt=0, le=60, description="seconds that asking url may take in all")

    @field_validator("token")
    @classmethod
    def _sendable(cls, value: SecretStr | None) -> str | SecretStr | None:
        return _ascii(value)

    @field_validator("first", mode="before")
    @classmethod
    def _local(cls, value: Any) -> Any:
        found = datetime.fromisoformat(value) if isinstance(value, str) and re.match(r"\d{4}-", value) else value
        if not isinstance(found, datetime) or found.tzinfo is not None:
            raise ValueError("expected a time in the rota's zone, such as 2026-11-23 09:00")
        return found

    @field_validator("zone")
    @classmethod
    def _known(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("expected the name of a time zone, such as Europe/Berlin")
        return value

    @field_validator("every")
    @classmethod
    def _length(cls, value: str) -> str:
        Duration.parse(value)
        return value

    @field_validator("people")
    @classmethod
    def _addresses(cls, value: list[str]) -> list[str]:
        for number, person in enumerate(value, 1):
            if not is_address(person):
                raise ValueError(f"expected an e-mail address such as ada@acme.example as number {number}")
        return value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        rota = [name for name in ("zone", "first", "every", "people") if getattr(self, name)]
        asked = [name for name in ("url", "path") if getattr(self, name)]
        if (len(rota), len(asked)) not in ((4, 0), (0, 2)):
            found = ", ".join([*rota, *asked]) or "neither"
            raise ValueError(f"expected either zone, first, every and people, or url and path; found {found}")
        return self

    @property
    def rota(self) -> tuple[ZoneInfo, datetime, Duration] | None:
        """The rota's zone, beginning and turns, if it is one."""
        if self.zone is None or self.first is None or self.every is None:
            return None
        return ZoneInfo(self.zone), self.first, Duration.parse(self.every)


def reached_under(address: str, hook: str = r"/webhooks/[^/]+/[^/]+") -> str:
    """Return the address under which vendors reach us, without a path; a webhook's whole path may stand behind it.

    `hook`: a pattern of that path. Raises ValueError with a sentence.
    """
    parts = urlsplit(address.strip())
    host = parts.hostname or ""
    odd = "@" in parts.netloc or parts.query or parts.fragment or not is_host(host)
    if odd or not (parts.scheme == "https" or (parts.scheme == "http" and on_loopback(host))):
        raise ValueError("expected an address such as https://stepladder.acme.example (http:// on loopback only)")
    if (path := parts.path.rstrip("/")) and not re.fullmatch(hook, path):
        raise ValueError(f"expected an address without a path, such as https://{parts.netloc}; got the path {path!r}")
    return f"{parts.scheme}://{parts.netloc}"


def is_host(name: str) -> bool:
    """Say whether this can be the name of a machine: no part of it empty or too long."""
    try:
        return bool(name.encode("idna"))
    except UnicodeError:
        return False


def _ascii(value: str | SecretStr | None) -> str | SecretStr | None:
    said = value.get_secret_value() if isinstance(value, SecretStr) else value
    if said is not None and not said.isascii():
        raise ValueError("expected plain letters, digits and signs (ASCII); nothing else can be sent")
    return value
