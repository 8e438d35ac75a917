"""One file and the environment → Settings, or every problem at once. Never shows a secret, never asks a vendor.

`stepladder.toml` holds what everyone may read; where secrets come from is `credentials`' business.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr, ValidationError

from adapter.credentials import Credentials, Keys, places, secret_settings, types_in, variable
from adapter.databases import DatabaseSecrets, Wrong, address_of, is_server
from adapter.gaps import Rounds
from adapter.problems import Problem, SettingsError, dotted, findings, nearest, shown, toml_place, untrustworthy
from adapter.sections import Guards, Mail, Missed, OnCall, Retention, Server, Table, Worker, is_host
from adapter.vigilance import Audit, Log, Monitor
from connectors.site import SiteSettings, bare, on_loopback

__all__ = ["Guards", "Mail", "Missed", "OnCall", "Problem", "Server", "Settings", "SettingsError", "Worker", "load"]

Model = TypeVar("Model", bound=BaseModel)


class _Document(Table):
    """All of stepladder.toml, apart from what the vendors' own classes check."""

    policy: str = Field(default="policy.yaml", description="path of the policy")
    state: str = Field(default=".", description="folder of the database and of renewed tokens")
    database: str = Field(default="sqlite:///stepladder.db", description="such as sqlite:///stepladder.db")
    server: Server = Server()
    worker: Worker = Worker()
    guards: Guards = Guards()
    missed: Missed = Missed()
    retention: Retention = Retention()
    log: Log = Log()
    monitor: Monitor = Monitor()
    audit: Audit = Audit()
    mail: dict[str, Any] | None = Field(default=None, description="[mail] with host and from")
    on_call: dict[str, dict[str, Any]] = Field(default_factory=dict, description="one table [on_call.<name>] each")
    sites: dict[str, dict[str, Any]] = Field(default_factory=dict, description="one table [sites.<name>] each")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked. Paths are absolute; a site's name is unique over all vendors."""

    file: Path
    policy: Path
    database: str
    server: Server
    worker: Worker
    guards: Guards
    sites: Mapping[str, SiteSettings]
    missed: Missed = field(default_factory=Missed)
    retention: Retention = field(default_factory=Retention)
    log: Log = field(default_factory=Log)
    monitor: Monitor = field(default_factory=Monitor)
    audit: Audit = field(default_factory=Audit)
    state: Path = Path()
    database_password: SecretStr | None = None
    mail: Mail | None = None
    on_call: Mapping[str, OnCall] = field(default_factory=dict)

    @property
    def rounds(self) -> Rounds:
        """How often sites are asked what nobody told us."""
        return Rounds(every=timedelta(minutes=self.missed.every), wait=timedelta(minutes=self.missed.wait))

    def site(self, vendor: str, name: str) -> SiteSettings | None:
        """Return the site that an address `/webhooks/<vendor>/<name>` means, if there is one."""
        found = self.sites.get(name)
        return found if found is not None and found.vendor == vendor else None


def load(path: Path, environ: Mapping[str, str], vendors: Mapping[str, type[SiteSettings]]) -> Settings:
    """Read stepladder.toml, secrets.toml beside it and the environment. Raises SettingsError with all problems.

    `vendors` are the vendors' settings classes by name. Relative paths start at the file's folder, the database's at
    `state`.
    """
    return _Reading(path, environ, vendors).settings()


