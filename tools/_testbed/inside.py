# SPDX-License-Identifier: Apache-2.0
"""Run commands inside the hosts, as a person logged in there would."""

from collections.abc import Mapping
from dataclasses import dataclass

from _testbed.command import Done, StepFailed
from _testbed.engine import Engine
from _testbed.places import HOMES, host_named

# How the provisioner becomes the account glidein: it runs as condor and shows this token.
AS_PROVISIONER = {
    "_CONDOR_SEC_CLIENT_AUTHENTICATION_METHODS": "IDTOKENS",
    "_CONDOR_SEC_TOKEN_DIRECTORY": "/etc/condor/glidein-tokens.d",
}


@dataclass(frozen=True)
class Testbed:
    """The running hosts."""

    __test__ = False  # pytest: the name begins with Test, but this is none
    engine: Engine

    def run(
        self,
        host: str,
        *words: str,
        user: str = "root",
        timeout_s: float = 30,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Done:  # fmt: skip
        """How `words` ended on `host`, run in the home of `user`."""
        argv = self.exec_words(host, user, env or {})
        return self.engine.ask(*argv, *words, timeout_s=timeout_s, stdin=stdin)

    def tell(
        self,
        host: str,
        *words: str,
        user: str = "root",
        timeout_s: float = 30,
        stdin: str = "",
    ) -> str:  # fmt: skip
        """What the command prints; StepFailed where it did not end with 0."""
        done = self.run(host, *words, user=user, timeout_s=timeout_s, stdin=stdin)
        if not done.ok:
            raise StepFailed(f"on {host} as {user}: {' '.join(words)[:200]}: {done.why()}")
        return done.out

    def exec_words(self, host: str, user: str, env: Mapping[str, str]) -> list[str]:
        home = HOMES.get(user, "/")
        argv = ["exec", "--interactive", "--user", user, "--workdir", home]
        for name, value in {"HOME": home, "USER": user, **env}.items():
            argv += ["--env", f"{name}={value}"]
        return [*argv, host_named(host).container]

    def write_file(self, host: str, path: str, text: str, user: str = "root") -> None:
        """Put `text` to `path` at once: written beside it, then renamed."""
        script = 'cat >"$1.new" && mv "$1.new" "$1"'
        self.tell(host, "sh", "-c", script, "sh", path, user=user, stdin=text)

    def is_running(self, host: str) -> bool:
        container = host_named(host).container
        done = self.engine.ask("inspect", "--format", "{{.State.Running}}", container)
        return done.out.strip() == "true"
