"""Input from the environment and from files of secrets: values, never program text, and no secrets in any output."""

import json
import os
import subprocess

from support import HANG_SECONDS, PIPEC, Case, environment, main

# Whatever could mean something in a program, a string of one or a path.
HOSTILE = ['x" | sink file("evil.ndjson") # ', "${.a}", '"}\nrecv stdin() | sink file("evil.ndjson")\n', "\\", '\\"', "#", "\x7f\t"]
SECRETS = ("Canary-environment", "Canary-file")


class TestEnvironment(Case):
    def run_with(self, *arguments, **variables):
        return subprocess.run([PIPEC, *arguments], cwd=self.directory, timeout=HANG_SECONDS, check=False, env=environment(**variables),
                              stdin=subprocess.DEVNULL, capture_output=True)

    def test_fault_X6_a_variable_is_a_value_whatever_it_holds(self):
        self.write("a.pipe", 'recv file("in.ndjson") | filter .a == env("TEXT") and "${env("TEXT")}" == .a\n'
                   '| transform { .b = env("TEXT") ; .c = "<${env("TEXT")}>" } | sink file("out.ndjson")\n')
        for text in HOSTILE:
            with self.subTest(text):
                self.write("in.ndjson", json.dumps({"a": text}) + '\n{"a":"other"}\n')
                done = self.run_with("run", "-q", "--from-start", "--truncate", "a.pipe", TEXT=text)
                self.assert_status(done, 0)
                out, = [json.loads(line) for line in self.lines("out.ndjson")]
                self.assertEqual(out, {"a": text, "b": text, "c": f"<{text}>"})
        self.assertFalse(os.path.exists(self.path("evil.ndjson")))

    def test_fault_X2_no_command_shows_a_secret(self):
        self.write("key", SECRETS[1] + "\n")
        self.write("a.pipe", 'recv kafka("127.0.0.1:1", "in", "g", properties: {"security.protocol": "sasl_plaintext", '
                   '"sasl.mechanisms": "PLAIN", "sasl.username": "u", "sasl.password": env("SECRET"), "ssl.key.password": secret("key")})\n'
                   '| transform { .same = .a == env("SECRET") } | sink stdout()\n')
        self.write("wrong.pipe", self.read("a.pipe") + b'recv stdin() | filter .a == env("SECRET") + 1 | sink nowhere()\n')
        for command in ("check", "explain", "graph", "fmt"):
            for name in ("a.pipe", "wrong.pipe"):
                done = self.run_with(command, name, SECRET=SECRETS[0])
                self.assertIn(done.returncode, (0, 3), done.stderr)
                for secret in SECRETS:
                    self.assertNotIn(secret.encode(), done.stdout + done.stderr, f"{command} {name}")


if __name__ == "__main__":
    main()
