"""What `[sites.<name>]` may say for a Zendesk account. It only describes and checks; it reads no file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.contract import SiteSettings, on_loopback

_FIELD = re.compile(r"[0-9]+|organization\.[A-Za-z0-9_-]+")


class ZendeskSettings(SiteSettings):
    """One Zendesk account: where it is, how it proves itself to us, and how we prove ourselves to it."""

    vendor: str = Field(default="zendesk", pattern="^zendesk$", description="Always zendesk")
    client_id: str | None = Field(default=None, description="OAuth client's unique identifier (client credentials)")
    client_secret: SecretStr | None = Field(default=None, description="That OAuth client's secret")
    scope: str = Field(default="read write", description="Scopes to ask for; audits need the global read")
    oauth_token: SecretStr | None = Field(default=None, description="An OAuth access token made by hand, instead")
    email: str | None = Field(default=None, description="With `token`: whose API token it is (ends April 30, 2027)")
    token: SecretStr | None = Field(default=None, description="API token, instead (ends April 30, 2027)")
    sandbox: bool = Field(default=False, description="true accepts Zendesk's published test signing secret; never live")

    @field_validator("url")
    @classmethod
    def _https_unlesson_loopback(cls, url: str) -> str:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme != "https" and not (parts.scheme == "http" and on_loopback(host)):
            raise ValueError(f"url expected https://…, got {url!r} (http:// is allowed on loopback only)")
        if "." not in host or parts.path.strip("/") or parts.query or parts.username:
            raise ValueError(f"url expected https://<account>.zendesk.com without a path, got {url!r}")
        return f"{parts.scheme}://{parts.netloc}"

    @field_validator("level_field")
    @classmethod
    def _a_field_id(cls, value: str | None) -> str | None:
        if value is not None and not value.isdecimal():
            raise ValueError(f"level_field expected the numeric id of a drop-down ticket field, got {value!r}")
        return value

    @field_validator("fields")
    @classmethod
    def _field_ids(cls, fields: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in fields.items():
            if not _FIELD.fullmatch(value):
                raise ValueError(
                    f"fields.{name} expected the numeric id of a ticket field, or organization.<field key> for a field "
                    f"of the ticket's organization, got {value!r}"
                )
        return fields

    @model_validator(mode="after")
    def _one_way_to_authenticate(self) -> ZendeskSettings:
        ways = {
            "client_id and client_secret": (self.client_id, self.client_secret),
            "oauth_token": (self.oauth_token,),
            "email and token": (self.email, self.token),
        }
        begun = [way for way, needed in ways.items() if any(needed)]
        complete = [way for way, needed in ways.items() if all(needed)]
        if len(begun) != 1 or begun != complete:
            got = " and ".join(begun) or "none of them"
            whole = "" if begun == complete else ", not complete"
            raise ValueError(f"expected exactly one way to authenticate of {', '.join(ways)}; got {got}{whole}")
        return self
