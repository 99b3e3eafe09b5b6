# SPDX-License-Identifier: Apache-2.0
"""A facility and its entries checked: one mistake, one sentence that says what to write."""

from typing import Any

import pytest

from condor_plugins.core.checking import cross_checks
from condor_plugins.core.checking_facilities import offers_at_facilities, usable_name
from condor_plugins.core.configuration import read_policy
from condor_plugins.core.host_facts import FileFact, Host

GAHP = "/opt/blahp/glidein_gahp"
FACILITY = {
    "Api": '"sfapi"',
    "Url": '"https://api.nersc.gov/api/v1.2"',
    "TokenUrl": '"https://oidc.nersc.gov/c2id/token"',
    "Machine": '"perlmutter"',
    "Credential": '"key"',
    "Root": '"/pscratch/sd/g/glidein"',
}
ENTRY = {
    "Site": '"NERSC"',
    "GridResource": '"batch nersc"',
    "Facility": '"nersc"',
    "TrustDomain": '"nersc"',
    "Cpus": "8",
    "Memory": "16000",
    "WallTime": "3600",
}
KEY = {
    "Purpose": '"request"',
    "Type": '"sfapi_key"',
    "TrustDomain": '"nersc"',
    "Path": '"/secret/key"',
}
HOST = Host(
    now_s=0,
    trust_domain="example.org",
    gahps={"nersc": GAHP},
    files={GAHP: FileFact("there", mode=0o755, owner="root")},
)


def ad(values: dict[str, str]) -> str:
    return "\n".join(f"{name} = {text}" for name, text in values.items() if text)


def told(host: Host = HOST, name: str = "nersc", **changes: dict[str, str]) -> list[str]:
    """What is said of the facility, its entry and its credential; files apart."""
    knobs = {
        "GLIDEIN_FACILITY_NAMES": name,
        f"GLIDEIN_FACILITY_{name}".upper(): ad(FACILITY | changes.get("facility", {})),
        "GLIDEIN_ENTRY_NAMES": "P",
        "GLIDEIN_ENTRY_P": ad(ENTRY | changes.get("entry", {})),
        "GLIDEIN_GROUP_NAMES": "g",
        "GLIDEIN_GROUP_G": "Jobs = true",
        "GLIDEIN_CREDENTIAL_NAMES": "pool key",
        "GLIDEIN_CREDENTIAL_POOL": 'Purpose = "callback"; TrustDomain = "nersc"; Path = "/pool"',
        "GLIDEIN_CREDENTIAL_KEY": ad(KEY | changes.get("key", {})),
        "GLIDEIN_PILOT_DIR": "/pilot",
        "GLIDEIN_PILOT_LOG_DIR": "/log",
    }
    policy = read_policy(knobs)
    problems = (*policy.problems, *cross_checks(policy, knobs, host))
    unseen = ("PilotDir", "LogDir", "Path")
    found = [one for one in problems if one.attribute not in unseen and "CRON" not in one.knob]
    return [f"{one.severity}: {one}" for one in found]


def test_a_good_facility() -> None:
    assert told() == []


def test_the_token_url_of_nersc_is_known() -> None:
    assert told(facility={"TokenUrl": ""}) == []


