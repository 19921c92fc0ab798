"""The completion scripts: they parse, and bash's completes."""

import shutil
import subprocess
import unittest

from support import Case, main


class TestCompletions(Case):
    def script(self, shell):
        done = self.run_pipec("completions", shell)
        self.assert_status(done, 0)
        return done.stdout

    def complete(self, *words):
        """Bash's completions of the last of these words."""
        self.write("complete.sh", self.script("bash") + b"""
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_pipec
printf '%s\\n' "${COMPREPLY[@]}"
""")
        done = subprocess.run(["bash", "complete.sh", *words], cwd=self.directory, capture_output=True, check=True, text=True)
        self.assertEqual(done.stderr, "")
        return set(done.stdout.split())

    def test_bash(self):
        self.write("bash", self.script("bash"))
        subprocess.run(["bash", "-n", "bash"], cwd=self.directory, check=True)
        self.write("a.pipe", "")
        self.write("a.txt", "")
        self.assertEqual(self.complete("pipec", "fu"), {"functions"})
        self.assertEqual(self.complete("pipec", "run", "--from"), {"--from-start"})
        self.assertEqual(self.complete("pipec", "run", "a"), {"a.pipe"})
        self.assertEqual(self.complete("pipec", "eval", "filter .a", "a.t"), {"a.txt"})
        self.assertEqual(self.complete("pipec", "graph", "--format", "m"), {"mermaid"})
        self.assertEqual(self.complete("pipec", "functions", "uuid_"), {"uuid_v4", "uuid_v7"})

    def check_syntax(self, shell):
        text = self.script(shell)
        self.assertIn(b"from-start", text)
        if not shutil.which(shell):
            self.skipTest(f"{shell} is not installed")
        self.write(shell, text)
        subprocess.run([shell, "-n", shell], cwd=self.directory, check=True)

    def test_zsh_parses(self):
        self.check_syntax("zsh")

    def test_fish_parses(self):
        self.check_syntax("fish")


if __name__ == "__main__":
    main()
