"""Help, usage errors, exit statuses, and the commands that print."""

import json
import os
import subprocess
import unittest

from support import PIPEC, Case, environment, main

COMMANDS = ["run", "eval", "check", "fmt", "explain", "graph", "functions", "completions"]
GOOD = 'recv file("in.ndjson") | filter .n > 1 | sink file("out.ndjson")\n'
BAD = 'recv file("in.ndjson") | filter .n > | sink file("out.ndjson")\n'


class TestHelp(Case):
    def test_help_names_every_command_and_shows_a_pipeline(self):
        done = self.run_pipec("--help")
        self.assert_status(done, 0)
        self.assertEqual(done.stderr, b"")
        for command in COMMANDS:
            self.assertIn(command.encode(), done.stdout)
        self.assertIn(b"recv file(", done.stdout)

    def test_each_command_has_help_with_an_example(self):
        for command in COMMANDS:
            done = self.run_pipec(command, "--help")
            self.assert_status(done, 0)
            self.assertIn(b"Examples:\n  ", done.stdout, command)
            self.assertIn(b"pipec " + command.encode(), done.stdout)

    def test_version(self):
        done = self.run_pipec("--version")
        self.assert_status(done, 0)
        self.assertRegex(done.stdout, rb"^pipec \d+\.\d+\.\d+\n$")


class TestWrongUsage(Case):
    def wrong(self, *arguments):
        done = self.run_pipec(*arguments)
        self.assert_status(done, 2)
        self.assertEqual(done.stdout, b"")
        return done.stderr

    def test_pipec_alone_prints_the_short_help(self):
        said = self.wrong()
        self.assertTrue(said.startswith(b"Usage: pipec COMMAND"), said)
        self.assertIn(b"`pipec --help`", said)
        for command in COMMANDS:
            self.assertRegex(said, rb"(?m)^  " + command.encode() + b" +[A-Z]")
        self.assertLess(said.count(b"\n"), 25)

    def test_unknown_command_is_answered_with_the_likely_one(self):
        self.assertIn(b"there is no command 'rnu'; did you mean 'run'?", self.wrong("rnu", "a.pipe"))

    def test_a_forgotten_run_is_reported(self):
        self.assertIn(b"did you mean 'pipec run a.pipe'?", self.wrong("a.pipe"))

    def test_unknown_option_is_answered_with_the_likely_one(self):
        self.assertIn(b"did you mean '--from-start'?", self.wrong("run", "a.pipe", "--form-start"))

    def test_values_out_of_range(self):
        self.wrong("run", "a.pipe", "--threads", "0")
        self.wrong("run", "a.pipe", "--deadline", "soon")
        self.wrong("graph", "a.pipe", "--format", "png")
        self.wrong("completions", "tcsh")

    def test_truncate_alone_is_refused(self):
        self.assertIn(b"--from-start", self.wrong("run", "a.pipe", "--truncate"))

    def test_unknown_function(self):
        self.assertIn(b"did you mean 'upper'?", self.wrong("functions", "uper"))

    def test_a_file_that_is_not_there(self):
        for command in ("run", "check", "fmt", "explain", "graph"):
            self.assertIn(b"cannot read nope.pipe: No such file or directory", self.wrong(command, "nope.pipe"))

    def test_a_directory_is_not_a_program(self):
        os.mkdir(self.path("folder.pipe"))
        self.assertIn(b"Is a directory", self.wrong("check", "folder.pipe"))


