"""What `[sites.<name>]` may say for a Zendesk account. It only describes and checks; it reads no file."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.limits import Pace, Window
from connectors.oauth import OAuthSettings, one_way
from connectors.site import bare, on_loopback

_ORGANIZATIONS_FIELD = re.compile(r"organization\.[A-Za-z0-9_-]+")
_API_TOKENS_END = datetime(2027, 4, 30, tzinfo=UTC)
"""https://developer.zendesk.com/documentation/api-basics/authentication/oauth-migration/"""
_PER_TICKET = Window(most=25, seconds=600)
"""Zendesk lets through 30; people in the agents' interface count too, so five are left to them."""


class ZendeskSettings(OAuthSettings):
    """One Zendesk account: where it is, how it proves itself to us, and how we prove ourselves to it."""

    vendor: str = Field(default="zendesk", pattern="^zendesk$", description="Always zendesk")
    scope: str = Field(default="read write", description="Scopes to ask for; audits need the global read")
    oauth_token: SecretStr | None = Field(default=None, description="An OAuth access token made by hand, instead")
    email: str | None = Field(default=None, description="With `token`: whose API token it is (ends April 30, 2027)")
    token: SecretStr | None = Field(default=None, description="API token, instead (ends April 30, 2027)")
    updates_per_minute: int | None = Field(
        default=None, ge=1, le=100_000, description="Most updates of tickets; else 80, with `sandbox` 16"
    )
    sandbox: bool = Field(default=False, description="true accepts Zendesk's published test signing secret; never live")

    @field_validator("url")
    @classmethod
    def _https_unlesson_loopback(cls, url: str) -> str:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and on_loopback(host)):
            raise ValueError(f"url expected https://…, got {bare(url)!r} (http:// is allowed on loopback only)")
        if "." not in host or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
            raise ValueError(f"url expected https://<account>.zendesk.com without a path, got {bare(url)!r}")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("level_field")
    @classmethod
    def _a_field(cls, value: str | None) -> str | None:
        if value is not None and not (value and value.isprintable()):
            raise ValueError(f"level_field expected the id or the name of a drop-down ticket field, got {value!r}")
        return value

    @field_validator("fields")
    @classmethod
    def _ids_or_names(cls, fields: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in fields.items():
            begins = value.casefold().startswith("organization.")
            if not value.isprintable() or not value or (begins and not _ORGANIZATIONS_FIELD.fullmatch(value)):
                raise ValueError(
                    f"fields.{name} expected the id or the name of a ticket field, or organization.<field key> for a "
                    f"field of the ticket's organization, got {value!r}"
                )
        return fields

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> ZendeskSettings:
        one_way(
            {
                "client_id and client_secret": (self.client_id, self.client_secret),
                "oauth_token": (self.oauth_token,),
                "email and token": (self.email, self.token),
            }
        )
        return self

    @property
    def credentials_end(self) -> datetime | None:
        """API tokens all stop on one day; of others we know what the settings say."""
        said = super().credentials_end
        if self.token is None:
            return said
        return min(said, _API_TOKENS_END) if said else _API_TOKENS_END

    def pace(self, clock: Callable[[], float]) -> Pace:
        """Return a count of our own that keeps Zendesk's limits of updates: 100 a minute, 20 on trials and sandboxes.

        A fifth of them is left to others.

        https://developer.zendesk.com/api-reference/introduction/rate-limits/
        """
        most = self.updates_per_minute or (16 if self.sandbox else 80)
        return Pace(clock, per_ticket=(_PER_TICKET,), per_site=(Window(most=most, seconds=60),))
