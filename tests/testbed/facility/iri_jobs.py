# SPDX-License-Identifier: Apache-2.0
"""IRI's jobs: submit, status of one or many, cancel."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import listing
from .iri_flavour import Flavour, objection
from .iri_forms import Number, body_of, invalid, number, problem, refuse, truth
from .iri_once import Once
from .iri_script import WrongSpec, batch
from .iri_spec import check
from .scheduler import LIVE, PENDING, Job, SchedulerDown, SubmitError
from .sfapi_rows import sacct_row, squeue_row
from .wire import JSON, Request, Response, Stop, answer
from .world import World

OFFSET, LIMIT = Number("offset", 0), Number("limit", 100, most=1000)
STATES = {
    "PENDING": "queued", "CONFIGURING": "queued", "REQUEUED": "queued", "COMPLETED": "completed",
    "CANCELLED": "canceled", "FAILED": "failed", "TIMEOUT": "failed", "OUT_OF_MEMORY": "failed",
    "NODE_FAIL": "failed", "PREEMPTED": "failed", "BOOT_FAIL": "failed", "DEADLINE": "failed",
}  # fmt: skip
FILTERS: Mapping[str, str] = {
    "jobIds": "id", "states": "state", "owner": "user", "queue": "queue", "accountingId": "account",
}  # fmt: skip


class Jobs:
    """The jobs of the mapped user on the one machine. `specs`: by job id, for include_spec."""

    def __init__(self, world: World, flavour: Flavour) -> None:
        self.world, self.flavour = world, flavour
        self.once = Once()
        self.specs: dict[str, Mapping[str, Any]] = {}
        self.queue_option = world.settings.options.get("iri.queue_option") or "partition"
        self.keeps_keys = world.settings.options.get("iri.idempotency", "on") == "on"
        self.bulk = world.settings.options.get("iri.bulk", "on") == "on" and flavour.bulk

    def submit_v1(self, request: Request, _: Mapping[str, str]) -> Response:
        return answer(self._submitted(request, self._spec(request)))

    def submit_v2(self, request: Request, _: Mapping[str, str]) -> Response:
        self._account(request)
        spec = self._spec(request)
        if not request.headers.get("idempotency-key"):
            return answer(self._submitted(request, spec))
        if not self.keeps_keys:
            words = "Idempotency-Key provided but no idempotency store is configured."
            raise refuse(request, 501, words)
        return self.once.run(request, spec, lambda: self._submitted(request, spec))

    def _account(self, request: Request) -> None:
        """One generation of v2 asks for it before it looks at anything else."""
        try:
            attributes = (request.json() or {}).get("attributes") or {}
            inside = attributes.get("account")
        except (ValueError, AttributeError):
            inside = None
        if bool(inside) == bool(request.headers.get("x-iri-facility-project")):
            words = "Project/account must be specified in exactly one place"
            raise refuse(request, 400, words)

    def _spec(self, request: Request) -> dict[str, Any]:
        spec = body_of(request)
        wrong = check(spec)
        if wrong:
            raise invalid(request, wrong)
        refused = objection(self.flavour, spec)
        if refused:
            raise refuse(request, *refused)
        return spec

    def _submitted(self, request: Request, spec: Mapping[str, Any]) -> dict[str, Any]:
        try:
            slurm_id = listing.submit(self.world, request, batch(spec, self.queue_option))
        except (SubmitError, WrongSpec) as error:
            raise refuse(request, 400, f"{error}") from None
        except SchedulerDown as error:
            raise _down(request, error) from None
        name = slurm_id + self.flavour.suffix
        self.specs[name] = spec
        status = {"state": "new", "time": time.time(), "message": "job submitted", "exit_code": 0}
        account = (spec.get("attributes") or {}).get("account")
        return {"id": name, "status": {**status, "meta_data": {"account": account}}}

    def one(self, request: Request, words: Mapping[str, str]) -> Response:
        historical = truth(request, "historical", True)
        with_spec = self._with_spec(request)
        slurm_id = words["job"].removesuffix(self.flavour.suffix)
        jobs = self._jobs(request, historical, [slurm_id])
        found = [job for job in jobs if job.id == slurm_id]
        if not found:
            raise refuse(request, self.flavour.gone, f"Job {words['job']} not found.")
        return answer(self._row(found[0], historical, with_spec))

    def many(self, request: Request, _: Mapping[str, str]) -> Response:
        if not self.bulk:
            raise refuse(request, 404, "Not Found")
        offset, limit = number(request, OFFSET), number(request, LIMIT)
        historical = truth(request, "historical", False)
        with_spec = self._with_spec(request)
        filters = body_of(request, needed=False)
        jobs = self._jobs(request, historical, ())
        rows = [
            self._row(job, historical, with_spec)
            for job in jobs
            if all(self._fits(job, name, wanted) for name, wanted in filters.items())
        ][offset : offset + limit]
        if rows and self.world.faults.take("bad-row", request):
            rows[0] = {"id": None, "status": {"state": None}}
        return answer(rows)

    def cancel(self, request: Request, words: Mapping[str, str]) -> Response:
        slurm_id = words["job"].removesuffix(self.flavour.suffix)
        try:
            refused = self.world.scheduler.cancel([slurm_id]).get(slurm_id, "")
        except SchedulerDown as error:
            raise _down(request, error) from None
        if "nvalid job id" in refused:
            raise refuse(request, self.flavour.gone, f"Job {words['job']} not found.")
        if refused:
            raise refuse(request, 400, refused)
        return Response(204, headers=[("Content-Type", JSON)])

    def update(self, request: Request, _: Mapping[str, str]) -> Response:
        return problem(request, 501, "Updating jobs is not implemented at this facility.")

    def _with_spec(self, request: Request) -> bool:
        wanted = truth(request, "include_spec", False)
        if wanted and "include_spec" in self.flavour.refused:
            raise refuse(request, 501, "include_spec is not implemented at this facility.")
        return wanted and self.flavour.name != "olcf"

    def _jobs(self, request: Request, historical: bool, ids: Sequence[str]) -> list[Job]:
        if self.world.faults.take("queue-error", request):
            raise _down(request, "Unable to contact slurm controller")
        try:
            jobs = (
                listing.history(self.world, request, ids)
                if historical
                else listing.queue(self.world, request)
            )
        except SchedulerDown as error:
            raise _down(request, error) from None
        return [job for job in jobs if job.user == self.world.settings.user]

    def _fits(self, job: Job, name: str, wanted: Any) -> bool:
        """A filter that is not known filters nothing."""
        have = {
            "id": job.id + self.flavour.suffix,
            "state": self._state(job),
            "user": job.user,
            "queue": job.partition if self.queue_option == "partition" else job.qos,
            "account": job.account,
        }
        if name not in FILTERS:
            return True
        values = wanted if isinstance(wanted, list) else [wanted]
        return have[FILTERS[name]] in {str(one) for one in values}

    def _state(self, job: Job) -> str:
        if job.state == PENDING and job.reason.startswith("JobHeld"):
            return "held"
        if job.state == "FAILED" and self.flavour.any_exit_completes and not job.signal:
            return "completed"
        return STATES.get(job.state, "active" if job.state in LIVE else job.state.lower())

    def _row(self, job: Job, historical: bool, with_spec: bool) -> dict[str, Any]:
        now = time.time()
        # Slurm's exit code before the end is 0, and so is that of a job that a signal ended.
        status = {
            "state": self._state(job),
            "time": job.end_s or job.start_s or job.submit_s,
            "message": "" if job.reason == "None" else job.reason,
            "exit_code": job.exit_code if self.flavour.rows or not job.lives() else None,
        }
        if self.flavour.rows:
            status["meta_data"] = sacct_row(job, now) if historical else squeue_row(job, now)
        name = job.id + self.flavour.suffix
        row: dict[str, Any] = {"id": name, "status": status}
        spec = self.specs.get(name) if with_spec else None
        return {**row, "job_spec": spec} if spec is not None else row


def _down(request: Request, error: SchedulerDown | str) -> Stop:
    return refuse(request, 503, f"{error}")
