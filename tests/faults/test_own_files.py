"""A pipeline never reads its own output, and a path built from a record's values does no harm."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from support import PIPEC, main


class OwnFiles(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="pipec-own-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def reasons(self, name):
        """The dead letters: the record's k to the reason."""
        letters = [json.loads(line) for line in self.read(name).splitlines()]
        return {json.loads(letter["original"])["k"]: letter["reason"] for letter in letters}

    def pipec(self, *arguments, status=0, **options):
        # A pipeline that reads what it writes fills the disk otherwise.
        command = ["prlimit", "--fsize=16777216", PIPEC, *arguments]
        ran = subprocess.run(command, cwd=self.directory, stdin=options.pop("stdin", subprocess.DEVNULL),
                             stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE, text=True, timeout=120,
                             check=False)
        self.assertEqual(ran.returncode, status, ran.stderr)
        return ran.stderr

    def run_text(self, text, *options, status=0):
        self.write("p.pipe", text)
        return self.pipec("run", "p.pipe", *options, status=status)


class Reading(OwnFiles):
    def test_F11_a_glob_leaves_out_outputs_dead_letters_text_and_state(self):
        self.write("a.ndjson", '{"n":1}\n{"n":\n')
        text = 'dlq file("dead.ndjson")\nrecv file("*") | parse json | sink file("out.ndjson")\n'
        for there in ((), ("dead.ndjson", "out.ndjson"), ("dead.ndjson", "out.ndjson")):  # the first run makes them
            said = self.run_text(text)
            warnings = [line for line in said.splitlines() if line.startswith("warning: ")]
            self.assertEqual(len(warnings), 1, said)
            for name in (*there, "p.pipe"):
                self.assertIn(name, warnings[0])
        self.assertEqual(self.read("out.ndjson"), '{"n":1}\n')
        self.assertEqual(self.read("dead.ndjson").count("\n"), 1)
        # Its state, in a place that a glob matches.
        said = self.run_text('recv file("**") | sink null()\n'.replace("**", ".pipec/*/*"), status=1)
        self.assertIn("matches only files that this pipeline", said)

    def test_F11_a_file_that_a_template_could_name_is_an_output(self):
        self.write("in/a.ndjson", '{"k":"x"}\n')
        self.write("in/b.ndjson", '{"k":"y"}\n')
        os.symlink("in", self.path("link"))
        text = 'dlq file("dead")\nrecv file("link/*.ndjson") | sink file("in/out-${.k}.ndjson")\n'
        self.run_text(text)
        said = self.run_text(text)
        self.assertIn("out-x.ndjson", said)
        self.assertEqual(self.read("in/out-x.ndjson"), '{"k":"x"}\n')
        self.assertEqual(sorted(os.listdir(self.path("in"))), ["a.ndjson", "b.ndjson", "out-x.ndjson", "out-y.ndjson"])

    def test_F11_a_glob_that_matches_nothing_but_outputs_is_an_error_that_says_what_to_do(self):
        self.write("a.ndjson", '{"k":"x"}\n')
        said = self.run_text('dlq discard\nrecv file("*.ndjson") | sink file("${.k}.ndjson")\n', status=1)
        self.assertIn("a separate directory", said)
        self.assertEqual(sorted(os.listdir(self.directory)), [".pipec", "a.ndjson", "p.pipe"])

    def test_F11_one_file_by_two_names_does_not_compile(self):
        self.write("a", "{}\n")
        os.link(self.path("a"), self.path("hard"))
        os.symlink("a", self.path("soft"))
        for name in ("a", "./a", "hard", "soft"):
            with self.subTest(name):
                said = self.run_text(f'recv file("a") | sink file("{name}")\n', status=3)
                self.assertIn("error[E0409]", said)
        said = self.run_text('let input = recv file("in")\ninput | sink file("soft")\ninput | sink file("hard")\n', status=3)
        self.assertIn("error[E0405]", said)
        self.assertIn("'soft' and 'hard' are the same file", said)
        self.assertEqual(self.read("a"), "{}\n")

    def test_F11_eval_does_not_write_into_its_input(self):
        self.write("x", '{"n":1}\n')
        for arguments, files in ((["x"], {}), ([], {"stdin": "x"})):
            with self.subTest(arguments), open(self.path("x"), "a", encoding="utf-8") as out:
                if files:
                    files = {"stdin": open(self.path("x"), encoding="utf-8")}
                    self.addCleanup(files["stdin"].close)
                self.assertIn("the output goes to", self.pipec("eval", "filter true", *arguments, status=2, stdout=out, **files))
        self.assertIn("E0409", self.pipec("eval", 'filter true | sink file("./x")', "x", status=3))
        self.assertEqual(self.read("x"), '{"n":1}\n')

    def test_F11_a_run_does_not_write_its_stdout_into_its_input(self):
        self.write("x", '{"n":1}\n')
        self.write("p.pipe", 'recv file("x") | sink stdout()\n')
        with open(self.path("x"), "a", encoding="utf-8") as out:
            self.assertIn("E0409", self.pipec("run", "p.pipe", status=3, stdout=out))
        self.assertEqual(self.read("x"), '{"n":1}\n')


