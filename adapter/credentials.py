"""Where secrets come from: the environment, a file of their own, or `secrets.toml`; never stepladder.toml.

The environment wins over a file, a file over `secrets.toml`. A setting is secret if its type is SecretStr.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, SecretStr

from adapter.problems import Problem, dotted, nearest, toml_place

Keys = tuple[str, ...]
"""A table's place in stepladder.toml: `("sites", "acme")`, `("mail",)`."""
ENVIRONMENT = "environment"
SHORTEST_HIDDEN = 6
"""Shorter secrets are not searched for in sentences: they would blot out ordinary words."""


def types_in(annotation: object) -> frozenset[object]:
    """Return a type and all types inside it: `tuple[SecretStr, ...] | None` holds SecretStr."""
    inside = frozenset[object]().union(*(types_in(part) for part in get_args(annotation)))
    return inside | {annotation}


def secret_settings(model: type[BaseModel]) -> Mapping[str, bool]:
    """Return a table's secret settings by name; True if a setting holds several."""
    return {
        name: any(getattr(part, "__origin__", None) is tuple for part in types_in(field.annotation))
        for name, field in model.model_fields.items()
        if SecretStr in types_in(field.annotation)
    }


def variable(where: Keys, setting: str) -> str:
    """Return the variable that holds this secret: `STEPLADDER_ACME_EU_TOKEN`, `STEPLADDER_MAIL_PASSWORD`."""
    words = where[1:] if where[0] == "sites" else where
    return "_".join(["STEPLADDER", *(re.sub(r"[^A-Za-z0-9]", "_", word) for word in (*words, setting))]).upper()


