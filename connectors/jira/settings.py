"""What `[sites.<name>]` may say for Jira, and its secrets. Says no in sentences; never asks Jira anything."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.limits import Pace, Window
from connectors.oauth import OAuthSettings, one_way
from connectors.site import Site, bare, on_loopback
from policies.model import Priority, Status

SLA = "sla"
"""The name in `[sites.x.fields]` of the SLA fields, of which there may be several with commas between them."""

_MAPS = ("fields", "statuses", "priorities")
_PROJECT = re.compile(r"[A-Z][A-Z0-9_]*")
_PER_ISSUE = (Window(most=16, seconds=2), Window(most=80, seconds=30))
"""Jira lets through 20 and 100, from everybody together; a fifth is left to the others."""
_SCOPES = (
    "read:jira-work write:jira-work read:jira-user read:servicedesk-request write:servicedesk-request offline_access"
)


def sla_ids(text: str) -> tuple[str, ...]:
    """Return the ids or names of the SLA fields from the text in the settings."""
    return tuple(filter(None, (part.strip() for part in text.split(","))))


def _our_priorities(priorities: Mapping[str, str]) -> Mapping[str, str]:
    ours = [priority.word for priority in Priority]
    for word in priorities:
        if word not in ours:
            raise ValueError(f"priorities: expected one of {', '.join(ours)} on the left, got {word!r}")
    return priorities


def _our_statuses(statuses: Mapping[str, str]) -> Mapping[str, str]:
    ours = [status.value for status in Status]
    for name, word in statuses.items():
        if word not in ours:
            raise ValueError(f"statuses: expected {name!r} to be one of {', '.join(ours)}, got {word!r}")
    return statuses


def _ids_or_names(fields: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in fields.items():
        if not value or not value.isprintable():
            raise ValueError(f"fields: expected the id or the name of a field for {name!r}, got {value!r}")
    return fields


class ProjectMaps(BaseModel):
    """What one project calls things, where it differs from its site (decision 18)."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    fields: Mapping[str, str] = Field(default_factory=dict, description="Our field name → this project's field id")
    statuses: Mapping[str, str] = Field(default_factory=dict, description="This project's status → our status")
    priorities: Mapping[str, str] = Field(default_factory=dict, description="Our priority → this project's priority")
    level_field: str | None = Field(default=None, description="Id of the level's field; empty: this project has none")

    _fields = field_validator("fields")(_ids_or_names)
    _priorities = field_validator("priorities")(_our_priorities)
    _statuses = field_validator("statuses")(_our_statuses)


