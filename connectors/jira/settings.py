"""What `[sites.<name>]` may say for Jira, and its secrets. Says no in sentences; never asks Jira anything."""

from __future__ import annotations

import ipaddress
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from connectors.contract import Site, SiteSettings
from policies.model import Priority, Status


class JiraSettings(SiteSettings):
    """One Jira site, Cloud or Data Center."""

    vendor: Literal["jira"] = Field(default="jira", description="Always jira")
    deployment: Literal["cloud", "datacenter"] = Field(default="cloud", description="cloud | datacenter")
    api_url: str | None = Field(
        default=None, description="Cloud with a scoped token: https://api.atlassian.com/ex/jira/<cloud id>"
    )
    email: str | None = Field(default=None, description="Cloud: e-mail address of Stepladder's own account")
    token: SecretStr | None = Field(default=None, description="Cloud: API token of that account")
    personal_token: SecretStr | None = Field(default=None, description="Data Center: personal access token")
    automation_token: SecretStr | None = Field(
        default=None, description="Shared word in the header X-Stepladder-Token of automation web requests"
    )
    webhook_user: str | None = Field(default=None, description="Data Center: user name the webhook logs in with")
    webhook_password: SecretStr | None = Field(default=None, description="Data Center: password of that log-in")

    @field_validator("url", "api_url")
    @classmethod
    def _safe_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"url: expected the site's base address, such as https://acme.atlassian.net, got {url!r}")
        if parts.username or parts.password:
            raise ValueError("url: expected an address without a user name, got one with it; secrets stand elsewhere")
        if parts.scheme == "http" and not _loopback(parts.hostname):
            raise ValueError(f"url: expected https:// (http:// only on loopback), got {url!r}")
        return url.rstrip("/")

    @field_validator("priorities")
    @classmethod
    def _our_priorities(cls, priorities: dict[str, str]) -> dict[str, str]:
        ours = [priority.word for priority in Priority]
        for word in priorities:
            if word not in ours:
                raise ValueError(f"priorities: expected one of {', '.join(ours)} on the left, got {word!r}")
        return priorities

    @field_validator("statuses")
    @classmethod
    def _our_statuses(cls, statuses: dict[str, str]) -> dict[str, str]:
        ours = [status.value for status in Status]
        for name, word in statuses.items():
            if word not in ours:
                raise ValueError(f"statuses: expected {name!r} to be one of {', '.join(ours)}, got {word!r}")
        return statuses

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.deployment == "cloud":
            if self.personal_token:
                raise ValueError("personal_token: expected email and token for deployment cloud, got a personal token")
            if not (self.email and self.token):
                raise ValueError("email, token: expected both for deployment cloud, got at most one of them")
        else:
            if self.email or self.token:
                raise ValueError("email, token: expected personal_token for deployment datacenter, got Cloud's log-in")
            if not self.personal_token:
                raise ValueError("personal_token: expected one for deployment datacenter, got none")
        if bool(self.webhook_user) != bool(self.webhook_password):
            raise ValueError("webhook_user, webhook_password: expected both or neither, got one of them")
        return self

    @property
    def api(self) -> str:
        """Where the API is asked; people open tickets at `url`."""
        return self.api_url or self.url

    @property
    def cloud(self) -> bool:
        """People have account ids here; on Data Center they have user names."""
        return self.deployment == "cloud"


def settings_of(site: Site) -> JiraSettings:
    """Return the site's settings as Jira's; another vendor's are a programming error."""
    if not isinstance(site.settings, JiraSettings):
        raise TypeError(f"Site {site.name} is not a Jira site but a {site.settings.vendor} site.")
    return site.settings


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
