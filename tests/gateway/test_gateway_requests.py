# SPDX-License-Identifier: Apache-2.0
"""A job as HTCondor writes it becomes a request, or is refused with the attribute's name."""

from pathlib import Path

import pytest

import condor_plugins.pool  # noqa: F401 (htcondor2 before classad2)
from condor_plugins.facility.values import Resources
from condor_plugins.gateway.quoting import remaps, split_blahpd, split_v2
from condor_plugins.gateway.requests import from_ad, from_words
from condor_plugins.gateway.values import WrongJob

KEY = "home_bl_pool_ap_7.0_1790000000"


def ad(**attributes: str) -> str:
    """`attributes` are ClassAd text."""
    given = {"Cmd": '"/opt/pilot/glidein.sh"', "Iwd": '"/log"', "JobDirectory": f'"{KEY}"'}
    return (
        "[ " + " ".join(f"{name} = {text};" for name, text in (given | attributes).items()) + " ]"
    )


def test_a_pilot_as_the_gridmanager_hands_it_over() -> None:
    made = from_ad(
        ad(
            Arguments='"ap-7.0 bGluZQ=="',
            Environment="\"A=1 'B=x y' C='it''s' D=\"",
            TransferInput='"/opt/pilot/glidein-ep.tar.gz, token"',
            TransferOutput='"report.json,log/steps"',
            TransferOutputRemaps='"report.json=/data/r\\\\;1.json"',
            In='"/dev/null"',
            Out='"pilot.7.0.out"',
            Err='"/elsewhere/err"',
            Queue='"regular"',
            BatchProject='"m1234"',
            BatchRuntime="3600",
            BatchConstraint='"cpu"',
            BatchReservation='"night"',
            BatchLicenses='"scratch"',
            BatchExtraSubmitArgs='"--exclusive"',
            RequestMemory="4096",
            RequestCpus="8",
            RequestGPUs="4",
            NodeNumber="2",
            gridtype='"nersc"',
            StageCmd="true",
        )
    )
    assert made.key == KEY
    assert made.command == "./glidein.sh"
    assert made.arguments == ("ap-7.0", "bGluZQ==")
    assert made.environment == (("A", "1"), ("B", "x y"), ("C", "it's"), ("D", ""))
    inputs = ("/opt/pilot/glidein.sh", "/opt/pilot/glidein-ep.tar.gz", "/log/token")
    assert made.inputs == inputs
    assert made.outputs == (("report.json", "/data/r;1.json"), ("log/steps", "/log/steps"))
    assert (made.stdin, made.stdout, made.stderr) == ("", "/log/pilot.7.0.out", "/elsewhere/err")
    assert made.resources == Resources(
        queue="regular",
        project="m1234",
        constraint="cpu",
        reservation="night",
        licenses="scratch",
        extra="--exclusive",
        wall_s=3600,
        memory_mb=4096,
        cpus=8,
        gpus=4,
        nodes=2,
    )


def test_what_is_not_asked_for_is_not_there() -> None:
    made = from_ad(ad(RequestMemory="undefined"))
    assert made.resources == Resources()
    assert (made.arguments, made.environment, made.outputs) == ((), (), ())
    assert from_ad(ad(GPUNumber="2")).resources.gpus == 2


def test_a_program_at_the_facility_is_not_carried() -> None:
    made = from_ad(ad(Cmd='"/usr/bin/true"', StageCmd="false"))
    assert (made.command, made.inputs) == ("/usr/bin/true", ())
    with pytest.raises(WrongJob, match="Cmd"):
        from_ad(ad(Cmd='"true"', StageCmd="false"))


def test_the_old_syntax() -> None:
    made = from_ad(ad(Args='"a  b \'c"', Env='"A=1;B=x y"'))
    assert made.arguments == ("a", "b", "'c")
    assert made.environment == (("A", "1"), ("B", "x y"))


SPECIAL = ["", " a  b ", "it's", '"', "\\", "$HOME", "`id`", "*", "ä€", "'", "a'b c'd", "&();|"]


def quoted(words: list[str]) -> str:
    return " ".join("'" + word.replace("'", "''") + "'" for word in words)


def test_special_characters_arrive_as_they_are() -> None:
    text = quoted(SPECIAL).replace("\\", "\\\\").replace('"', '\\"')
    assert from_ad(ad(Arguments=f'"{text}"')).arguments == tuple(SPECIAL)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  ", []),
        ("a b\tc", ["a", "b", "c"]),
        ("''", [""]),
        ("a'b c'd ''''", ["ab cd", "'"]),
        ("x=''y", ["x=y"]),
    ],
)
def test_new_syntax(text: str, words: list[str]) -> None:
    assert split_v2("Arguments", text) == words


def test_what_blahpd_makes_of_it() -> None:
    assert split_blahpd("Arguments", '"a" "b c" "" "d\\"e" "\\(f\\)"') == [
        "a",
        "b c",
        "",
        'd"e',
        "(f)",
    ]
    with pytest.raises(WrongJob, match="Arguments"):
        split_blahpd("Arguments", '"a" b')


def test_remaps_may_hold_signs() -> None:
    assert remaps("a=/x/a; b\\=c=/y\\;z ;junk") == {"a": "/x/a", "b=c": "/y;z"}


