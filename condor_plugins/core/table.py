# SPDX-License-Identifier: Apache-2.0
"""The one table: every knob and every attribute of the objects that knobs hold.

The checks, ``docs/knobs.md`` and ``config.d/50-glidein-defaults.conf`` are made from it.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["integer", "real", "boolean", "string", "names", "expression", "record", "amounts"]


@dataclass(frozen=True, slots=True)
class Knob:
    """One HTCondor knob of ours; `default` is written as an administrator would write it."""

    name: str
    kind: Kind
    default: str
    sentence: str
    unit: str = ""
    least: int | None = None


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute of an object; without a `default` (ClassAd text) it must be given."""

    name: str
    kind: Kind
    default: str | None
    sentence: str
    unit: str = ""
    least: int | None = None
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ObjectKind:
    """A sort of object: the knob that lists the names, the prefix of the knobs that hold the ads."""

    word: str
    names_knob: str
    prefix: str
    sentence: str
    attributes: tuple[Attribute, ...]


KNOBS = (
    Knob("GLIDEIN_ENTRY_NAMES", "names", "", "The entries: names of GLIDEIN_ENTRY_<name> knobs."),
    Knob(
        "GLIDEIN_GROUP_NAMES",
        "names",
        "",
        "The groups, in order: a job belongs to the first group whose Jobs expression it meets.",
    ),
    Knob(
        "GLIDEIN_SITE_NAMES",
        "names",
        "",
        "Sites with limits of their own: names of GLIDEIN_SITE_<name> knobs.",
    ),
    Knob(
        "GLIDEIN_CREDENTIAL_NAMES",
        "names",
        "",
        "The credentials: names of GLIDEIN_CREDENTIAL_<name> knobs.",
    ),
    Knob(
        "GLIDEIN_FACILITY_NAMES",
        "names",
        "",
        "The facilities with an HTTP API: names of GLIDEIN_FACILITY_<name> knobs.",
    ),
    Knob(
        "GLIDEIN_SCHEDDS",
        "names",
        "",
        "Schedds whose idle jobs are demand: names as the collector has them, or ALL for every one that takes vanilla jobs; empty is the schedd of this host.",
    ),
    Knob(
        "GLIDEIN_REQUESTERS",
        "string",
        "[ ]",
        'On a factory: other Access Points\' accounts and what each may ask for, [ account = [ Entries = { "A" }; MaxIdlePilots = 20; MaxPilots = 100; LogDir = "/log" ] ].',
    ),
    Knob(
        "GLIDEIN_OFFERS",
        "string",
        "[ ]",
        'On a factory: what a requester\'s pilot must be, by entry, [ A = [ GridResource = "batch slurm"; BatchQueue = "regular" ] ]; also BatchProject, BatchExtraSubmitArgs, BatchConstraint, BatchReservation, BatchLicenses, PilotDir, and the most WallTime, Memory, Nodes, Cpus and GPUs.',
    ),
    Knob(
        "GLIDEIN_PERIOD",
        "string",
        "60s",
        "Time from one run of the provisioner to the next; read when the schedd starts.",
    ),
    Knob(
        "GLIDEIN_BIN",
        "string",
        "/opt/htcondor-glideins/bin",
        "Where the programs of HTCondor Glideins are installed.",
    ),
    Knob(
        "GLIDEIN_BLAHP_DIR",
        "string",
        "$(GLIDEIN_BIN)/../share/htcondor-glideins/blahp",
        "Where glidein_gahp and blahp_gahp are, one of which <TYPE>_GAHP names for each facility.",
    ),
    Knob(
        "GLIDEIN_GATEWAY_DIR",
        "string",
        "",
        "Directory of the gateway to facilities: its ledgers of pilots and its log; empty is .glidein-gateway in the home directory of GLIDEIN_ACCOUNT. It must not be lost while pilots are at a facility.",
    ),
    Knob(
        "GLIDEIN_ACCOUNT",
        "string",
        "glidein",
        "The unprivileged account that owns the pilots' jobs.",
    ),
    Knob(
        "GLIDEIN_TOKEN_DIRECTORY",
        "string",
        "/etc/condor/glidein-tokens.d",
        "Directory with the IDTOKEN of GLIDEIN_ACCOUNT, with which the provisioner submits; only the condor account may read it.",
    ),
    Knob(
        "GLIDEIN_STATE_DIR",
        "string",
        "$(LOCAL_DIR)/lib/condor/glidein",
        "Directory for the plan of the last cycle and the provisioner's lock; it may be deleted at any time.",
    ),
    Knob(
        "GLIDEIN_LOG",
        "string",
        "$(LOG)/GlideinProvisionerLog",
        "What the provisioner did and what it could not do; the account condor writes it.",
    ),
    Knob(
        "GLIDEIN_DOWNTIME_FILE",
        "string",
        "/etc/condor/config.d/90-glidein-downtimes.conf",
        "The drop-in that `glidein down` and `glidein up` write.",
    ),
    Knob(
        "GLIDEIN_PILOT_DIR",
        "string",
        "",
        "Directory with the pilot's files, made by tools/pack; the site must see it under the same path where it shares a file system.",
    ),
    Knob(
        "GLIDEIN_PILOT_LOG_DIR",
        "string",
        "",
        "Directory for the pilots' stdout and stderr, owned by GLIDEIN_ACCOUNT; where the site shares a file system it is the pilots' working directory too.",
    ),
    Knob("GLIDEIN_COLLECTOR", "string", "$(COLLECTOR_HOST)", "The collector that glideins join."),
    Knob(
        "GLIDEIN_DRY_RUN", "boolean", "false", "Decide and report, but change nothing in the queue."
    ),
    Knob(
        "GLIDEIN_MAX_PILOTS",
        "integer",
        "10000",
        "Most pilots in the queue over all entries.",
        "pilots",
        0,
    ),
    Knob(
        "GLIDEIN_MAX_IDLE_PILOTS",
        "integer",
        "1000",
        "Most pilots waiting over all entries.",
        "pilots",
        0,
    ),
    Knob(
        "GLIDEIN_SUBMIT_RATE",
        "integer",
        "0",
        "Most pilots submitted in a minute over all entries; 0 is no such limit.",
        "pilots per minute",
        0,
    ),
    Knob(
        "GLIDEIN_CURB",
        "integer",
        "100",
        "From this share of a MaxPilots limit on, a request for more is halved; 100 is never.",
        "percent",
        1,
    ),
    Knob(
        "GLIDEIN_HEDGE",
        "integer",
        "75",
        "Where pilots wait for minutes, so many more than the jobs need are kept waiting, as the last ones of many start late; what is left is taken back when the jobs have found room.",
        "percent",
        0,
    ),
    Knob(
        "GLIDEIN_MAX_UNUSED",
        "integer",
        "50",
        "An entry whose pilots the jobs would leave unused by more than this is asked only when no entry that fits them better is open.",
        "percent of a pilot's cores",
        0,
    ),
    Knob(
        "GLIDEIN_SETTLE",
        "integer",
        "0",
        "Jobs idle for less than this are not yet demand.",
        "seconds",
        0,
    ),
    Knob(
        "GLIDEIN_USAGE_HALF_LIFE",
        "integer",
        "86400",
        "What a group has used counts half after this long when groups contest an entry.",
        "seconds",
        60,
    ),
    Knob(
        "GLIDEIN_REMOVE_AFTER",
        "integer",
        "60",
        "Waiting pilots that no job needs are removed when that has lasted this long.",
        "seconds",
        0,
    ),
    Knob(
        "GLIDEIN_CONFIRM",
        "integer",
        "300",
        "When demand or slots vanish and nothing shows where to, nothing is removed until that has lasted this long.",
        "seconds",
        0,
    ),
    Knob(
        "GLIDEIN_MAX_REMOVALS",
        "integer",
        "100",
        "Most waiting pilots of one entry and group removed in one cycle.",
        "pilots",
        1,
    ),
    Knob(
        "GLIDEIN_JOIN_TIMEOUT",
        "integer",
        "300",
        "A running pilot whose glidein is not in the collector counts as coming for this long.",
        "seconds",
        1,
    ),
    Knob(
        "GLIDEIN_COLLECTOR_SETTLE",
        "integer",
        "600",
        "While the collector has run for less than this, running pilots that it does not show freeze the decision; two update intervals of the glideins.",
        "seconds",
        0,
    ),
    Knob(
        "GLIDEIN_RECORD_DIR",
        "string",
        "",
        "Directory where every cycle leaves what it saw and decided, for `glidein replay`; empty is none. A file holds the idle jobs' attributes and all GLIDEIN_ knobs, and is readable by the account condor only.",
    ),
    Knob(
        "GLIDEIN_RECORD_KEEP",
        "integer",
        "1440",
        "So many files are kept in GLIDEIN_RECORD_DIR, a day of cycles; the oldest are deleted.",
        "files",
        1,
    ),
    Knob(
        "GLIDEIN_TIMEOUT",
        "integer",
        "20",
        "Longest wait for one answer of a schedd or collector.",
        "seconds",
        1,
    ),
)