class Writing(OwnFiles):
    def records(self, *keys):
        self.write("in", "".join(json.dumps({"k": key}) + "\n" for key in keys))

    def test_F14_a_path_that_leads_through_a_file_or_is_a_directory_is_a_dead_letter(self):
        text = 'dlq file("dead")\nrecv file("in") | sink file("out/${.k}")\n'
        self.records("a", "a/b", "d/e", "d", "c")
        self.run_text(text)
        self.assertEqual(self.reasons("dead"), {
            "a/b": "the path leads through something that is not a directory", "d": "the path is a directory"})
        self.assertEqual(self.read("out/a") + self.read("out/d/e") + self.read("out/c"),
                         '{"k": "a"}\n{"k": "d/e"}\n{"k": "c"}\n')
        # And no later run is in trouble.
        self.records("a/b", "a")
        self.run_text(text, "--from-start")
        self.assertEqual(self.read("out/a"), '{"k": "a"}\n' * 2)

    def test_F14_records_cannot_write_files_that_the_pipeline_needs(self):
        text = ('dlq file("dead")\nrecv file("in") | route {\n'
                '  .k == "mine" -> sink file("other/file")\n'
                '  else -> sink file("${.k}")\n}\n')
        os.mkdir(self.path("other"))
        self.records("mine", "in", "p.pipe", ".pipec/p/checkpoint", ".pipec/new", "dead", "other/file", "hard", "ok")
        os.link(self.path("in"), self.path("hard"))
        before = self.read("in")
        for _ in range(2):
            self.run_text(text, "--from-start")
        self.assertEqual(self.reasons("dead"), {
            "in": "the path names a file that this pipeline reads",
            "hard": "the path names a file that this pipeline reads",
            "p.pipe": "the path names the text of this pipeline",
            ".pipec/p/checkpoint": "the path leads into the pipeline's state directory",
            ".pipec/new": "the path leads into the pipeline's state directory",
            "dead": "the path names the file of the dead letters",
            "other/file": "the path names the file of another sink"})
        self.assertEqual(self.read("in"), before)
        self.assertEqual(self.read("p.pipe"), text)
        self.assertEqual(self.read("other/file"), '{"k": "mine"}\n' * 2)
        self.assertEqual(self.read("ok"), '{"k": "ok"}\n' * 2)

    def test_F14_two_templates_that_name_one_file_the_second_record_is_a_dead_letter(self):
        text = ('dlq file("dead")\nlet all = recv file("in")\n'
                'all | filter .k == "x" | sink file("out/${.k}")\n'
                'all | filter .k == "out/x" | sink file("${.k}")\n')
        self.records("x", "out/x")
        self.run_text(text)
        written = self.read("out/x").splitlines()
        letters = self.reasons("dead")
        self.assertEqual(len(written) + len(letters), 2)
        self.assertEqual(set(letters.values()), {"the path names the file of another sink"})

    def test_F14_an_own_state_directory_is_as_safe(self):
        text = 'dlq file("dead")\nrecv file("in") | sink file("${.k}")\n'
        self.records("s/p/x", "s/lock", "s/mine")
        self.run_text(text, "--state-dir", "s")
        self.assertEqual(set(self.reasons("dead")), {"s/p/x", "s/lock"})
        self.assertEqual(self.read("s/mine"), '{"k": "s/mine"}\n')


if __name__ == "__main__":
    unittest.TestCase.maxDiff = 3000
    main()
