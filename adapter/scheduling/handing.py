"""Procrastinate's manager, with two moments at which it would wait for its next poll although there is work."""

from __future__ import annotations

from collections.abc import Iterable

from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, NotificationCallback


class PromptManager(JobManager):
    """Hands out at once what came in while it was asked, and what waited behind a ticket that is done with."""

    _heard = 0
    _tell: NotificationCallback | None = None

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Listen, and count what is heard."""
        self._tell = on_notification

        async def hear(*, channel: str, notification: object) -> None:
            self._heard += 1
            await on_notification(channel=channel, notification=notification)  # type: ignore[arg-type]

        await super().listen_for_jobs(on_notification=hear, queues=queues)

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Ask again if something came in while the answer `nothing` was on its way: the worker forgets such notices."""
        while True:
            heard = self._heard
            found = await super().fetch_job(queues, worker_id)
            if found is not None or heard == self._heard:
                return found

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End a job, and look for one that waited behind its lock."""
        await super().finish_job(job, status, delete_job)
        if self._tell is not None:
            await self._tell(channel="", notification={"type": "job_inserted", "job_id": job.id or 0})