ENTRY = ObjectKind(
    "entry",
    "GLIDEIN_ENTRY_NAMES",
    "GLIDEIN_ENTRY_",
    "One way into a site: where pilots are submitted and what shape they have.",
    (
        Attribute("Site", "string", None, "The site this entry belongs to."),
        Attribute(
            "GridResource", "string", None, 'HTCondor\'s grid_resource, for example "batch slurm".'
        ),
        Attribute(
            "TrustDomain",
            "string",
            '""',
            "Label; credentials and entries combine only when it is equal.",
        ),
        Attribute(
            "Facility",
            "string",
            '""',
            "Name of a GLIDEIN_FACILITY_ ad, where the site is reached through an HTTP API; GridResource is batch <name> then. Empty is the facility that GridResource names, if there is one.",
        ),
        Attribute(
            "AuthMethod",
            "string",
            '""',
            "Credential types for a request: ';' is and, ',' is first available. Not used yet.",
        ),
        Attribute("Cpus", "integer", None, "Cores of one pilot.", "cores", 1),
        Attribute("Memory", "integer", None, "Memory of one pilot.", "MiB", 1),
        Attribute("Disk", "integer", "20000", "Scratch space of one pilot.", "MiB", 1),
        Attribute("GPUs", "integer", "0", "GPUs of one pilot. Not offered to jobs yet.", "GPUs", 0),
        Attribute(
            "Resources",
            "amounts",
            "[]",
            "Custom resources of one pilot, for jobs with Request<Tag>: [ Tag = 2 ].",
        ),
        Attribute(
            "Nodes",
            "integer",
            "1",
            "Nodes of one pilot; each becomes a slot of Cpus, Memory, Disk and GPUs.",
            "nodes",
            1,
        ),
        Attribute("WallTime", "integer", None, "Time the site gives one pilot.", "seconds", 300),
        Attribute(
            "IdleTimeout",
            "integer",
            "600",
            "A glidein without a job for this long leaves; more than two NEGOTIATOR_INTERVAL, or it leaves before it is given one.",
            "seconds",
            1,
        ),
        Attribute(
            "TailTimeout",
            "integer",
            "300",
            "A glidein that has run jobs leaves after this long without one, if IdleTimeout is not shorter.",
            "seconds",
            1,
        ),
        Attribute(
            "Factory",
            "string",
            '""',
            "Name of the schedd that submits this entry's pilots; empty is the schedd of this host.",
        ),
        Attribute(
            "Weight",
            "real",
            "1.0",
            "Share of the jobs, beside other entries that match them and start pilots as fast.",
            "",
            0,
        ),
        Attribute(
            "Cost", "real", "1.0", "Price of a core-hour; twice the cost, half the share.", "", 0
        ),
        Attribute(
            "MaxPilots", "integer", "100", "Most pilots in the queue at this entry.", "pilots", 0
        ),
        Attribute(
            "MaxIdlePilots", "integer", "10", "Most pilots waiting at this entry.", "pilots", 0
        ),
        Attribute(
            "MaxHeldPilots",
            "integer",
            "10",
            "With this many pilots held the entry gets no more until a person or HeldTimeout clears them.",
            "pilots",
            1,
        ),
        Attribute(
            "HeldTimeout",
            "integer",
            "3600",
            "A pilot held for this long is removed, so that the entry is tried again.",
            "seconds",
            60,
        ),
        Attribute(
            "MaxWait",
            "integer",
            "604800",
            "A pilot that has waited this long is removed, and replaced while there is demand.",
            "seconds",
            60,
        ),
        Attribute(
            "ReleaseHeld",
            "string",
            '""',
            "Hold codes (HoldReasonCode) after which a pilot is released again, up to three times, with growing waits.",
        ),
        Attribute(
            "KeepHeld",
            "string",
            '""',
            "Hold codes after which a pilot is left for a person: HeldTimeout does not remove it.",
        ),
        Attribute(
            "SubmitRate",
            "integer",
            "0",
            "Most pilots submitted here in a minute; 0 is no such limit.",
            "pilots per minute",
            0,
        ),
        Attribute(
            "Ramp",
            "integer",
            "0",
            "Pilots that should start in a minute: no more are kept waiting than the learned wait makes of it; 0 is as many as the jobs need.",
            "pilots per minute",
            0,
        ),
        Attribute(
            "BudgetCoreHours",
            "integer",
            "0",
            "Core-hours that pilots may use here in BudgetWindow; 0 is no budget.",
            "core-hours",
            0,
        ),
        Attribute(
            "BudgetWindow",
            "integer",
            "2592000",
            "The window of BudgetCoreHours, counted back from now.",
            "seconds",
            3600,
        ),
        Attribute(
            "Start",
            "expression",
            "true",
            "Which jobs may run here, as in a startd's START; TARGET is the job.",
        ),
        Attribute(
            "Attributes",
            "record",
            "[]",
            "What the slots of this entry publish, for job requirements; part of the match.",
        ),
        Attribute(
            "Submit",
            "record",
            "[]",
            'More submit commands of the pilot, for example [ BatchQueue = "regular" ].',
        ),
        Attribute(
            "PilotDir",
            "string",
            '""',
            "Instead of GLIDEIN_PILOT_DIR, where this site sees another path.",
        ),
        Attribute("LogDir", "string", '""', "Instead of GLIDEIN_PILOT_LOG_DIR."),
    ),
)

