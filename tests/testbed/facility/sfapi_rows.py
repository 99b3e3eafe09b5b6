# SPDX-License-Identifier: Apache-2.0
"""A job as SFAPI's row of squeue or sacct: every value is a string, numbers as well."""

import json
import os
import time

from .scheduler import CANCELLED, PENDING, Job

SHORT = {
    "PENDING": "PD", "RUNNING": "R", "COMPLETING": "CG", "CONFIGURING": "CF", "SUSPENDED": "S",
    "COMPLETED": "CD", "CANCELLED": "CA", "FAILED": "F", "TIMEOUT": "TO", "NODE_FAIL": "NF",
    "OUT_OF_MEMORY": "OOM", "PREEMPTED": "PR", "BOOT_FAIL": "BF", "DEADLINE": "DL",
    "REQUEUED": "RQ", "STOPPED": "ST", "SIGNALING": "SI", "STAGE_OUT": "SO", "RESIZING": "RS",
}  # fmt: skip
NOT_KNOWN = dict.fromkeys(
    (
        "tres_per_node", "features", "reservation", "wckey", "excnodes", "dependency", "schednodes",
        "licenses", "req_nodes",
    ),
    "",
)  # fmt: skip
NOT_ASKED = dict.fromkeys(
    ("s:c:t", "sockets_per_node", "cores_per_socket", "threads_per_core"), "*"
)


def squeue_row(job: Job, now: float) -> dict[str, str]:
    used_s = int(now - job.start_s) if job.nodes and job.start_s else 0
    limit = span(job.limit_s) if job.limit_s else "UNLIMITED"
    return {
        **NOT_KNOWN,
        **NOT_ASKED,
        "account": job.account,
        "min_cpus": str(job.cpus),
        "min_tmp_disk": "0",
        "end_time": stamp(_end_s(job), "N/A"),
        "group": job.user,
        "over_subscribe": "NO",
        "jobid": job.id,
        "name": job.name,
        "comment": job.comment,
        "time_limit": limit,
        "min_memory": "0",
        "command": job.command,
        "priority": "0.00000001",
        "qos": job.qos,
        "reason": job.reason,
        "st": SHORT.get(job.state, job.state[:2]),
        "user": job.user,
        "nice": "0",
        "exec_host": job.nodes.partition(",")[0] or "n/a",
        "cpus": str(job.cpus),
        "nodes": str(job.node_count),
        "array_job_id": job.id,
        "array_task_id": "N/A",
        "time_left": span(max(0.0, job.limit_s - used_s)) if job.limit_s else "UNLIMITED",
        "time": span(used_s),
        "nodelist": job.nodes,
        "contiguous": "0",
        "partition": job.partition,
        "nodelist(reason)": job.nodes or f"({job.reason})",
        "start_time": stamp(job.start_s, "N/A"),
        "state": job.state,
        "uid": str(os.getuid()),
        "submit_time": stamp(job.submit_s, "N/A"),
        "core_spec": "N/A",
        "work_dir": job.work_dir,
    }


def sacct_row(job: Job, now: float) -> dict[str, str]:
    started = job.start_s if job.state != PENDING else 0.0
    elapsed_s = (job.end_s or now) - started if started else 0.0
    resources = f"billing={job.cpus},cpu={job.cpus},node={job.node_count}" if started else ""
    return {
        "account": job.account,
        "admincomment": _admin_comment(job),
        "alloccpus": str(job.cpus if started else 0),
        "allocnodes": str(job.node_count if started else 0),
        "alloctres": resources,
        "cluster": "perlmutter",
        "comment": job.comment,
        "constraints": "",
        "derivedexitcode": "0:0",
        "elapsed": span(elapsed_s),
        "elapsedraw": str(int(elapsed_s)),
        "eligible": stamp(job.submit_s, "Unknown"),
        "end": stamp(job.end_s, "Unknown"),
        "exitcode": f"{job.exit_code}:{job.signal}",
        "group": job.user,
        "jobid": job.id,
        "jobidraw": job.id,
        "jobname": job.name,
        "ncpus": str(job.cpus),
        "nnodes": str(job.node_count),
        "nodelist": job.nodes or "None assigned",
        "partition": job.partition,
        "priority": "1",
        "qos": job.qos,
        "reason": job.reason,
        "reqcpus": str(job.cpus),
        "reqnodes": str(job.node_count),
        "start": stamp(started, "Unknown"),
        "state": _sacct_state(job),
        "submit": stamp(job.submit_s, "Unknown"),
        "timelimit": span(job.limit_s) if job.limit_s else "UNLIMITED",
        "timelimitraw": str(int(job.limit_s // 60)),
        "user": job.user,
        "workdir": job.work_dir,
    }


def stamp(seconds: float, unknown: str) -> str:
    """Slurm's local time, without a zone."""
    if not seconds:
        return unknown
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(seconds))


def span(seconds: float) -> str:
    """Slurm's [D-]HH:MM:SS."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{f'{days}-' if days else ''}{hours:02}:{minutes:02}:{rest:02}"


def _end_s(job: Job) -> float:
    if job.end_s or not job.nodes or not job.start_s or not job.limit_s:
        return job.end_s
    return job.start_s + job.limit_s


def _sacct_state(job: Job) -> str:
    if job.state == CANCELLED and job.cancelled_by >= 0:
        return f"{CANCELLED} by {job.cancelled_by}"
    return job.state


def _admin_comment(job: Job) -> str:
    if not job.stdout:
        return ""
    told = {"stdinPath": "/dev/null", "stdoutPath": job.stdout, "workingDirectory": job.work_dir}
    return json.dumps(told)
