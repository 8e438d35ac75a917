"""`database = …` of stepladder.toml → an address that the store opens, or what is wrong with it. Opens nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urlsplit

from pydantic import Field, SecretStr

from adapter.problems import nearest, shown
from adapter.sections import Table
from connectors.site import on_loopback

_SQLITE, _POSTGRESQL = "sqlite:///stepladder.db", "postgresql://user@host/database"
_SAFE = ("verify-full", "verify-ca", "require")
_MODES = (*_SAFE, "prefer", "allow", "disable")
_FILES = frozenset({"sslrootcert", "sslcert", "sslkey", "sslcrl", "passfile"})
_WORDS = frozenset(
    {"host", "sslmode", "channel_binding", "connect_timeout", "application_name", "target_session_attrs"}
)


class DatabaseSecrets(Table):
    """What a server asks for that is no part of its address."""

    password: SecretStr | None = Field(default=None, description="the password of the database's user")


class Wrong(ValueError):
    """The address cannot be used; the text says why, and shows no secret."""


def is_server(url: object) -> bool:
    """Say whether this means a PostgreSQL server."""
    return isinstance(url, str) and url.partition(":")[0] in ("postgresql", "postgres")


def address_of(url: str, folder: Path) -> str:
    """Return the address with absolute paths and, away from this machine, with encryption. Raises Wrong."""
    return _server(url, folder) if is_server(url) else _file(url, folder)


def _file(url: str, folder: Path) -> str:
    kind, colon, file = url.partition(":///")
    if kind != "sqlite" or not colon or not file or file == ":memory:" or set("?#") & set(file):
        found = "an address that is not shown" if "@" in url else shown(url)
        raise Wrong(f"found {found}; expected {_SQLITE} or {_POSTGRESQL}")
    place = folder / file
    if not place.parent.is_dir():
        raise Wrong(f"there is no folder {place.parent}; make it first")
    return f"sqlite:///{place}"


def _server(url: str, folder: Path) -> str:
    parts = _parts(url)
    given = dict(_given(parts.query, folder))
    host = given.get("host") or parts.hostname or ""
    if host.startswith("/") or on_loopback(host):
        pass
    elif (mode := given.setdefault("sslmode", "require")) not in _SAFE:
        raise Wrong(
            f"found sslmode={mode}; expected verify-full, verify-ca or require (the default) for a server on another "
            "machine: what customers wrote would cross the network for everybody to read"
        )
    _check_driver()
    where = parts.netloc if parts.hostname or parts.username else ""
    query = urlencode(given, quote_via=quote, safe="/")
    return f"postgresql://{where}{parts.path}{f'?{query}' if query else ''}"


def _parts(url: str) -> SplitResult:
    expected = f"expected {_POSTGRESQL}"
    try:
        parts = urlsplit(url)
        password, _ = parts.password, parts.port
    except ValueError:
        raise Wrong(f"is not an address; {expected}") from None
    if password is not None:
        raise Wrong(
            f"holds a password; {expected}, and the password in the variable STEPLADDER_DATABASE_PASSWORD, a file "
            "named by STEPLADDER_DATABASE_PASSWORD_FILE, or secrets.toml beside stepladder.toml under [database]"
        )
    if not parts.path.strip("/") or parts.fragment:
        raise Wrong(f"names no database; {expected}")
    return parts


def _given(query: str, folder: Path) -> Iterator[tuple[str, str]]:
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in _FILES:
            if not (folder / value).is_file():
                raise Wrong(f"{name}: there is no file {folder / value}")
            yield name, str(folder / value)
            continue
        if name not in _WORDS:
            raise Wrong(f"unknown {name}=…{nearest(name, _WORDS | _FILES)}")
        if name == "sslmode" and value not in _MODES:
            raise Wrong(f"found sslmode={value}; expected one of {', '.join(_MODES)}{nearest(value, _MODES)}")
        if name == "host" and not value.startswith("/"):
            raise Wrong("found host=…; expected the folder of a local socket there, and other hosts before the path")
        yield name, value


def _check_driver() -> None:
    try:
        import psycopg  # noqa: F401  # here, because only the `scale` extra has it
    except ImportError:
        todo = "in the cloned repository, pip install --require-hashes -r requirements/scale.lock"
        raise Wrong(f"PostgreSQL needs more packages: {todo}") from None