class TestCheck(Case):
    def test_a_good_file_is_silent(self):
        self.write("good.pipe", "dlq discard\n" + GOOD)
        done = self.run_pipec("check", "good.pipe")
        self.assert_status(done, 0)
        self.assertEqual((done.stdout, done.stderr), (b"", b""))

    def test_every_error_of_every_file_is_shown(self):
        self.write("one.pipe", BAD)
        self.write("two.pipe", BAD)
        done = self.run_pipec("check", "one.pipe", "nope.pipe", "two.pipe")
        self.assert_status(done, 3)
        for text in (b"one.pipe:1:", b"two.pipe:1:", b"nope.pipe"):
            self.assertIn(text, done.stderr)

    def test_json_is_for_editors_and_on_stdout(self):
        self.write("bad.pipe", BAD)
        done = self.run_pipec("check", "--format", "json", "bad.pipe")
        self.assert_status(done, 3)
        self.assertEqual(done.stderr, b"")
        diagnostics = json.loads(done.stdout)
        self.assertEqual(diagnostics[0]["severity"], "error")
        self.assertEqual(diagnostics[0]["file"], "bad.pipe")
        self.assertEqual(diagnostics[0]["start"]["line"], 1)

    def test_json_of_a_good_file_is_an_empty_array(self):
        self.write("good.pipe", "dlq discard\n" + GOOD)
        done = self.run_pipec("check", "--format", "json", "good.pipe")
        self.assert_status(done, 0)
        self.assertEqual(json.loads(done.stdout), [])

    def test_an_empty_file_holds_no_flow(self):
        self.write("empty.pipe", "")
        self.assert_status(self.run_pipec("check", "empty.pipe"), 3)
        self.assert_status(self.run_pipec("run", "empty.pipe"), 3)

    def test_colour_is_for_terminals(self):
        self.write("bad.pipe", BAD)
        self.assertNotIn(b"\x1b", self.run_pipec("check", "bad.pipe").stderr)
        for variables, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
            ours, theirs = os.openpty()
            subprocess.run([PIPEC, "check", "bad.pipe"], cwd=self.directory, stderr=theirs, check=False,
                           env={**environment(), **variables})
            os.close(theirs)
            text = b""
            try:
                while chunk := os.read(ours, 65536):
                    text += chunk
            except OSError:
                pass  # the other end is closed, and all was read
            os.close(ours)
            self.assertEqual(b"\x1b[" in text, coloured, variables)


class TestFmt(Case):
    UGLY = 'recv   file( "in.ndjson" )|filter .n>1\n# kept\n|sink file("out.ndjson")'

    def test_in_place_and_idempotent(self):
        self.write("a.pipe", self.UGLY)
        os.chmod(self.path("a.pipe"), 0o640)
        self.assert_status(self.run_pipec("fmt", "a.pipe"), 0)
        once = self.read("a.pipe")
        self.assertNotEqual(once.decode(), self.UGLY)
        self.assertIn(b"# kept", once)
        self.assertEqual(os.stat(self.path("a.pipe")).st_mode & 0o777, 0o640)
        self.assertEqual(os.listdir(self.directory), ["a.pipe"])
        self.assert_status(self.run_pipec("fmt", "a.pipe"), 0)
        self.assertEqual(self.read("a.pipe"), once)
        self.assert_status(self.run_pipec("fmt", "--check", "a.pipe"), 0)

    def test_check_names_the_files_to_change_and_changes_nothing(self):
        self.write("a.pipe", self.UGLY)
        done = self.run_pipec("fmt", "--check", "a.pipe")
        self.assert_status(done, 1)
        self.assertEqual(done.stdout, b"a.pipe\n")
        self.assertEqual(self.read("a.pipe").decode(), self.UGLY)

    def test_a_link_stays_a_link(self):
        self.write("real.pipe", self.UGLY)
        os.symlink("real.pipe", self.path("link.pipe"))
        self.assert_status(self.run_pipec("fmt", "link.pipe"), 0)
        self.assertTrue(os.path.islink(self.path("link.pipe")))
        self.assertNotEqual(self.read("real.pipe").decode(), self.UGLY)

    def test_stdin_to_stdout(self):
        done = self.run_pipec("fmt", "-", stdin=self.UGLY.encode())
        self.assert_status(done, 0)
        self.assertTrue(done.stdout.startswith(b'recv file("in.ndjson")'))

    def test_a_file_that_does_not_parse_is_left_unchanged(self):
        self.write("bad.pipe", BAD)
        self.assert_status(self.run_pipec("fmt", "bad.pipe"), 3)
        self.assertEqual(self.read("bad.pipe").decode(), BAD)


