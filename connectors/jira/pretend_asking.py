"""What is asked of the pretend Jira's API: who asks, for what, in which version. It answers nothing itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.jira.pretend import PretendSite
from connectors.jira.pretend_access import Doors, Visitor
from connectors.jira.pretend_herald import Herald
from connectors.jira.pretend_links import No
from connectors.postman import Attempt

Answer = tuple[int, Any]
View = Callable[["Asked"], Answer]
Routes = tuple[tuple[str, str, View], ...]

V = "/rest/api/<any('2', '3', latest):version>"
NOWHERE: dict[str, Any] = {"message": "null for uri", "status-code": 404}
ISSUE = f"{V}/issue/<issue>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: who asks, the parts of its address, its query and its JSON."""

    site: PretendSite
    herald: Herald
    doors: Doors
    visitor: Visitor
    found: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    lists: Callable[[str], list[str]] = lambda name: []
    body: Any = None
    form: Mapping[str, str] = field(default_factory=dict)
    bundle: str = ""  # what deliveries trust
    attempts: Callable[[], list[Attempt]] = list

    @property
    def who(self) -> str:
        """Who asks, by our short name."""
        return self.visitor.who

    @property
    def json(self) -> Mapping[str, Any]:
        """The body, if it is an object; an empty one otherwise."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def issue(self) -> dict[str, Any]:
        """The issue that the address names; 404 if there is none, or none for this visitor."""
        return self.site.find(self.found["issue"], self.who)

    @property
    def comment(self) -> dict[str, Any]:
        """The comment that the address names; 404 if there is none."""
        number = self.found["comment"]
        said: dict[str, Any] | None = next((said for said in self.issue["comments"] if said["id"] == number), None)
        if said is None:
            raise No(404, f"Can not find a comment for the id: {number}.")
        return said

    @property
    def rich(self) -> bool:
        """Whether texts are documents here, as in version 3, and not plain."""
        return self.found.get("version") == "3"

    def may(self, permission: str, project: str | None = None) -> bool:
        """Say whether the visitor has a permission."""
        return self.site.rights.allows(self.who, permission, project)

    def must_administer(self) -> None:
        """Refuse everybody but administrators."""
        if not self.may("ADMINISTER"):
            raise No(403, "You do not have permission to perform this operation: it needs Administer Jira.")

    def only_cloud(self) -> None:
        """Answer 404 where Data Center has no such address."""
        if not self.site.cloud:
            raise nowhere()

    def only_center(self) -> None:
        """Answer 404 where Cloud has no such address."""
        if self.site.cloud:
            raise nowhere()

    def page(self, listed: list[Any], most: int = 50) -> tuple[list[Any], dict[str, int]]:
        """Return the part of a list that is asked for, and how Jira says which part it is."""
        start, size = int(self.query.get("startAt", "0")), min(int(self.query.get("maxResults", str(most))), 1_000)
        return listed[start : start + size], {"startAt": start, "maxResults": size, "total": len(listed)}

    def text(self, value: object) -> str:
        """Read a text that was sent; 400 where a document is expected."""
        if not self.rich:
            if not isinstance(value, str):
                raise No(400, comment="Comment body is not valid!")
            return value
        if not isinstance(value, dict) or value.get("type") != "doc":
            raise No(400, comment="Operation value must be an Atlassian Document (see the Atlassian Document Format)")
        return _plain(value)

    def shown(self, text: str | None) -> Any:
        """Return a text as this version of the API shows it."""
        return document(text) if self.rich and text is not None else text


def nowhere() -> No:
    """Return the answer for an address that is not there, which has no sentence in Jira's usual place."""
    no = No(404)
    no.body = NOWHERE
    return no


def document(text: str) -> dict[str, Any]:
    """Return a plain text as an Atlassian document."""
    lines = [{"type": "paragraph", "content": [{"type": "text", "text": line}]} for line in text.splitlines() if line]
    return {"type": "doc", "version": 1, "content": lines}


def _plain(node: Mapping[str, Any]) -> str:
    if node.get("type") == "text":
        return str(node.get("text", ""))
    inner = [_plain(child) for child in node.get("content", ()) if isinstance(child, dict)]
    return ("\n" if node.get("type") == "doc" else "").join(inner)