def test_capitals_are_no_matter() -> None:
    assert told(name="NERSC") == []
    assert told(entry={"GridResource": '"batch NERSC"', "Facility": ""}) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Url": '"http://api.nersc.gov/v1"'}, "warning: F: Url: http://api.nersc.gov/v1 is not e"),
        ({"Url": '"api.nersc.gov"'}, "error: F: Url: 'api.nersc.gov' is no address: https://host"),
        ({"Url": '"https://[x"'}, "error: F: Url: 'https://[x' is no address"),
        (
            {"TokenUrl": "", "Url": '"https://api-dev.nersc.gov/api/v1.2"'},
            "error: F: TokenUrl: must be given: api-dev.nersc.gov does not take tokens of api.ner",
        ),
        ({"Machine": ""}, "error: F: Machine: must be given for sfapi"),
        ({"Root": ""}, "error: F: Root: is missing: Directory at the facility"),
        ({"Root": '"scratch"'}, "error: F: Root: 'scratch' should be an absolute path"),
        ({"Root": '"/a/../b"'}, "error: F: Root: '/a/../b' should be an absolute path"),
        ({"Root": '"/a b"'}, "error: F: Root: '/a b' should be an absolute path"),
        ({"SiteStore": '"$HOME"'}, "error: F: SiteStore: '$HOME' should be an absolute path"),
        ({"Credential": ""}, "error: F: Credential: is not given: the GLIDEIN_CREDENTIAL_ with Ty"),
        (
            {"Credential": '"kay"'},
            "error: F: Credential: 'kay' is no credential; did you mean key?",
        ),
        ({"Credential": '"pool"'}, 'error: F: Credential: pool has Purpose "callback"; a facility'),
        ({"Api": '"sfaip"'}, "error: F: Api: is 'sfaip'; did you mean sfapi?"),
        (
            {"Api": '"iri"', "TokenUrl": ""},
            'F: Credential: key has Type "sfapi_key"; iri takes "ir',
        ),
        ({"Endpoint": '"x"'}, "warning: F: Endpoint: is not looked at by sfapi"),
        ({"Bulk": "false"}, "warning: F: Bulk: is not looked at by sfapi"),
        ({"Mode": '"batch"'}, "warning: F: Mode: is not looked at by sfapi"),
        ({"Api": '"globus"', "Machine": ""}, "error: F: Endpoint: must be given for globus"),
        ({"SubmitPatience": "300"}, "error: F: SubmitPatience: is 300 s, and HTCondor holds a pil"),
        ({"Grace": "5"}, "error: F: Grace: is 5, should be at least 60 seconds"),
    ],
)
def test_mistakes_in_the_facility(changes: dict[str, str], words: str) -> None:
    found = [line.replace("GLIDEIN_FACILITY_nersc", "F") for line in told(facility=changes)]
    assert any(words in line for line in found), found


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"GridResource": '"batch slurm"'}, 'pilots go to facility nersc by "batch nersc"'),
        ({"GridResource": '"batch nersc me@host"'}, 'pilots go to facility nersc by "batch nersc"'),
        ({"Facility": '"nerc"'}, "Facility: 'nerc' is not in GLIDEIN_FACILITY_NAMES; did you mean"),
        ({"Submit": '[ BatchQueue = "a b" ]'}, "Submit: BatchQueue 'a b' cannot be carried"),
        (
            {"GridResource": '"batch slurm"', "Facility": "", "Submit": '[ BatchQueue = "a`b" ]'},
            "warning: GLIDEIN_ENTRY_P: Submit: BatchQueue 'a`b' cannot be carried",
        ),
    ],
)
def test_mistakes_in_the_entry(changes: dict[str, str], words: str) -> None:
    found = told(entry=changes)
    assert any(words in line for line in found), found


def test_trust_domains_are_equal() -> None:
    found = told(key={"TrustDomain": '"nersk"'})
    text = 'is "nersc", and credential key of facility nersc has "nersk"'
    assert f"error: GLIDEIN_ENTRY_P: TrustDomain: {text}" in found


def test_the_type_of_a_credential_is_known_by_its_nearest_name() -> None:
    (found, *_) = told(key={"Type": '"sfapi-key"'})
    assert found.endswith("Type: is 'sfapi-key'; did you mean sfapi_key?")


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ({"gahps": {}}, "NERSC_GAHP is not set; write NERSC_GAHP = $(GLIDEIN_BLAHP_DIR)/glidein_g"),
        ({"files": {GAHP: FileFact("missing")}}, "is no program that glidein can run"),
        ({"files": {GAHP: FileFact("there", mode=0o644)}}, "is no program that glidein can run"),
        ({"files": {}}, "warning: GLIDEIN_FACILITY_nersc: NERSC_GAHP: this account may not look"),
    ],
)
def test_the_gahp(host: dict[str, Any], words: str) -> None:
    facts = {"gahps": HOST.gahps, "files": HOST.files} | host
    (found,) = told(Host(now_s=0, trust_domain="example.org", **facts))
    assert words in found


def test_the_gahp_is_the_factory_s_matter() -> None:
    elsewhere = Host(now_s=0, trust_domain="example.org")
    assert told(elsewhere, entry={"Factory": '"other"'}) == []


def test_no_offer_goes_to_a_facility() -> None:
    offers = """[
      A = [ GridResource = "batch NERSC" ]; B = [ GridResource = "batch slurm" ]; C = [ ]; D = 3;
      E = [ GridResource = strcat("batch ", "nersc me@host") ]; F = [ GridResource = 1 ];
    ]"""
    found = [*offers_at_facilities({"GLIDEIN_FACILITY_NAMES": "Nersc", "GLIDEIN_OFFERS": offers})]
    assert [(one.severity, one.attribute) for one in found] == [("error", "A"), ("error", "E")]
    assert "A goes to facility Nersc, whose gateway and secret serve GLIDEIN_ACC" in found[0].text
    for nothing in ("", "[ A = ["):
        assert not list(offers_at_facilities({"GLIDEIN_OFFERS": nothing}))


TAKEN = ["batch", "ARC", "ec2", "gce", "azure", "remote", "condor", "blah", "names", "Names"]


@pytest.mark.parametrize("name", [*TAKEN, "slurm", "SFAPI", "condenser", "my_site", "a-b", "ü"])
def test_names_that_are_no_batch_type(name: str) -> None:
    assert usable_name(name)


@pytest.mark.parametrize("name", ["nersc", "NERSC", "alcf2", "4x"])
def test_names_that_are(name: str) -> None:
    assert not usable_name(name)


def test_an_unused_facility() -> None:
    found = told(entry={"Facility": "", "GridResource": '"batch slurm"'})
    assert "warning: GLIDEIN_FACILITY_nersc: no entry has this Facility: it is not used" in found