class _Reading:
    """One reading of the settings, which collects problems on its way."""

    def __init__(self, path: Path, environ: Mapping[str, str], vendors: Mapping[str, type[SiteSettings]]) -> None:
        self.path = path
        self.folder = path.absolute().parent
        self.vendors = vendors
        self.problems: list[Problem] = []
        self.document = self._read()
        self.tables = self._tables("sites")
        self.models: dict[Keys, type[BaseModel] | None] = {
            ("sites", name): self._vendor(table) for name, table in self.tables.items()
        }
        self.schedules = self._tables("on_call")
        self.models |= {("on_call", name): OnCall for name in self.schedules}
        self.models |= {("mail",): Mail} if isinstance(self.document.get("mail"), dict) else {}
        self.models |= {("database",): DatabaseSecrets} if is_server(self.document.get("database")) else {}
        self.credentials = Credentials(path, environ, self.models)

    def _tables(self, name: str) -> dict[str, dict[str, Any]]:
        found = self.document.get(name)
        return {k: v for k, v in found.items() if isinstance(v, dict)} if isinstance(found, dict) else {}

    def settings(self) -> Settings:
        """Return the settings, or raise with everything that was found."""
        whole = self._checked(_Document, self.document, ())
        policy = self._path(self.document.get("policy", _Document().policy))
        state = self._path(self.document.get("state", _Document().state))
        database = self._database(self.document.get("database", _Document().database), state)
        sites = {name: site for name, table in self.tables.items() if (site := self._site(name, table)) is not None}
        if not self.tables:
            self._tell(("sites",), "none found; expected a table [sites.<name>] with vendor and url")
        opens = self._filled(("database",), DatabaseSecrets, {}) if ("database",) in self.models else None
        mail = self._filled(("mail",), Mail, self.document["mail"]) if ("mail",) in self.models else None
        on_call = {name: self._schedule(name, table) for name, table in self.schedules.items()}
        if whole is not None:
            self._check_times(whole.worker, sites, mail)
            if whole.audit.tell and ("mail",) not in self.models:
                self._tell(("audit", "tell"), "nobody can be written to without a mail server; expected a table [mail]")
        problems = [*self.problems, *self.credentials.problems]
        if problems or whole is None:
            raise SettingsError(problems)
        return Settings(
            file=self.path.absolute(),
            policy=policy,
            state=state,
            database=database,
            database_password=opens.password if opens is not None else None,
            server=whole.server,
            worker=whole.worker,
            guards=whole.guards,
            missed=whole.missed,
            retention=whole.retention,
            log=whole.log,
            monitor=whole.monitor,
            audit=whole.audit,
            sites=MappingProxyType(sites),
            mail=mail,
            on_call={name: schedule for name, schedule in on_call.items() if schedule is not None},
        )

    def _read(self) -> dict[str, Any]:
        try:
            return tomllib.loads(self.path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            wrong = "there is no such file; the README shows a first one, STEPLADDER_CONFIG names another place"
        except OSError as error:
            wrong = f"cannot be read ({error.strerror}); expected a file that this user may read"
        except UnicodeDecodeError:
            wrong = "is not UTF-8 text"
        except tomllib.TOMLDecodeError as error:
            said, place = toml_place(error)
            raise SettingsError(
                [Problem(source=f"{self.path}{place}", setting="", message=f"is not TOML: {said}")]
            ) from None
        raise SettingsError([Problem(source=str(self.path), setting="", message=wrong)])

    def _tell(self, keys: tuple[str, ...], message: str) -> None:
        self.problems.append(Problem(source=str(self.path), setting=dotted(*keys), message=message))

    def _checked(self, model: type[Model], values: Mapping[str, Any], where: tuple[str, ...]) -> Model | None:
        try:
            return model.model_validate(values)
        except ValidationError as error:
            for keys, sentence in findings(error, model):
                self._tell((*where, *keys), sentence)
        return None

    # --- sites ----------------------------------------------------------------------------------------------
    def _vendor(self, table: Mapping[str, Any]) -> type[SiteSettings] | None:
        vendor = table.get("vendor")
        return self.vendors.get(vendor) if isinstance(vendor, str) else None

    def _site(self, name: str, table: Mapping[str, Any]) -> SiteSettings | None:
        where = ("sites", name)
        if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,39}", name):
            self._tell(where, "found a name that fits no address; expected a-z, 0-9, `-`, `_`, `.`, at most 40")
        url_is_right = self._check_url((*where, "url"), table.get("url"))
        model = self._vendor(table)
        if model is None:
            value = table.get("vendor")
            seen = "missing" if value is None else f"found {shown(value)}"
            known = " or ".join(sorted(self.vendors)) or "a vendor, but none is installed"
            self._tell((*where, "vendor"), f"{seen}; expected {known}{nearest(value, self.vendors)}")
            return None
        return self._filled(where, model, table, url_is_right=url_is_right)

    def _schedule(self, name: str, table: Mapping[str, Any]) -> OnCall | None:
        where = ("on_call", name)
        return self._filled(where, OnCall, table, url_is_right=self._check_url((*where, "url"), table.get("url")))

    def _filled(
        self, where: Keys, model: type[Model], table: Mapping[str, Any], *, url_is_right: bool = True
    ) -> Model | None:
        """Return a table with its secrets, checked by its class."""
        secrets = self.credentials.of(where, table)
        values = {key: self._rooted(model, key, value) for key, value in table.items() if key not in secrets.keys}
        if isinstance(bundle := values.get("ca_bundle"), Path) and (wrong := untrustworthy(bundle)) is not None:
            self._tell((*where, "ca_bundle"), wrong)
        given = {**values, **secrets.values}
        try:
            return model.model_validate(given)
        except ValidationError as error:
            found = list(findings(error, model, frozenset(secret_settings(model))))
            for keys, sentence in [*found, *_behind(model, given, {keys[0] for keys, _ in found if keys})]:
                # said better already: the address by us; and no class can judge a table whose secret is unreadable
                if not (keys == ("url",) and not url_is_right) and not (keys == () and secrets.spoiled):
                    hint = self._where_to(where, model, keys, sentence, given=frozenset(secrets.values))
                    self._tell((*where, *keys), self.credentials.hide(sentence) + hint)
        return None

    def _where_to(
        self, where: Keys, model: type[BaseModel], keys: tuple[str, ...], sentence: str, given: frozenset[str]
    ) -> str:
        """Say where a secret goes that is asked for and was not given."""
        words = {*keys, *re.findall(r"\w+", sentence)} if len(keys) < 2 else set()
        asked = [setting for setting in secret_settings(model) if setting in words and setting not in given]
        if len(asked) > 1:
            return f"; a secret goes into a variable: {', '.join(variable(where, setting) for setting in asked)}"
        return "".join(f"; {setting} goes into {places(where, setting)}" for setting in asked)

    def _rooted(self, model: type[BaseModel], key: str, value: Any) -> Any:
        known = model.model_fields.get(key)
        is_path = known is not None and Path in types_in(known.annotation)
        return self.folder / value if is_path and isinstance(value, str) else value

    def _check_url(self, keys: tuple[str, ...], url: object) -> bool:
        if not isinstance(url, str):
            return True  # missing, or of a wrong type: the class says so
        wrong = _what_is_wrong(url, asks=keys[0] == "on_call")
        if wrong:
            self._tell(keys, wrong)
        return not wrong

    # --- the rest -------------------------------------------------------------------------------------------
    def _path(self, name: object) -> Path:
        return self.folder / name if isinstance(name, str) else self.folder

    def _database(self, url: object, state: Path) -> str:
        try:
            return address_of(url, self.folder if is_server(url) else state) if isinstance(url, str) else ""
        except Wrong as wrong:
            self._tell(("database",), str(wrong))
            return ""

    def _check_times(self, worker: Worker, sites: Mapping[str, SiteSettings], mail: Mail | None) -> None:
        longest = max([site.read_timeout for site in sites.values()] + [mail.timeout if mail else 0.0])
        if not longest < worker.stop:
            self._tell(
                ("worker", "stop"),
                f"found {worker.stop:g}; expected more than every site's read_timeout and [mail] timeout (longest: "
                f"{longest:g}), so that a stop does not cut a write",
            )