class TestPrinting(Case):
    def test_functions(self):
        listed = self.run_pipec("functions")
        self.assert_status(listed, 0)
        self.assertIn(b"upper(", listed.stdout)
        one = self.run_pipec("functions", "upper")
        self.assert_status(one, 0)
        self.assertRegex(one.stdout, rb"^upper\(\w+: string\) -> string\n  .+\n\n  upper\(")

    def test_functions_answers_for_families_words_of_the_language_and_of_other_tools(self):
        for name, parts in {
            "strings": (b"upper(s)", b"pad_end("),
            "route": (b"route { CONDITION -> STAGES", b"a stage"),
            "emit": (b"a statement of transform",),
            "matches": (b"an operator",),
            "dlq": (b"dlq \"why\"",),
            "gsub": (b"'gsub' in an expression: write 'replace_re(", b"replace_re(s: string"),
            "select": (b"filter CONDITION", b"'select' as a stage: write 'filter .a > 1'"),
            "head": (b"The first n records",),
            "coalesce": (b"a ?? b",),
            "filter": (b"filter(a: array", b"filter CONDITION"),
        }.items():
            done = self.run_pipec("functions", name)
            self.assert_status(done, 0)
            for part in parts:
                self.assertIn(part, done.stdout, name)

    def test_a_connector_shows_its_options(self):
        done = self.run_pipec("functions", "file")
        self.assert_status(done, 0)
        self.assertIn(b"recv file(path", done.stdout)
        self.assertIn(b"sink file(", done.stdout)

    def test_explain_and_graph(self):
        self.write("good.pipe", GOOD)
        explained = self.run_pipec("explain", "good.pipe")
        self.assert_status(explained, 0)
        self.assertIn(b"filter", explained.stdout)
        dot = self.run_pipec("graph", "good.pipe")
        self.assert_status(dot, 0)
        self.assertTrue(dot.stdout.startswith(b"digraph"), dot.stdout)
        mermaid = self.run_pipec("graph", "good.pipe", "--format", "mermaid")
        self.assert_status(mermaid, 0)
        self.assertTrue(mermaid.stdout.startswith((b"flowchart", b"graph")), mermaid.stdout)

    def test_svg_is_drawn_by_graphviz_or_the_message_says_what_is_missing(self):
        self.write("good.pipe", GOOD)
        done = subprocess.run([PIPEC, "graph", "good.pipe", "--format", "svg"], cwd=self.directory,
                              env=environment(PATH="/nowhere"), capture_output=True, check=False)
        self.assert_status(done, 1)
        self.assertIn(b"apt-get install graphviz", done.stderr)
        # A fake Graphviz prints its input.
        os.mkdir(self.path("bin"))
        self.write("bin/dot", '#!/bin/sh\necho "args $*"\nexec cat\n')
        os.chmod(self.path("bin/dot"), 0o755)
        done = subprocess.run([PIPEC, "graph", "good.pipe", "--format", "svg"], cwd=self.directory,
                              env=environment(PATH=self.path("bin") + ":/usr/bin:/bin"), capture_output=True, check=False)
        self.assert_status(done, 0)
        self.assertTrue(done.stdout.startswith(b"args -Tsvg\ndigraph"), done.stdout)

    def test_a_full_disk_is_an_error(self):
        with open("/dev/full", "wb") as full:
            done = self.run_pipec("functions", capture_output=False, stdout=full, stderr=subprocess.PIPE)
        self.assert_status(done, 1)
        self.assertIn(b"No space left on device", done.stderr)


if __name__ == "__main__":
    main()
