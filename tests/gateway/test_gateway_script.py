# SPDX-License-Identifier: Apache-2.0
"""The script of a job, really run by the shells that are here, below a root of its own."""

import base64
import gzip
import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from condor_plugins.facility.values import Facility
from condor_plugins.gateway.script import MOST_INLINE, name_of, place_of, render, word
from condor_plugins.gateway.values import JobRequest, WrongJob
from tests.gateway.fake_backend import facility, request

pytestmark = pytest.mark.programs

SHELLS = [found for name in ("sh", "dash", "bash") if (found := shutil.which(name))]
# Prints what it got, one a line, with an end sign that shows trailing blanks.
PROGRAM = """#!/bin/sh
for argument in "$@"; do printf 'argument %s|\\n' "$argument"; done
env | grep '^E_' | LC_ALL=C sort
cat "in put" 2>/dev/null || :
cat
exit 7
"""
STRANGE = ["", " a  b ", "it's", '"', "\\", "\\n", "$HOME", "`id`", "$(id)", "*", "~", "-n", "%s%%"]
STRANGE += ["a;b|c&d>e<f", "!x", "#no", "{1,2}", "[a]", "=", "ä€𝄞", "ä'\\0101%", "é$(id)`"]


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def site(tmp_path: Path) -> Facility:
    root = tmp_path / "ro ot's"
    (root / "store").mkdir(parents=True)
    return facility(root=str(root))


def program(tmp_path: Path, text: str, name: str = "pro gram.sh") -> str:
    path = tmp_path / name
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def job(path: str, **changes: object) -> JobRequest:
    name = os.path.basename(path)
    return request("home_bl_k", command=f"./{name}", inputs=(path,), **changes)