def _behind(model: type[BaseModel], given: Mapping[str, Any], wrong: set[str]) -> list[tuple[tuple[str, ...], str]]:
    """Return what a class says of the settings together, which it keeps back while single ones are wrong.

    What it then says of the wrong ones is left out, for it takes them to be missing.
    """
    if not wrong:
        return []
    right = {key: value for key, value in given.items() if key not in wrong}
    if "url" in wrong:
        right["url"] = "https://example.invalid"
    try:
        model.model_validate(right)
    except ValidationError as error:
        found = findings(error, model, frozenset(secret_settings(model)))
        return [(keys, said) for keys, said in found if keys == () and not wrong & set(re.findall(r"\w+", said))]
    return []


def _what_is_wrong(url: str, *, asks: bool) -> str:
    try:
        parts = urlsplit(url.strip())
        host, user, _ = parts.hostname or "", parts.username or parts.password, parts.port
    except ValueError:
        return "is not an address; expected https://host"
    if user or "@" in parts.netloc:
        return "holds a user name or password; expected https://host, with credentials in settings of their own"
    if (parts.query and not asks) or parts.fragment:
        return f"found {shown(bare(url))} and more behind it; expected https://host"
    if not is_host(host) or parts.scheme not in ("https", "http"):
        return f"found {shown(bare(url))}; expected https://host"
    if parts.scheme == "http" and not on_loopback(host):
        return f"found {shown(bare(url))}; expected https://{host} (plain http:// is for loopback only)"
    return ""