GROUP = ObjectKind(
    "group",
    "GLIDEIN_GROUP_NAMES",
    "GLIDEIN_GROUP_",
    "One policy for jobs: which jobs, which entries, which limits.",
    (
        Attribute(
            "Jobs",
            "expression",
            "true",
            "Which jobs belong to the group, evaluated in the job's ad.",
        ),
        Attribute(
            "Entries",
            "expression",
            "true",
            "Which entries serve it, evaluated in the entry's ad (Name is the entry's name).",
        ),
        Attribute(
            "Start", "expression", "true", "Added to the entry's Start in the pilots of this group."
        ),
        Attribute(
            "Weight",
            "real",
            "1.0",
            "Share of a contested entry, beside the weights of other groups.",
            "",
            0,
        ),
        Attribute(
            "MaxPilots", "integer", "10000", "Most pilots of this group in the queue.", "pilots", 0
        ),
        Attribute(
            "MaxPilotsPerEntry",
            "integer",
            "10000",
            "Most pilots of this group in the queue at any one entry.",
            "pilots",
            0,
        ),
        Attribute(
            "MaxIdlePilots", "integer", "1000", "Most pilots of this group waiting.", "pilots", 0
        ),
    ),
)

SITE = ObjectKind(
    "site",
    "GLIDEIN_SITE_NAMES",
    "GLIDEIN_SITE_",
    "Limits over all entries of a site, for sites that need them.",
    (
        Attribute(
            "MaxPilots", "integer", "10000", "Most pilots in the queue at this site.", "pilots", 0
        ),
        Attribute("MaxIdlePilots", "integer", "1000", "Most pilots waiting there.", "pilots", 0),
        Attribute(
            "SubmitRate",
            "integer",
            "0",
            "Most pilots submitted there in a minute; 0 is no such limit.",
            "pilots per minute",
            0,
        ),
    ),
)

