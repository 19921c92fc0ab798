"""The tests of this project by name, and the numbers with which a name begins.

A bare number is a promise of docs/contract.md; one that follows the word `fault` is a row of docs/faults.md:

  TEST_CASE("F4, fault S5: a packed file ...")
  def test_F4_fault_S5_killed_at_any_call ...
  def fault_k2_members_come_and_go():
      \"\"\"fault K2, K7 two and three processes ...\"\"\"
  \"\"\"F4, fault S1: kill -9 ...\"\"\"          the first line of a script that is one test
"""

import os
import re

# The strings of a title are joined by the compiler: TEST_CASE("G1 pressure is "
#                                                             "the worst ...").
CPP = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
PIECE = re.compile(r'"((?:[^"\\]|\\.)*)"')
METHOD = re.compile(r"^    def (test_\w+)\(", re.MULTILINE)
# Kafka's tests are functions whose docstrings say what they prove; some are created by a function that names them.
FUNCTION = re.compile(r'^def (\w+)\([^)]*\):\n(?:    """([^"\n]*))?', re.MULTILINE)
MADE = re.compile(r'__doc__ = f?"([^"\n]*)')
SCRIPT = re.compile(r'\A(?:#![^\n]*\n)?"""([^\n]*)')
NUMBER = re.compile(r"[A-Z]\d{1,2}")


def numbers(title):
    """The numbers at the start of a title or of its parts. "P5, fault Q1 skipped ...; P6 a stage ..." has ({P5, P6}, {Q1})."""
    promises, faults = [], []
    for part in title.split(";"):
        found = promises
        for word in part.split():
            word = word.rstrip(",:")
            if word == "fault":
                found = faults
            elif NUMBER.fullmatch(word):
                found.append(word)
                found = promises
            else:
                break
    return promises, faults


def cpp_titles(text):
    for strings in CPP.findall(text):
        yield "".join(PIECE.findall(strings))


def python_titles(text):
    """(name, title): the name that it is called by, and the text that begins with its numbers."""
    for name in METHOD.findall(text):
        yield name, name.removeprefix("test_").replace("_", " ")
    for name, title in FUNCTION.findall(text):
        yield name, title
    for title in MADE.findall(text):
        yield None, title
    if script := SCRIPT.match(text):
        yield None, script.group(1)


def names(path):
    """(name or None, title) of each test in a file."""
    with open(path, encoding="utf-8") as source:
        text = source.read()
    if path.endswith(".py"):
        yield from python_titles(text)
    else:
        for title in cpp_titles(text):
            yield title, title


def tests(root):
    """(path, name or None, title) of all tests."""
    for folder, folders, files in os.walk(os.path.join(root, "tests")):
        folders.sort()
        for file in sorted(files):
            path = os.path.join(folder, file)
            if path.endswith((".cpp", ".py")) and os.path.basename(folder) != "docs":
                for name, title in names(path):
                    yield os.path.relpath(path, root), name, title