class JiraSettings(OAuthSettings):
    """One Jira site, Cloud or Data Center."""

    vendor: Literal["jira"] = Field(default="jira", description="Always jira")
    deployment: Literal["cloud", "datacenter"] = Field(default="cloud", description="cloud | datacenter")
    api_url: str | None = Field(
        default=None, description="Cloud with a scoped token: https://api.atlassian.com/ex/jira/<cloud id>"
    )
    auth_url: str = Field(default="https://auth.atlassian.com", description="Cloud, OAuth: where tokens come from")
    gateway_url: str = Field(default="https://api.atlassian.com", description="Cloud, OAuth: where the API is asked")
    scope: str = Field(default=_SCOPES, description="Cloud, OAuth by consent: scopes to ask for")
    email: str | None = Field(default=None, description="Cloud: e-mail address of Stepladder's own account")
    token: SecretStr | None = Field(default=None, description="Cloud: API token of that account")
    personal_token: SecretStr | None = Field(default=None, description="Data Center: personal access token")
    automation_tokens: tuple[SecretStr, ...] = Field(
        default=(), description="Words in the header X-Stepladder-Token of automation web requests; two to rotate"
    )
    webhook_user: str | None = Field(default=None, description="Data Center: user name the webhook logs in with")
    webhook_passwords: tuple[SecretStr, ...] = Field(
        default=(), description="Data Center: passwords of that log-in; two to rotate"
    )
    timezone: str | None = Field(default=None, description="Zone in which a due date ends: Europe/Berlin; else UTC")
    projects: Mapping[str, ProjectMaps] = Field(
        default_factory=dict, description="Project key → its own fields, statuses, priorities, level_field"
    )

    @field_validator("url", "api_url", "auth_url", "gateway_url")
    @classmethod
    def _safe_address(cls, url: str | None) -> str | None:
        if url is None:
            return None
        parts = urlsplit(url)
        if parts.scheme not in ("https", "http") or not parts.hostname or parts.query or parts.fragment:
            raise ValueError(f"url: expected a base address, such as https://acme.atlassian.net, got {bare(url)!r}")
        if parts.username or parts.password:
            raise ValueError("url: expected an address without a user name, got one with it; secrets stand elsewhere")
        if parts.scheme == "http" and not on_loopback(parts.hostname):
            raise ValueError(f"url: expected https:// (http:// only on loopback), got {bare(url)!r}")
        return url.rstrip("/")

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, zone: str | None) -> str | None:
        try:
            return ZoneInfo(zone).key if zone else None
        except (ValueError, OSError, LookupError):
            raise ValueError(f"timezone: expected a place such as Europe/Berlin, got {zone!r}") from None

    @field_validator("projects")
    @classmethod
    def _project_keys(cls, projects: Mapping[str, ProjectMaps]) -> Mapping[str, ProjectMaps]:
        for key in projects:
            if not _PROJECT.fullmatch(key):
                raise ValueError(f"projects: expected a project's key in capitals, such as ITSM, got {key!r}")
        return projects

    _fields = field_validator("fields")(_ids_or_names)
    _priorities = field_validator("priorities")(_our_priorities)
    _statuses = field_validator("statuses")(_our_statuses)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if self.deployment == "cloud":
            if self.personal_token:
                raise ValueError("personal_token: expected email and token for deployment cloud, got a personal token")
            one_way(
                {
                    "email and token": (self.email, self.token),
                    "client_id and client_secret": (self.client_id, self.client_secret),
                }
            )
        else:
            if self.email or self.token or self.client_id or self.client_secret:
                raise ValueError("email, token: expected personal_token for deployment datacenter, got Cloud's log-in")
            if not self.personal_token:
                raise ValueError("personal_token: expected one for deployment datacenter, got none")
        if bool(self.webhook_user) != bool(self.webhook_passwords):
            raise ValueError("webhook_user, webhook_passwords: expected both or neither, got one of them")
        return self

    @property
    def can_verify(self) -> bool:
        """A sender can prove who it is in one of four ways."""
        return bool(self.webhook_secrets or self.automation_tokens or self.webhook_passwords or self.app_secret)

    @property
    def app_secret(self) -> SecretStr | None:
        """What an OAuth app's own webhooks are signed with, if we are that app."""
        return self.client_secret if self.by_consent else None

    @property
    def api(self) -> str:
        """Where the API is asked; people open tickets at `url`. With OAuth `Tokens.api` knows."""
        return self.api_url or self.url

    def pace(self, clock: Callable[[], float]) -> Pace:
        """Return a count of our own that keeps Jira's limits of writes to one issue.

        https://developer.atlassian.com/cloud/jira/platform/rate-limiting/
        """
        return Pace(clock, per_ticket=_PER_ISSUE if self.cloud else ())

    @property
    def cloud(self) -> bool:
        """People have account ids here; on Data Center they have user names."""
        return self.deployment == "cloud"

    @cached_property
    def by_project(self) -> Mapping[str, JiraSettings]:
        """The settings as each project with maps of its own sees them."""
        return {key: self._with(maps) for key, maps in self.projects.items()}

    def _with(self, maps: ProjectMaps) -> JiraSettings:
        merged: dict[str, object] = {name: _over(getattr(self, name), getattr(maps, name)) for name in _MAPS}
        if maps.level_field is not None:
            merged["level_field"] = maps.level_field or None
        return self.model_copy(update={**merged, "projects": {}})


def settings_of(site: Site) -> JiraSettings:
    """Return the site's settings as Jira's; another vendor's are a programming error."""
    if not isinstance(site.settings, JiraSettings):
        raise TypeError(f"Site {site.name} is not a Jira site but a {site.settings.vendor} site.")
    return site.settings


def in_project(site: Site, key: str | None) -> Site:
    """Return the site as this project sees it: its own maps over the site's; the site itself if it has none."""
    settings = settings_of(site).by_project.get(key or "")
    return replace(site, settings=settings) if settings else site


def _over(theirs: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    # the project's lines stand last: readers let the later of two lines count, such as a name in another case
    return {word: meant for word, meant in theirs.items() if word not in own} | dict(own)
