"""./pipec and ./test in the root, with fakes for the package manager, the compiler's driver and sudo."""

import os
import shutil
import subprocess
import sys
import unittest

from support import HANG_SECONDS, Case, main

ROOT = sys.argv.pop(1)

# Each says on the log what it was called with.
STANDINS = {
    "dpkg-query": """for name; do case $name in -*|'$'*) continue ;; esac
  case " $MISSING " in *" $name "*) ;; *) echo "installed $name" ;; esac
done""",
    "apt-get": 'echo "apt-get $*" >> "$LOG"; exit "${APT_STATUS:-0}"',
    "sudo": 'echo "sudo $*" >> "$LOG"; exec "$@"',
    "id": 'echo "${UID_SHOWN:-0}"',
    "cmake": """echo "cmake $*" >> "$LOG"
[ "${CMAKE_STATUS:-0}" = 0 ] || exit 1
mkdir -p build/release/compiler/pipec
touch build/release/build.ninja
printf '#!/bin/sh\\necho "pipec in $PWD: $*"\\n' > build/release/compiler/pipec/pipec
chmod +x build/release/compiler/pipec/pipec
echo built""",
}


class TestWrapper(Case):
    def setUp(self):
        super().setUp()
        self.root = self.path("checkout")
        for folder in ("dsl", "runtime", "graph", "stdlib", "compiler", "cmake", "bin"):
            os.makedirs(os.path.join(self.root, folder))
        shutil.copy(os.path.join(ROOT, "pipec"), self.root)
        for name in ("packages.txt", "bootstrap.sh"):
            shutil.copy(os.path.join(ROOT, "cmake", name), os.path.join(self.root, "cmake"))
        for name in ("CMakeLists.txt", "CMakePresets.json"):
            open(os.path.join(self.root, name), "w").close()
        for name, text in STANDINS.items():
            path = os.path.join(self.root, "bin", name)
            with open(path, "w", encoding="utf-8") as file:
                file.write("#!/bin/sh\n" + text + "\n")
            os.chmod(path, 0o755)
        self.log = self.path("log")

    def environment(self, **variables):
        return dict(os.environ, PATH=os.path.join(self.root, "bin") + ":/usr/bin:/bin", LOG=self.log, MISSING="", **variables)

    def call(self, *arguments, program=None, status=0, **variables):
        environment = {**self.environment(), **variables}
        done = subprocess.run([program or os.path.join(self.root, "pipec"), *arguments], cwd=self.directory,
                              env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def logged(self):
        if not os.path.exists(self.log):
            return []
        with open(self.log, encoding="utf-8") as file:
            lines = file.read().splitlines()
        os.remove(self.log)
        return lines

    def test_the_first_call_builds_and_the_next_ones_do_not(self):
        first = self.call("run", "a b.pipe")
        self.assertEqual(first.stdout, f"pipec in {self.directory}: run a b.pipe\n")
        self.assertIn("built", first.stderr)
        self.assertEqual(self.logged(), ["cmake --preset release", "cmake --build --preset release --target pipec"])
        second = self.call("--version")
        self.assertEqual(second.stdout, f"pipec in {self.directory}: --version\n")
        self.assertEqual(second.stderr, "")
        self.assertEqual(self.logged(), [])

    def test_a_newer_source_is_built_and_once(self):
        self.call()
        self.logged()
        with open(os.path.join(self.root, "dsl", "new.cpp"), "w", encoding="utf-8"):
            pass
        self.call()
        self.assertEqual(self.logged(), ["cmake --build --preset release --target pipec"])
        self.call()
        self.assertEqual(self.logged(), [])

    def test_it_may_be_called_through_links(self):
        os.symlink(os.path.join(self.root, "pipec"), self.path("absolute"))
        os.mkdir(self.path("links"))
        os.symlink("../absolute", self.path("links/relative"))
        done = self.call("x", program="links/relative")
        self.assertEqual(done.stdout, f"pipec in {self.directory}: x\n")

    def test_only_missing_packages_are_asked_for(self):
        done = self.call(MISSING="libre2-dev g++ catch2")
        self.assertEqual(self.logged()[0].split("install ")[1], "-y --no-install-recommends g++ libre2-dev")
        self.assertIn("g++ libre2-dev", done.stderr)

    def test_lists_are_fetched_when_apt_cannot_do_without(self):
        self.call(MISSING="g++", APT_STATUS="1", status=1)
        actions = [line.split("Timeout=300 ")[1].split()[0] for line in self.logged()]
        self.assertEqual(actions, ["install", "update"])

    def test_sudo_is_used_if_it_is_installed(self):
        self.call(MISSING="g++", UID_SHOWN="1000")
        self.assertTrue(self.logged()[0].startswith("sudo env DEBIAN_FRONTEND=noninteractive apt-get"))

    def test_without_root_and_sudo_the_command_is_printed(self):
        os.remove(os.path.join(self.root, "bin", "sudo"))
        if shutil.which("sudo", path="/usr/bin:/bin"):
            self.skipTest("there is a sudo on this machine that cannot be hidden")
        done = self.call(MISSING="g++ cmake", UID_SHOWN="1000", status=1)
        self.assertIn("apt-get install --no-install-recommends g++ cmake", done.stderr)
        self.assertEqual(self.logged(), [])

    def test_a_build_that_fails_is_tried_again(self):
        done = self.call(status=1, CMAKE_STATUS="1")
        self.assertIn("the build failed", done.stderr)
        self.assertEqual(done.stdout, "")
        self.call()

    def test_first_calls_at_once_build_once(self):
        calls = [subprocess.Popen([os.path.join(self.root, "pipec"), str(n)], cwd=self.directory, env=self.environment(),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for n in range(4)]
        for number, process in enumerate(calls):
            out, err = process.communicate(timeout=HANG_SECONDS)
            self.assertEqual((process.returncode, out), (0, f"pipec in {self.directory}: {number}\n"), err)
        self.assertEqual(len([line for line in self.logged() if "--build" in line]), 1)


class TestPackages(unittest.TestCase):
    def test_the_list_names_a_kind_and_a_package(self):
        with open(os.path.join(ROOT, "cmake", "packages.txt"), encoding="utf-8") as file:
            lines = [line.split() for line in file if line.strip() and not line.startswith("#")]
        self.assertTrue(all(len(line) == 2 and line[0] in ("build", "test", "kafka", "ci") for line in lines))
        names = [name for _, name in lines]
        self.assertEqual(len(names), len(set(names)))

    def test_the_test_command_explains_itself(self):
        done = subprocess.run([os.path.join(ROOT, "test"), "--help"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0)
        self.assertIn("--update", done.stdout)
        done = subprocess.run([os.path.join(ROOT, "test"), "--nonsense"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2)


if __name__ == "__main__":
    main()