CREDENTIAL = ObjectKind(
    "credential",
    "GLIDEIN_CREDENTIAL_NAMES",
    "GLIDEIN_CREDENTIAL_",
    "A secret in a file: its purpose, trust domain and place.",
    (
        Attribute(
            "Purpose",
            "string",
            None,
            "What it is for: request gets pilots into a facility, callback lets them join the pool; payload is not used yet.",
            choices=("request", "callback", "payload"),
        ),
        Attribute(
            "Type",
            "string",
            '"idtoken"',
            "The kind of secret: sfapi_key is a client's private key, iri_bearer a bearer token, globus_client a client's id and secret as JSON.",
            choices=("idtoken", "sfapi_key", "iri_bearer", "globus_client"),
        ),
        Attribute("TrustDomain", "string", '""', "Label; must equal the entry's."),
        Attribute("Path", "string", None, "The file, owned by GLIDEIN_ACCOUNT, mode 0600."),
    ),
)

FACILITY = ObjectKind(
    "facility",
    "GLIDEIN_FACILITY_NAMES",
    "GLIDEIN_FACILITY_",
    "A facility's HTTP API, and with it a batch type of its own; the name is of letters and digits (docs/facilities.md).",
    (
        Attribute(
            "Api", "string", None, "Which API it speaks.", choices=("sfapi", "iri", "globus")
        ),
        Attribute(
            "Url", "string", None, 'Base address of the API, "https://api.nersc.gov/api/v1.2".'
        ),
        Attribute(
            "TokenUrl",
            "string",
            '""',
            "Where tokens are fetched, for sfapi and globus; empty is NERSC's and Globus Auth.",
        ),
        Attribute(
            "Machine", "string", '""', "The machine's name within the API; for sfapi and iri."
        ),
        Attribute(
            "Credential",
            "string",
            '""',
            "Name of the GLIDEIN_CREDENTIAL_ ad used there, with Purpose request.",
        ),
        Attribute(
            "ClientId",
            "string",
            '""',
            "Id of the client, where the secret's file does not have it.",
        ),
        Attribute(
            "Root",
            "string",
            None,
            "Directory at the facility below which all files of ours lie; absolute, seen by its nodes, writable by the account there.",
        ),
        Attribute(
            "PollInterval",
            "integer",
            "60",
            "The facility is asked for all its pilots once in this time.",
            "seconds",
            1,
        ),
        Attribute("Timeout", "integer", "20", "Longest wait for one answer.", "seconds", 1),
        Attribute(
            "SubmitPatience",
            "integer",
            "120",
            "HTCondor is answered after this long while a submission is still under way; must be less than GRIDMANAGER_GAHP_CALL_TIMEOUT (300), after which HTCondor holds the pilot.",
            "seconds",
            1,
        ),
        Attribute(
            "Grace",
            "integer",
            "600",
            "A pilot that the facility does not list counts as lost, or as never submitted, after this long.",
            "seconds",
            60,
        ),
        Attribute(
            "ChunkSize",
            "integer",
            "4000000",
            "Largest piece of a file in one upload.",
            "bytes",
            1000,
        ),
        Attribute(
            "SiteStore",
            "string",
            '""',
            "Absolute directory at the facility where the pilot's files lie already, by their SHA-256; then nothing is uploaded.",
        ),
        Attribute(
            "QueueOption",
            "string",
            '"qos"',
            "What BatchQueue is for sbatch: a QOS or a partition.",
            choices=("qos", "partition"),
        ),
        Attribute(
            "Version",
            "string",
            '""',
            "iri: version of the API; empty is the newest that answers.",
            choices=("", "v1", "v2"),
        ),
        Attribute(
            "Bulk", "boolean", "true", "iri: one request asks for all pilots; false where it fails."
        ),
        Attribute(
            "Files", "boolean", "true", "iri: the API moves files; false where it has no such part."
        ),
        Attribute(
            "Idempotency",
            "boolean",
            "true",
            "iri: submissions carry an Idempotency-Key; false where it is refused.",
        ),
        Attribute(
            "Login",
            "string",
            '""',
            "iri: how bash runs the pilot; -lc is a login shell, for sites that set up their nodes so.",
            choices=("", "-c", "-lc"),
        ),
        Attribute(
            "Environment", "string", '""', 'iri: environment of the pilot, "NAME=value NAME=value".'
        ),
        Attribute(
            "Filesystems",
            "string",
            '""',
            'iri: file systems that a job needs, "home:eagle" at ALCF.',
        ),
        Attribute(
            "StorageMachine",
            "string",
            '""',
            "Name of the resource that serves files, where it is not Machine.",
        ),
        Attribute(
            "Mode",
            "string",
            '"task"',
            "globus: a pilot is a task of the endpoint, or a batch job that a task submits.",
            choices=("task", "batch"),
        ),
        Attribute("Endpoint", "string", '""', "globus: UUID of the endpoint; must be given."),
        Attribute(
            "ControlEndpoint",
            "string",
            '""',
            "globus: UUID of an endpoint on a login node, for files and cancelling; empty is Endpoint.",
        ),
        Attribute(
            "EndpointConfig",
            "string",
            '""',
            "globus: user_endpoint_config of a multi-user endpoint, as JSON.",
        ),
        Attribute("Scope", "string", '""', "globus: another scope than that of Globus Compute."),
    ),
)

DOWNTIME = ObjectKind(
    "downtime",
    "",
    "GLIDEIN_DOWNTIME_",
    "An entry or a whole site is not asked for pilots; one knob GLIDEIN_DOWNTIME_<entry or site>, written by `glidein down`.",
    (
        Attribute("Reason", "string", '""', "Why, for people."),
        Attribute("Start", "integer", "0", "When it begins; 0 is at once.", "UNIX seconds", 0),
        Attribute(
            "End", "integer", "0", "When it ends; 0 is until `glidein up`.", "UNIX seconds", 0
        ),
        Attribute(
            "Every",
            "integer",
            "0",
            "It comes back after this long, until `glidein up`; 0 is once. End must be given then.",
            "seconds",
            0,
        ),
        Attribute("By", "string", '""', "Who wrote it."),
    ),
)

OBJECT_KINDS = (ENTRY, GROUP, SITE, CREDENTIAL, FACILITY)