WRONG = {
    "Arguments": ['"\'open"', "\"x 'a\\nb'\"", '"a\\033b"'],
    "Environment": ['"novalue"', '"=x"', "\"'A=a\\nb'\"", '"\'A=1"'],
    "Cmd": ['""', "undefined", '"/x\\ny"'],
    "TransferInput": ['"https://x/y"', '"a\\tb"'],
    "TransferOutput": ['"/etc/passwd"', '"../x"', '"a/../../b"', '"."'],
    "RequestMemory": ['"many"', "-5", "1.5", "12345678901"],
    "BatchProject": ['"m1\\n#SBATCH --x"'],
    "JobDirectory": ['"a\\nb"'],
    "x509userproxy": ['"/tmp/proxy"'],
    "WholeNodes": ["true"],
    "GPUModel": ['"a100"'],
}


@pytest.mark.parametrize(
    ("name", "text"), [(name, text) for name, texts in WRONG.items() for text in texts]
)
def test_what_cannot_be_carried_is_refused_by_name(name: str, text: str) -> None:
    with pytest.raises(WrongJob, match=name):
        from_ad(ad(**{name: text}))


@pytest.mark.parametrize("text", ["", "[", "[ Cmd = ]", "nothing", "[ Cmd = error; ]"])
def test_what_is_no_ad_is_refused(text: str) -> None:
    with pytest.raises(WrongJob):
        from_ad(text)


RESOURCES = "Queue BatchProject BatchConstraint BatchReservation BatchLicenses BatchRuntime"
RESOURCES += " BatchExtraSubmitArgs RequestCpus RequestGPUs RequestMemory NodeNumber GPUNumber"


@pytest.mark.parametrize("name", [*RESOURCES.split(), "WholeNodes", "HostNumber"])
@pytest.mark.parametrize("text", ['ifThenElse(MY.Iwd == "/log", 1, 0)', "X", "{ 1 }", "(1)"])
def test_a_resource_is_no_expression(name: str, text: str) -> None:
    """The factory could see another value than the gateway."""
    with pytest.raises(WrongJob, match=f"{name} should be a plain value"):
        from_ad(ad(**{name: text, "X": "1"}))
    with pytest.raises(WrongJob, match="should be a plain value"):
        from_ad(ad(**{name.swapcase(): text, "X": "1"}))


def test_no_gpus_are_not_some() -> None:
    assert from_ad(ad(RequestGPUs="0", GPUNumber="2")).resources.gpus == 0
    assert from_ad(ad(RequestGPUs="undefined", GPUNumber="2")).resources.gpus == 2


def test_paths_need_a_directory() -> None:
    with pytest.raises(WrongJob, match=r"Out = .* no absolute Iwd"):
        from_ad(ad(Iwd='""', Out='"out"'))


def options(tmp_path: Path, *more: str) -> list[str]:
    (tmp_path / "in").write_text("/opt/pilot/ep tar.gz\n/log/token\n")
    (tmp_path / "out").write_text("report.json\nother\n")
    (tmp_path / "map").write_text("/data/r.json\nother\n")
    made = ["-r", "no", "-c", "/opt/pilot/glidein.sh", "-T", "/log", "-I", f"{tmp_path}/in"]
    made += ["-O", f"{tmp_path}/out", "-R", f"{tmp_path}/map", "-i", "/dev/null", "-o", "out"]
    made += ["-e", "err", "-w", "/log", "-q", "regular", "-n", "2", "-z", "no", "-s", "yes"]
    made += ["-D", KEY, "-A", "m1234", "-t", "3600", "-m", "4096"]
    return [*made, *more, "--", '"ap-7.0"', '"x y"']


def test_the_options_of_blahpd(tmp_path: Path) -> None:
    made = from_words(options(tmp_path, "-V", '"A=1" "B=x y"', "-a", "--exclusive"))
    assert made.key == KEY
    assert (made.command, made.arguments) == ("./glidein.sh", ("ap-7.0", "x y"))
    assert made.environment == (("A", "1"), ("B", "x y"))
    assert made.inputs == ("/opt/pilot/glidein.sh", "/opt/pilot/ep tar.gz", "/log/token")
    assert made.outputs == (("report.json", "/data/r.json"), ("other", "/log/other"))
    assert (made.stdin, made.stdout, made.stderr) == ("", "/log/out", "/log/err")
    expected = Resources("regular", "m1234", extra="--exclusive", wall_s=3600, memory_mb=4096)
    assert made.resources == expected._replace(nodes=2)


def test_the_file_of_attributes_has_them_as_the_job_has(tmp_path: Path) -> None:
    path = tmp_path / "attributes"
    path.write_text(
        "Arguments='ap-7.0 '$(id) $HOME' \"x\"'\nEnvironment='A=it''s'\nRequestCpus='8'\n"
        "Queue='\"debug\"'\nBatchConstraint='\"cpu\"'\nRequestGPUs='4'\nnonsense\nCmd=bare\n"
    )
    made = from_words(options(tmp_path, "-C", str(path)))
    assert made.arguments == ("ap-7.0", "$(id) $HOME", '"x"')
    assert made.environment == (("A", "its"),)
    expected = ("debug", "cpu", 8, 4)
    found = made.resources
    assert (found.queue, found.constraint, found.cpus, found.gpus) == expected
    assert made.command == "./glidein.sh"


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    for argv, words in (
        (["-?"], "options"),
        (["-w", "/log"], "Cmd"),
        (["-c", "/x", "-I", f"{tmp_path}/none"], "option -I"),
        (["-c", "/x", "-m", "much"], "RequestMemory"),
    ):
        with pytest.raises(WrongJob, match=words):
            from_words(argv)
