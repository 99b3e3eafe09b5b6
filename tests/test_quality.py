# SPDX-License-Identifier: Apache-2.0
"""The house rules, held by tools and by counting; a tool that is missing is a failure."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
LICENCE = "SPDX-License-Identifier: Apache-2.0"
# What cannot carry a comment, and answers of real daemons kept as they came.
NO_LICENCE = re.compile(r"LICENSE|.*\.json|.*/recorded/.*|.*\.(ad|ads|golden|png|svg)|py\.typed")
# A place on somebody's machine (alice and bob are accounts of the testbed), a note to oneself.
MACHINE = re.compile(
    r"(?<![\w.$}/])/(?:(?:home|Users)/(?!alice\b|bob\b|carol\b)\w|(?:root|work|workspace|builds?)/\w)"
)
NOTE = re.compile(r"\b(?:TODO|FIXME|XXX|HACK)\b")
MOST_LINES = {"function": 50, "module": 250, "test": 400, "shell": 120}


def files() -> list[Path]:
    """Every file of the project, committed or about to be."""
    argv = ["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"]
    done = subprocess.run(
        [*argv, "--exclude-standard"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    found = sorted(ROOT / name for name in done.stdout.split("\0") if name)
    return [path for path in found if path.is_file()]


def text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def begins(path: Path) -> str:
    return text_of(path).partition("\n")[0]


def is_python(path: Path) -> bool:
    return path.suffix == ".py" or (begins(path).startswith("#!") and "python" in begins(path))


def is_shell(path: Path) -> bool:
    return path.suffix == ".sh" or re.match(r"#!\s*/bin/sh\b", begins(path)) is not None


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def check(*argv: str) -> None:
    """A tool of this environment finds nothing."""
    done = subprocess.run(argv, capture_output=True, text=True, check=False, cwd=ROOT, timeout=55)
    assert done.returncode == 0, f"{' '.join(argv[:4])} …\n{done.stdout}{done.stderr}"


def test_ruff_finds_nothing() -> None:
    check(sys.executable, "-m", "ruff", "check", ".")


def test_everything_is_formatted() -> None:
    check(sys.executable, "-m", "ruff", "format", "--check", ".")


def test_types_are_right() -> None:
    check(sys.executable, "-m", "mypy")


def test_imports_go_one_way() -> None:
    check(str(BIN / "lint-imports"), "--no-cache")


def test_shellcheck_finds_nothing() -> None:
    scripts = [named(path) for path in files() if is_shell(path)]
    assert scripts
    check(str(BIN / "shellcheck"), *scripts)


def test_every_file_says_its_licence_once() -> None:
    wrong = []
    for path in files():
        head = text_of(path).splitlines()[:5]
        if not NO_LICENCE.fullmatch(named(path)) and sum(LICENCE in line for line in head) != 1:
            wrong.append(named(path))
    assert wrong == []


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Name and number of lines of every function."""
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{named(path)}: {node.name}", (node.end_lineno or 0) - node.lineno + 1


def test_no_function_is_long() -> None:
    found = [one for path in files() if is_python(path) for one in functions(path)]
    assert len(found) > 100
    assert [one for one in found if one[1] > MOST_LINES["function"]] == []


def most_lines(path: Path) -> int:
    if is_shell(path):
        return MOST_LINES["shell"]
    return MOST_LINES["test" if named(path).startswith("tests/") else "module"]


def test_no_file_is_long() -> None:
    """The table of knobs is data: a row of it is no line to read before the next."""
    code = [path for path in files() if is_python(path) or is_shell(path)]
    sizes = {named(path): len(text_of(path).splitlines()) for path in code}
    most = {named(path): most_lines(path) for path in code}
    sizes.pop("condor_plugins/core/table.py")
    assert {name: size for name, size in sizes.items() if size > most[name]} == {}


@pytest.mark.parametrize(("what", "pattern"), [("path of a machine", MACHINE), ("note", NOTE)])
def test_nothing_private_is_left_in(what: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{named(path)}:{number}: {line.strip()}"
        for path in files()
        if path != Path(__file__).resolve()
        for number, line in enumerate(text_of(path).splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == [], what


def test_shell_scripts_stop_at_errors_and_evaluate_no_text() -> None:
    """What is run says `set -eu`; a file that others source takes theirs."""
    wrong = []
    for path in (path for path in files() if is_shell(path)):
        text = text_of(path)
        runs = begins(path).startswith("#!")
        if (runs and not re.search(r"^set -eu$", text, re.M)) or re.search(
            r"^\s*eval\b", text, re.M
        ):
            wrong.append(named(path))
    assert wrong == []
