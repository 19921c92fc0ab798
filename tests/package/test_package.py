#!/usr/bin/env python3
"""Installs the build into a directory of its own and uses it as another project would: every public header compiles on
its own, find_package finds what was asked for, and the programs of samples/embedding build, run and print what they should.

usage: test_package.py SOURCE_DIR BUILD_DIR CMAKE COMPILER      PIPEC_UPDATE_GOLDEN=1 rewrites the expected output
"""

import concurrent.futures
import difflib
import os
import re
import subprocess
import sys
import tempfile

JOBS = 2


def run(command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=500, check=False, **options)
    return done.returncode, done.stdout, done.stderr


def must(what, command, **options):
    status, out, errors = run(command, **options)
    if status != 0:
        sys.exit(f"{what} failed ({status}):\n{out}\n{errors}")
    return out


def syntax(compiler, include, header):
    done = subprocess.run([compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", include, "-x", "c++", "-"],
                          input=f'#include "{header}"\n', capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stderr


def header_complaints(compiler, include):
    """Each header in a separate translation unit, using only the installed tree."""
    headers = []
    for folder, _, names in os.walk(include):
        headers += [os.path.relpath(os.path.join(folder, name), include) for name in names if name.endswith(".h")]

    def check(header):
        status, errors = syntax(compiler, include, header)
        return f"{header} does not compile on its own:\n{errors}" if status != 0 else None

    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        found = [complaint for complaint in pool.map(check, sorted(headers)) if complaint]
    return len(headers), found


def visible_symbols(library):
    """Symbols of pipec that a shared library would export if it was linked with this static one."""
    listed = must("readelf", ["readelf", "-sW", library])
    fields = (line.split() for line in listed.splitlines())
    return [field[7] for field in fields
            if len(field) > 7 and field[4] != "LOCAL" and field[5] == "DEFAULT" and field[6] != "UND" and field[7].startswith("_ZN5pipec")]


def export_complaints(prefix):
    """The shared library exports exactly the functions that its header declares."""
    library = os.path.join(prefix, "lib", "libpipec.so")
    with open(os.path.join(prefix, "include", "pipec", "c.h"), encoding="utf-8") as header:
        declared = set(re.findall(r"^PIPEC_C_API [^(]*?(\w+)\(", header.read(), re.MULTILINE))
    listed = must("nm", ["nm", "--dynamic", "--defined-only", library])
    exported = {line.split()[2].split("@")[0] for line in listed.splitlines() if line.split()[1] != "A"}
    found = [f"libpipec.so exports {name}" for name in sorted(exported - declared)[:5]]
    found += [f"libpipec.so does not export {name}" for name in sorted(declared - exported)]
    if len(declared) < 15:
        found.append(f"only {len(declared)} functions are declared")
    if "[libpipec.so.1]" not in must("readelf", ["readelf", "-d", library]):
        found.append("the SONAME of libpipec.so is not libpipec.so.1")
    return found


def plain_complaints(prefix, samples, directory):
    """Builds the C sample as a makefile would: strict C99, no CMake, no other package."""
    program = os.path.join(directory, "plain_c")
    library = os.path.join(prefix, "lib")
    must("cc", ["cc", "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-I", os.path.join(prefix, "include"),
                os.path.join(samples, "plain_c.c"), "-L", library, "-lpipec", f"-Wl,-rpath,{library}", "-o", program])
    return complaints_about("plain_c", [program], samples, directory)


def complaints_about(name, command, samples, build):
    found = []
    status, out, errors = run(command, cwd=build)
    path = os.path.join(samples, "expected", name)
    if os.environ.get("PIPEC_UPDATE_GOLDEN") and status == 0:
        with open(path, "w", encoding="utf-8") as expected:
            expected.write(out)
    with open(path, encoding="utf-8") as expected:
        wanted = expected.read()
    if status != 0 or errors:
        found.append(f"{name} ended with {status}: {errors}")
    if out != wanted:
        lines = difflib.unified_diff(wanted.splitlines(), out.splitlines(), f"expected/{name}", "now", lineterm="")
        found.append("\n".join(lines))
    return found


def sample_complaints(samples, build, library):
    found = []
    commands = {name: [os.path.join(build, name)] for name in ("lambdas", "own_function", "own_format", "exactly_once", "plain_c")}
    commands["pipec_ctypes"] = [sys.executable, os.path.join(samples, "pipec_ctypes.py"), library]
    for name, command in commands.items():
        found += complaints_about(name, command, samples, build)
    return len(commands), found


def stateful_complaints(build):
    """The sample with a stage with state, killed again and again: its output is that of an undisturbed run."""
    program = os.path.join(build, "stateful")
    lines = [f"line {i} " + "x" * (i % 97) for i in range(400_000)]
    wanted = "".join(f"{i} {line}\n" for i, line in enumerate(lines, 1))
    kills = 0
    with tempfile.TemporaryDirectory() as directory:
        with open(os.path.join(directory, "in.txt"), "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        for attempt in range(1, 200):
            child = subprocess.Popen([program, directory], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            try:
                out, errors = child.communicate(timeout=0.02 + 0.005 * attempt)
            except subprocess.TimeoutExpired:
                child.kill()
                child.communicate()
                kills += 1
                continue
            if child.returncode != 0:
                return [f"stateful ended with {child.returncode}: {errors}"]
            break
        with open(os.path.join(directory, "out.txt"), encoding="utf-8") as file:
            if file.read() != wanted:
                return [f"stateful: after {kills} kills the output is not that of an undisturbed run"]
    return [] if kills >= 3 else [f"stateful was killed {kills} times only"]


def main():
    source, build, cmake, compiler = sys.argv[1:]
    generator = ["-G", "Ninja", f"-DCMAKE_CXX_COMPILER={compiler}", "-DCMAKE_BUILD_TYPE=Debug"]
    with tempfile.TemporaryDirectory() as directory:
        prefix = os.path.join(directory, "prefix")
        must("cmake --install", [cmake, "--install", build, "--prefix", prefix])
        must("the installed binary", [os.path.join(prefix, "bin", "pipec"), "--version"])

        headers, found = header_complaints(compiler, os.path.join(prefix, "include"))
        if headers < 20:
            found.append(f"only {headers} headers are installed")

        libraries = [os.path.join(folder, name) for folder, _, names in os.walk(os.path.join(prefix, "lib"))
                     for name in names if name.endswith(".a")]
        if len(libraries) < 4:
            found.append(f"only {len(libraries)} libraries are installed")
        for library in libraries:
            for symbol in visible_symbols(library)[:3]:
                found.append(f"{os.path.basename(library)} would be exported: {symbol}")

        found_by = f"-DCMAKE_PREFIX_PATH={prefix}"
        must("find_package", [cmake, "-S", os.path.join(source, "tests/package/consumer"),
                              "-B", os.path.join(directory, "consumer"), found_by, *generator])

        samples = os.path.join(source, "samples/embedding")
        embedding = os.path.join(directory, "embedding")
        must("configuring the samples", [cmake, "-S", samples, "-B", embedding, found_by, *generator])
        must("building the samples", [cmake, "--build", embedding, "-j", str(JOBS)])
        programs, wrong = sample_complaints(samples, embedding, os.path.join(prefix, "lib", "libpipec.so"))
        found += wrong + stateful_complaints(embedding)
        found += export_complaints(prefix) + plain_complaints(prefix, samples, directory)

    for complaint in found:
        print("FAILED " + complaint)
    print(f"cases: {headers + programs + 5 - len(found)} passed, {len(found)} failed")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
