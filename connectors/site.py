"""One vendor account: what its settings may say for every vendor, and how the pure functions see it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from ipaddress import ip_address
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from policies.commands import Mode


def on_loopback(host: str) -> bool:
    """Say whether an address never leaves this machine, so that plain http may be spoken to it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def bare(url: str) -> str:
    """Return an address as it may be shown: without a user's name, a query or a fragment, which may hold secrets."""
    start, slashes, rest = re.split(r"[?#\s]", url.strip(), maxsplit=1)[0].rpartition("//")
    host, slash, path = rest.partition("/")
    return f"{start}{slashes}{host.rpartition('@')[2]}{slash}{path}"


class SiteSettings(BaseModel):
    """The part of `[sites.<name>]` that every vendor has; a vendor's own class adds its settings and secrets."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    vendor: str
    url: str = Field(description="Base address of the site, https://… (http:// only on loopback)")
    mode: Mode = Field(default=Mode.OBSERVE, description="observe | note | act; a new site starts in observe")
    account: str | None = Field(default=None, description="Id of Stepladder's own account there; asked for if missing")
    webhook_secrets: tuple[SecretStr, ...] = Field(default=(), description="Signing secrets; two during a rotation")
    fields: Mapping[str, str] = Field(default_factory=dict, description="Our field name → the vendor's field id")
    statuses: Mapping[str, str] = Field(default_factory=dict, description="Vendor status (name or id) → our status")
    priorities: Mapping[str, str] = Field(default_factory=dict, description="Our priority → vendor priority id or name")
    level_field: str | None = Field(default=None, description="Id of the field that shows the level")
    ca_bundle: Path | None = Field(default=None, description="Certificates to trust, if not the system's")
    connect_timeout: float = Field(default=3.05, gt=0, description="Seconds")
    read_timeout: float = Field(default=6.0, gt=0, description="Seconds")
    accepts: tuple[str, ...] = Field(default=(), description="Names of doctor's findings that somebody has accepted")
    token_expires: date | None = Field(default=None, description="Last day of a token whose end the vendor hides")

    @property
    def can_verify(self) -> bool:
        """Senders can prove who they are; without that every delivery is refused."""
        return bool(self.webhook_secrets)

    @property
    def credentials_end(self) -> datetime | None:
        """When what proves us to the vendor ends, as far as the settings and the vendor's calendar know."""
        return datetime.combine(self.token_expires, time.max, UTC) if self.token_expires else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One vendor account as the pure functions see it: its settings, our own account's id, and names by id.

    `names` has keys such as `group:360` and `user:77`; it is a picture taken by `Client.names()`.
    """

    name: str
    settings: SiteSettings
    account: str | None = None
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def vendor(self) -> str:
        """Which connector speaks to it."""
        return self.settings.vendor