def places(where: Keys, setting: str) -> str:
    """Name the three right places for a secret."""
    name = variable(where, setting)
    return (
        f"the variable {name}, a file named by {name}_FILE or {setting}_file, "
        f"or secrets.toml beside stepladder.toml under [{dotted(*where)}]"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One table's secrets, and which keys of its table were about them. `spoiled`: one could not be read."""

    values: Mapping[str, SecretStr | tuple[SecretStr, ...]]
    keys: frozenset[str]
    spoiled: bool


class Credentials:
    """One look at all the places. `problems` grows while tables are asked for."""

    def __init__(self, file: Path, environ: Mapping[str, str], models: Mapping[Keys, type[BaseModel] | None]) -> None:
        self.file = file
        self.kept = file.absolute().parent / "secrets.toml"
        self.environ = environ
        self.models = models
        self.problems: list[Problem] = []
        self._hidden: set[str] = set()
        self._unread = False  # secrets.toml is there, but of no use
        self._tables = self._secrets_toml()
        self._check_variables()

    def of(self, where: Keys, table: Mapping[str, Any]) -> Found:
        """Return one table's secrets; `table` is what stepladder.toml says there."""
        model = self.models[where]
        kinds = secret_settings(model) if model else {}
        values: dict[str, SecretStr | tuple[SecretStr, ...]] = {}
        before = len(self.problems)
        for setting, several in kinds.items():
            if setting in table:
                self._tell(
                    self.file,
                    dotted(*where, setting),
                    f"a secret does not belong in this file; expected {places(where, setting)}",
                )
            given = next(self._candidates(where, setting, table), None)
            value = None if given is None else self._value(given[1], several, *given[0])
            if value is not None:
                values[setting] = value
        about = frozenset(key for setting in kinds for key in (setting, f"{setting}_file"))
        return Found(values=values, keys=about, spoiled=self._unread or len(self.problems) > before)

    def hide(self, text: str) -> str:
        """Blot out every known secret: a vendor's class may quote what it refuses."""
        for secret in sorted(self._hidden, key=len, reverse=True):
            text = text.replace(secret, "•••")
        return text

    def _candidates(
        self, where: Keys, setting: str, table: Mapping[str, Any]
    ) -> Iterator[tuple[tuple[str | Path, str], object]]:
        """Yield ((source, setting), value) from the strongest place to the weakest."""
        name, key = variable(where, setting), dotted(*where, setting)
        if name in self.environ:
            yield (ENVIRONMENT, name), self.environ[name]
        if f"{name}_FILE" in self.environ:
            yield (ENVIRONMENT, f"{name}_FILE"), self._file(self.environ[f"{name}_FILE"], ENVIRONMENT, f"{name}_FILE")
        if f"{setting}_file" in table:
            yield (self.file, f"{key}_file"), self._file(table[f"{setting}_file"], self.file, f"{key}_file")
        if setting in self._tables.get(where, {}):
            yield (self.kept, key), self._tables[where][setting]
        if setting in table:  # refused already; used, so that nothing else is said about its absence
            yield (self.file, key), table[setting]

    def _file(self, name: object, source: str | Path, setting: str) -> object:
        if not isinstance(name, str) or not name:
            self._tell(source, setting, "expected the path of a file")
            return None
        place = self.file.absolute().parent / name
        try:
            return place.read_text(encoding="utf-8")
        except OSError as error:
            self._tell(source, setting, f"{place} cannot be read ({error.strerror})")
        except UnicodeDecodeError:
            self._tell(source, setting, f"{place} is not UTF-8 text")
        return None

    def _value(
        self, value: object, several: bool, source: str | Path, setting: str
    ) -> SecretStr | tuple[SecretStr, ...] | None:
        if value is None:
            return None
        given = value if several and isinstance(value, list) else [value]
        parts = [part for part in given if isinstance(part, str)]
        if len(parts) < len(given):
            self._tell(source, setting, "found a value that is not shown; expected text in quotes")
            return None
        texts = [text for part in parts for text in (re.split(r"[,\n]", part) if several else [part])]
        texts = [text.strip() for text in texts if text.strip()]
        self._hidden |= {text for text in texts if len(text) >= SHORTEST_HIDDEN}
        if not texts:
            self._tell(source, setting, "is empty; expected a secret, or no such setting at all")
        elif not all(text.isprintable() for text in texts):
            self._tell(source, setting, "holds a line break or another invisible character; expected one line")
        else:
            return tuple(map(SecretStr, texts)) if several else SecretStr(texts[0])
        return None

    def _secrets_toml(self) -> dict[Keys, dict[str, Any]]:
        wrong = place = ""
        try:
            if self.kept.stat().st_mode & 0o077:
                wrong = f"others may read it; run: chmod 600 {self.kept}"
            else:
                return self._known_tables(tomllib.loads(self.kept.read_text(encoding="utf-8")))
        except FileNotFoundError:
            return {}
        except OSError as error:
            wrong = f"cannot be read ({error.strerror})"
        except tomllib.TOMLDecodeError as error:
            wrong, place = "is not TOML", toml_place(error)[1]  # what is wrong is not told: it may quote the line
        except UnicodeDecodeError:
            wrong = "is not UTF-8 text"
        self._tell(f"{self.kept}{place}", "", wrong)
        self._unread = True
        return {}

    def _known_tables(self, document: Mapping[str, Any]) -> dict[Keys, dict[str, Any]]:
        tables = dict(self._named(document))
        for where, table in tables.items():
            if where not in self.models:
                near = nearest(where[-1], (known[-1] for known in self.models if known[0] == where[0]))
                what = "site" if where[0] == "sites" else "table in stepladder.toml"
                self._tell(self.kept, dotted(*where), f"no such {what}{near}")
            elif isinstance(table, dict) and (model := self.models[where]) is not None:
                kinds = secret_settings(model)
                for key in table.keys() - kinds.keys():
                    known = key in model.model_fields
                    wrong = "is not a secret; write it in stepladder.toml" if known else "unknown secret"
                    self._tell(self.kept, dotted(*where, key), wrong + ("" if known else nearest(key, kinds)))
        return {where: table for where, table in tables.items() if isinstance(table, dict)}

    def _named(self, document: Mapping[str, Any]) -> Iterator[tuple[Keys, object]]:
        """Yield the tables of secrets.toml with their places."""
        for top, inside in document.items():
            if top in ("mail", "database"):
                yield (top,), inside
            elif top not in ("sites", "on_call"):
                known = "[sites.<name>], [on_call.<name>], [mail] and [database] tables"
                self._tell(self.kept, dotted(top), f"unknown; expected only {known}")
            elif isinstance(inside, dict):
                yield from (((top, name), table) for name, table in inside.items())
            else:
                self._tell(self.kept, top, f"expected [{top}.<name>] tables")

    def _check_variables(self) -> None:
        """Say which variables are nearly right. Others stay unmentioned: Kubernetes makes STEPLADDER_PORT and more."""
        prefixes: dict[str, Keys] = {}
        for where in self.models:
            twin = prefixes.setdefault(variable(where, ""), where)
            if twin != where:
                self._tell(self.file, dotted(*where), f"shares its variables with {dotted(*twin)}; rename one")
        for name in self.environ:
            prefix = max((p for p in prefixes if name.startswith(p)), key=len, default=None)
            model = self.models[prefixes[prefix]] if prefix else None
            if prefix is None or model is None:
                continue
            kinds, setting = secret_settings(model), name.removeprefix(prefix).lower().removesuffix("_file")
            if setting == "port":  # of a service called stepladder-mail: Kubernetes again
                continue
            if setting in model.model_fields and setting not in kinds:
                self._tell(ENVIRONMENT, name, "is not a secret; write it in stepladder.toml")
            elif setting not in kinds and nearest(setting, kinds):
                guess = nearest(name, (prefix + kind.upper() for kind in kinds))
                self._tell(ENVIRONMENT, name, f"unknown secret{guess}")

    def _tell(self, source: str | Path, setting: str, message: str) -> None:
        self.problems.append(Problem(source=str(source), setting=setting, message=message))
