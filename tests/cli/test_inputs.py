"""Which files a run reads, where in them it goes on, and what is said of those that cannot be read."""

import os

from support import Case, main


class TestPaths(Case):
    def records(self, text, **options):
        self.write("p.pipe", text)
        done = self.run_pipec("run", "-q", "p.pipe", **options)
        self.assert_status(done, 0)
        return done.stdout.splitlines()

    def test_two_stars_go_through_directories(self):
        os.makedirs(self.path("x/y/z"))
        for name in ("x/1.log", "x/y/2.log", "x/y/z/3.log"):
            self.write(name, f'"{name}"\n')
        self.assertEqual(
            self.records('recv file("x/**/*.log") | sink stdout()\n'), [b'"x/1.log"', b'"x/y/2.log"', b'"x/y/z/3.log"']
        )

    def test_a_list_of_globs_without_what_is_excluded(self):
        for name in ("a.log", "b.log", "c.txt", "c.log"):
            self.write(name, f'"{name}"\n')
        self.assertEqual(
            self.records('recv file(["c.txt", "{a,b,c}.log"], exclude: "b*") | sink stdout()\n'),
            [b'"c.txt"', b'"a.log"', b'"c.log"'],
        )

    def test_a_glob_in_a_list_that_matches_nothing_is_an_error(self):
        self.write("a.log", "1\n")
        self.write("p.pipe", 'recv file(["a.log", "none/**"]) | sink stdout()\n')
        done = self.run_pipec("run", "-q", "p.pipe")
        self.assert_status(done, 1)
        self.assertIn(b"no file matches none/**", done.stderr)
        self.assertEqual(done.stdout, b"")


if __name__ == "__main__":
    main()
