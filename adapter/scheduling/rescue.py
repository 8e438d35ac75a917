"""Hands on tickets that are said to be looked at and are not: a worker fell silent, or the database forgot an end.

They are still due in the tables, and what was written is looked for before anything is sent again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager
from procrastinate.worker import Worker

from adapter.journal import Journal
from adapter.scheduling.queue import NAME, named
from policies.model import TicketRef

HEARTBEAT = 5.0
"""Seconds between two signs of life."""
SILENCE = 15.0
"""Seconds without one after which a worker counts as dead."""
_CARE = 1.5
"""Seconds between two looks around."""


class Rescue:
    """Looks around beside one worker. `holds` says whether that one is at a ticket, `wake` queues a ticket again."""

    def __init__(
        self,
        worker: Worker,
        holds: Callable[[TicketRef], bool],
        wake: Callable[[TicketRef], None],
        journal: Journal,
    ) -> None:
        self._worker = worker
        self._manager: JobManager = worker.app.job_manager
        self._holds = holds
        self._wake = wake
        self._journal = journal

    async def run(self) -> None:
        """Look around until cancelled."""
        before = set[int | None]()
        while True:
            for job in await self._manager.get_stalled_jobs(queue=NAME, seconds_since_heartbeat=SILENCE):
                await self._hand_on(job, "its worker fell silent")
            lost = await self._lost()
            for job in lost:
                if job.id in before:  # in two rounds: it did not just begin or end
                    await self._hand_on(job, "the database did not keep that its look ended")
            before = {job.id for job in lost}
            await self._manager.prune_stalled_workers(SILENCE)
            await asyncio.sleep(_CARE)

    async def _lost(self) -> list[Job]:
        """Return what this worker is said to look at and does not: the database went away in between."""
        if self._worker.worker_id is None:
            return []
        mine = await self._manager.list_jobs_async(queue=NAME, status="doing", worker_id=self._worker.worker_id)
        return [job for job in mine if not self._holds(named(job.task_kwargs))]

    async def _hand_on(self, job: Job, reason: str) -> None:
        with contextlib.suppress(ConnectorException):  # another worker was faster
            await self._manager.finish_job(job, Status.ABORTED, delete_job=True)
            self._journal.tell("look.taken", ticket=str(job.lock), reason=reason)
            self._wake(named(job.task_kwargs))