def start(shell: str, script: str, batch_id: str = "42") -> subprocess.Popen[str]:
    """As a batch system does: INT is not ignored, whoever runs the tests."""
    return subprocess.Popen(
        ["env", "--default-signal=INT", shell, "-c", script],
        env={"PATH": os.environ["PATH"], "SLURM_JOB_ID": batch_id, "HOME": "/nowhere"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(shell: str, script: str, batch_id: str = "42") -> tuple[int, str]:
    done = start(shell, script, batch_id)
    out, _ = done.communicate(timeout=20)
    return done.returncode, out


def test_arguments_environment_and_file_names_arrive_as_they_are(
    shell: str, site: Facility, tmp_path: Path
) -> None:
    (tmp_path / "in put").write_text("an input\n")
    (tmp_path / "-ä'\"$(id) x").write_bytes(bytes(range(256)))
    (tmp_path / "stdin").write_text("from stdin\n")
    wanted = job(
        program(tmp_path, PROGRAM),
        arguments=tuple(STRANGE),
        environment=tuple((f"E_{number:02}", text) for number, text in enumerate(STRANGE)),
        stdin=str(tmp_path / "stdin"),
    )
    more = (str(tmp_path / "in put"), str(tmp_path / "-ä'\"$(id) x"))
    made = render(wanted._replace(inputs=wanted.inputs + more), site, "gl-1", {})
    assert made.script.isascii()
    assert run(shell, made.script) == (7, "")
    place = place_of(site, "gl-1")
    expected = [f"argument {text}|" for text in STRANGE]
    expected += [f"E_{number:02}={text}" for number, text in enumerate(STRANGE)]
    out = Path(place.control, "out").read_text("utf-8")
    assert out == "\n".join([*expected, "an input", "from stdin", ""])
    assert Path(place.directory, "-ä'\"$(id) x").read_bytes() == bytes(range(256))
    assert Path(place.control, "rc").read_text() == "7\n"
    files = [path for path in Path(place.directory).rglob("*") if not path.is_symlink()]
    assert len(files) > 5
    assert {path.stat().st_mode & 0o077 for path in files} == {0}


@pytest.mark.parametrize("text", ["a\nb", "a\0b", "\x1b[0m", "\x7f"])
def test_control_characters_are_refused(text: str, site: Facility, tmp_path: Path) -> None:
    path = program(tmp_path, PROGRAM)
    with pytest.raises(WrongJob, match="control character"):
        word(text)
    with pytest.raises(WrongJob, match="control character"):
        render(job(path, environment=(("A", text),)), site, "gl-1", {})


@pytest.mark.parametrize("name", ["", "A B", "1A", "A-B", "A;id", "UID"])
def test_what_can_be_no_variable_is_refused(name: str, site: Facility, tmp_path: Path) -> None:
    with pytest.raises(WrongJob, match="Environment"):
        render(job(program(tmp_path, PROGRAM), environment=((name, "1"),)), site, "gl-1", {})


SHELLS_OWN = "RANDOM SRANDOM SECONDS LINENO OPTIND OPTARG HISTCMD BASHPID EPOCHSECONDS"
SHELLS_OWN += " EPOCHREALTIME GROUPS DIRSTACK FUNCNAME COMP_CWORD COMP_WORDBREAKS BASH_ENV"
SHELLS_OWN += " BASH_ARGV0 BASH_SUBSHELL BASHOPTS SHELLOPTS EUID UID PPID IFS PS4 ENV"
OTHERS = "PATH HOME LANG SHELL PWD OLDPWD TMPDIR HISTSIZE HISTFILESIZE FUNCNEST OPTERR MAILCHECK"
OTHERS += " TMOUT COLUMNS LINES IGNOREEOF PS1 PS2 PROMPT_COMMAND CDPATH SHLVL random BASHX GLIDEIN"


@pytest.mark.parametrize("name", SHELLS_OWN.split())
def test_what_a_shell_treats_specially_is_refused(
    name: str, site: Facility, tmp_path: Path
) -> None:
    with pytest.raises(WrongJob, match=f"'{name}'"):
        render(job(program(tmp_path, PROGRAM), environment=((name, "1"),)), site, "gl-1", {})


def test_no_variable_runs_anything(shell: str, site: Facility, tmp_path: Path) -> None:
    """bash calculates what is assigned to RANDOM and its like, and so runs what is in there."""
    touched = tmp_path / "touched"
    path = program(tmp_path, "#!/bin/sh\nexit 3\n")
    given = []
    for name in (SHELLS_OWN + " " + OTHERS).split():
        one = (name, f"dir[$(touch {touched})]")
        try:
            render(job(path, environment=(one,)), site, "gl-1", {})
        except WrongJob:
            continue
        given.append(one)
    assert [name for name, _ in given] == OTHERS.split()
    script = render(job(path, environment=tuple(given)), site, "gl-1", {}).script
    run(shell, script)
    assert Path(place_of(site, "gl-1").control, "rc").read_text() == "3\n"
    assert not touched.exists()


def test_a_second_copy_ends_and_says_why(shell: str, site: Facility, tmp_path: Path) -> None:
    counting = '#!/bin/sh\necho once >>"$0".runs; exit 3\n'
    script = render(job(program(tmp_path, counting, "count")), site, "gl-1", {}).script
    assert run(shell, script, "42") == (3, "")
    code, said = run(shell, script, "43")
    assert code == 0
    assert "run as 42; this copy, 43, ends" in said
    place = place_of(site, "gl-1")
    assert Path(place.directory, "count.runs").read_text() == "once\n"
    assert Path(place.control, "batch-id").read_text() == "42\n"
    assert Path(place.control, "rc").read_text() == "3\n"


def test_copies_that_start_at_once_run_once(shell: str, site: Facility, tmp_path: Path) -> None:
    script = render(job(program(tmp_path, "#!/bin/sh\nexit 3\n", "count")), site, "gl-1", {}).script
    copies = [start(shell, script, str(number)) for number in range(8)]
    for copy in copies:
        copy.communicate(timeout=20)
    assert sorted(copy.returncode for copy in copies) == [0] * 7 + [3]


def test_a_requeued_job_goes_on(shell: str, site: Facility, tmp_path: Path) -> None:
    counting = '#!/bin/sh\necho once >>"$0".runs\nexit 3\n'
    script = render(job(program(tmp_path, counting, "count")), site, "gl-1", {}).script
    assert [run(shell, script)[0] for _ in range(2)] == [3, 3]


def test_a_job_that_is_over_starts_no_more(shell: str, site: Facility, tmp_path: Path) -> None:
    script = render(job(program(tmp_path, PROGRAM)), site, "gl-1", {}).script
    Path(site.root, "jobs").mkdir()
    Path(place_of(site, "gl-1").over).touch()
    code, said = run(shell, script)
    assert (code, "is over" in said) == (0, True)
    assert not Path(place_of(site, "gl-1").directory).exists()


def test_a_worker_of_many_jobs_has_no_number_of_its_own(site: Facility, tmp_path: Path) -> None:
    task = site._replace(api="globus", options={"Mode": "task"})
    script = render(job(program(tmp_path, "#!/bin/sh\nexit 3\n", "x")), task, "gl-1", {}).script
    assert [run(SHELLS[0], script)[0] for _ in range(2)] == [3, 0]


def stored(site: Facility, content: bytes, chunk: int = 1000) -> str:
    """Chunks in the store, as staging leaves them."""
    digest = hashlib.sha256(content).hexdigest()
    for number, at in enumerate(range(0, len(content), chunk)):
        part = Path(site.root, "store", f"{digest}.part.{number:03}")
        part.write_bytes(content[at : at + chunk])
    return digest


def with_large(tmp_path: Path, content: bytes) -> JobRequest:
    (tmp_path / "lar ge").write_bytes(content)
    wanted = job(program(tmp_path, "#!/bin/sh\nsha256sum 'lar ge'\n", "sum"))
    return wanted._replace(inputs=(*wanted.inputs, str(tmp_path / "lar ge")))


CONTENT = os.urandom(12_345)


def test_chunks_become_the_file_once_for_all_jobs(
    shell: str, site: Facility, tmp_path: Path
) -> None:
    wanted, digest = with_large(tmp_path, CONTENT), stored(site, CONTENT)
    scripts = [
        render(wanted, site, f"gl-{number}", {str(tmp_path / "lar ge"): digest}).script
        for number in range(6)
    ]
    assert all(len(script) < 8000 for script in scripts)
    jobs = [start(shell, script, str(number)) for number, script in enumerate(scripts)]
    said = [one.communicate(timeout=20)[0] for one in jobs]
    assert [one.returncode for one in jobs] == [0] * 6, said
    for number in range(6):
        out = Path(place_of(site, f"gl-{number}").control, "out").read_text()
        assert out.startswith(digest)
    assert os.listdir(Path(site.root, "store")) == [digest]


@pytest.mark.parametrize("damage", ["changed", "missing", "all-missing", "whole-changed"])
def test_what_is_damaged_in_the_store_goes_away_and_is_said(
    damage: str, shell: str, site: Facility, tmp_path: Path
) -> None:
    wanted, digest = with_large(tmp_path, CONTENT), stored(site, CONTENT)
    part = Path(site.root, "store", f"{digest}.part.003")
    if damage == "changed":
        part.write_bytes(b"\0" + part.read_bytes()[1:])
    elif damage == "missing":
        part.unlink()
    else:
        for one in Path(site.root, "store").iterdir():
            one.unlink()
    if damage == "whole-changed":
        Path(site.root, "store", digest).write_bytes(CONTENT[:-1])
    script = render(wanted, site, "gl-1", {str(tmp_path / "lar ge"): digest}).script
    code, said = run(shell, script)
    assert code == 76
    assert digest in said and said.count("\n") == 1
    control = Path(place_of(site, "gl-1").control)
    assert digest in (control / "error").read_text()
    assert not (control / "rc").exists()
    assert os.listdir(Path(site.root, "store")) == []


def test_a_store_of_the_sites_own_has_files_by_name(
    shell: str, site: Facility, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    own.mkdir()
    (own / "lar ge").write_bytes(CONTENT)
    wanted = with_large(tmp_path, CONTENT)
    digest = hashlib.sha256(CONTENT).hexdigest()
    there = site._replace(site_store=str(own))
    script = render(wanted, there, "gl-1", {str(tmp_path / "lar ge"): digest}).script
    assert run(shell, script) == (0, "")
    (own / "lar ge").write_bytes(b"another")
    script = render(wanted, there, "gl-2", {str(tmp_path / "lar ge"): digest}).script
    assert run(shell, script)[0] == 76
    assert (own / "lar ge").exists(), "what is not ours stays"


PATIENT = """#!/bin/sh
trap 'echo got {name}; exit 9' {name}
echo ready
while :; do sleep 0.05; done
"""


@pytest.mark.parametrize(
    ("sent", "got"), [("TERM", "TERM"), ("INT", "TERM"), ("HUP", "HUP"), ("USR1", "USR1")]
)
def test_signals_reach_the_command_and_its_exit_code_is_kept(
    sent: str, got: str, shell: str, site: Facility, tmp_path: Path
) -> None:
    script = render(job(program(tmp_path, PATIENT.format(name=got), "p")), site, "gl-1", {}).script
    batch = start(shell, script)
    out = Path(place_of(site, "gl-1").control, "out")
    wait_for_text(out, "ready")
    batch.send_signal(getattr(signal, f"SIG{sent}"))
    assert batch.wait(timeout=20) == 9
    batch.communicate()
    assert out.read_text() == f"ready\ngot {got}\n"
    assert (out.parent / "rc").read_text() == "9\n"


def test_many_signals_change_no_exit_code(shell: str, site: Facility, tmp_path: Path) -> None:
    text = "#!/bin/sh\ntrap : USR1\necho ready\nn=0\n"
    text += "while [ $n -lt 20 ]; do sleep 0.02; n=$((n + 1)); done\nexit 11\n"
    script = render(job(program(tmp_path, text, "p")), site, "gl-1", {}).script
    batch = start(shell, script)
    wait_for_text(Path(place_of(site, "gl-1").control, "out"), "ready")
    while batch.poll() is None:
        batch.send_signal(signal.SIGUSR1)
        time.sleep(0.03)  # bash 5.2 loses count when they come every 3 ms, as none does
    batch.communicate()
    assert batch.returncode == 11


def wait_for_text(path: Path, text: str) -> None:
    end = time.monotonic() + 10
    while not path.exists() or text not in path.read_text():
        assert time.monotonic() < end, f"no {text!r} in {path}"
        time.sleep(0.01)


def test_stderr_is_a_file_of_its_own_or_goes_with_stdout(
    shell: str, site: Facility, tmp_path: Path
) -> None:
    path = program(tmp_path, "#!/bin/sh\necho one\necho two >&2\necho three\n", "p")
    apart = render(job(path, stdout="/x/out", stderr="/x/err"), site, "gl-1", {}).script
    both = render(job(path, stdout="/x/out", stderr="/x/out"), site, "gl-2", {}).script
    assert [run(shell, script)[0] for script in (apart, both)] == [0, 0]
    assert Path(place_of(site, "gl-1").control, "err").read_text() == "two\n"
    assert Path(place_of(site, "gl-1").control, "out").read_text() == "one\nthree\n"
    assert Path(place_of(site, "gl-2").control, "out").read_text() == "one\ntwo\nthree\n"


def test_a_program_that_is_not_there_is_said(shell: str, site: Facility) -> None:
    script = render(request("k", command="/no/such"), site, "gl-1", {}).script
    assert run(shell, script)[0] == 127
    assert "/no/such" in Path(place_of(site, "gl-1").control, "err").read_text()


def test_a_root_that_cannot_be_written_is_said(shell: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    script = render(request("k"), facility(root=f"{tmp_path}/file"), "gl-1", {}).script
    code, said = run(shell, script)
    assert (code, "cannot make" in said) == (75, True)


def test_what_cannot_go_inside_is_refused(site: Facility, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (MOST_INLINE + 1))
    small = tmp_path / "small"
    small.touch()
    for inputs, words in (
        ((str(large),), "256 KiB"),
        ((str(tmp_path),), "not a file"),
        ((f"{tmp_path}/none",), "No such file"),
        ((str(small), f"{tmp_path}/./small"), "two files"),
    ):
        with pytest.raises(WrongJob, match=words):
            render(request("k", inputs=inputs), site, "gl-1", {})


def test_names_are_the_same_each_time_and_differ_by_attempt() -> None:
    first = name_of("home_bl_pool_1.0", 1)
    assert first == name_of("home_bl_pool_1.0", 1)
    assert len({first, name_of("home_bl_pool_1.0", 2), name_of("home_bl_pool_1.1", 1)}) == 3
    assert name_of("home_bl_pool_1.0", 2) == f"{first}-2"


LAUNCHER = Path(__file__).parents[2] / "glidein" / "glidein.sh"


def test_the_pilots_launcher_finds_its_files(shell: str, site: Facility, tmp_path: Path) -> None:
    """It checks them all, and says 12 because the archive, made for this, holds no steps."""
    archive = gzip.compress(bytes(10_240))
    lines = "".join(
        f"{hashlib.sha256(archive).hexdigest()}  {name}\n"
        for name in ("glidein-steps.tar.gz", "glidein-ep.tar.gz")
    )
    (tmp_path / "glidein-manifest.txt").write_text(lines)
    (tmp_path / "glidein-steps.tar.gz").write_bytes(archive)
    (tmp_path / "glidein-ep.tar.gz").write_bytes(archive)
    facts = f"ManifestSha256\t{hashlib.sha256(lines.encode()).hexdigest()}\nDiskMB\t1\n"
    names = ("glidein-manifest.txt", "glidein-steps.tar.gz", "glidein-ep.tar.gz")
    wanted = job(
        str(LAUNCHER),
        arguments=("ap-1.0", base64.b64encode(facts.encode()).decode()),
        environment=(("PATH", os.environ["PATH"]), ("GLIDEIN_WORK_BASE", str(tmp_path))),
    )
    wanted = wanted._replace(inputs=(*wanted.inputs, *(str(tmp_path / name) for name in names)))
    digest = stored(site, archive)
    there = {str(tmp_path / name): digest for name in names[1:]}
    code, said = run(shell, render(wanted, site, "gl-1", there).script)
    out = Path(place_of(site, "gl-1").control, "out").read_text()
    assert code == 12, (said, out)
    assert "holds no lib/walk.sh" in out
