"""Who may do what at the pretend Jira, by Jira's own names of permissions. It decides nothing else."""

from __future__ import annotations

from connectors.jira.records import ADMIN, CUSTOMERS, OURS, ROBOT

PROJECT = {
    "BROWSE_PROJECTS": "Browse Projects",
    "CREATE_ISSUES": "Create Issues",
    "EDIT_ISSUES": "Edit Issues",
    "ASSIGN_ISSUES": "Assign Issues",
    "ASSIGNABLE_USER": "Assignable User",
    "TRANSITION_ISSUES": "Transition Issues",
    "LINK_ISSUES": "Link Issues",
    "ADD_COMMENTS": "Add Comments",
    "DELETE_OWN_COMMENTS": "Delete Own Comments",
    "EDIT_OWN_COMMENTS": "Edit Own Comments",
    "MANAGE_WATCHERS": "Manage Watchers",
    "SCHEDULE_ISSUES": "Schedule Issues",
    "SERVICEDESK_AGENT": "Service Desk Agent",
    "ADMINISTER_PROJECTS": "Administer Projects",
}
GLOBAL = {"ADMINISTER": "Administer Jira", "SYSTEM_ADMIN": "Jira System Administrators", "USER_PICKER": "Browse Users"}
NAMES = PROJECT | GLOBAL
_ADMINS_ONLY = {"ADMINISTER_PROJECTS", "ADMINISTER", "SYSTEM_ADMIN"}


class Rights:
    """What each person may do: agents work, an administrator may do everything, customers nothing of it."""

    def __init__(self) -> None:
        self._taken: set[tuple[str, str, str | None]] = set()
        self._given: set[tuple[str, str, str | None]] = set()

    def allows(self, who: str, permission: str, project: str | None = None) -> bool:
        """Say whether this person has the permission, in this project or in any."""
        mine = {(who, permission, None), (who, permission, project)}
        if mine & self._taken:
            return False
        if mine & self._given or who in (ADMIN, ROBOT):
            return True
        return who not in CUSTOMERS and permission in NAMES and permission not in _ADMINS_ONLY

    def take(self, permission: str, *, who: str = OURS, project: str | None = None) -> None:
        """Take a permission away, everywhere or in one project."""
        self._given.discard((who, _known(permission), project))
        self._taken.add((who, permission, project))

    def give(self, permission: str, *, who: str = OURS, project: str | None = None) -> None:
        """Give a permission, everywhere or in one project."""
        self._taken.discard((who, _known(permission), project))
        self._given.add((who, permission, project))


def _known(permission: str) -> str:
    if permission not in NAMES:
        raise KeyError(f"The pretend Jira knows no permission {permission!r}; it knows {', '.join(NAMES)}.")
    return permission
