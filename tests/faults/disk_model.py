"""What a disk may hold after a power loss, from a trace of the system calls that a program made.

A Disk applies the calls one after another and keeps two versions of everything: what the program sees, and what is durable. A file's
bytes become durable with fsync or fdatasync of it, the names in a directory with fsync of that directory, and nothing else does: file
systems keep more, POSIX promises no more. states() lists what a restart may find.
"""

import os
import re

CALLS = ("openat,openat2,open,creat,write,pwrite64,pwritev,pwritev2,writev,ftruncate,truncate,fallocate,fsync,fdatasync,rename,renameat,"
         "renameat2,link,linkat,unlink,unlinkat,rmdir,mkdir,mkdirat")
LINE = re.compile(r"^(\d+) +(.*)$")
CALL = re.compile(r"^(\w+)\((.*)\) += (-?\d+)")
UNFINISHED = re.compile(r"^(\w+)\((.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^<\.\.\. (\w+) resumed>(.*)$")
FD_PATH = re.compile(r"^\w+<((?:\\x[0-9a-f]{2})*)>$")
PIECE = re.compile(r'iov_base="((?:\\x[0-9a-f]{2})*)"')


def strace(output):
    """The command that makes such a trace."""
    return ["strace", "-f", "-qq", "-y", "-xx", "-s", "100000000", "-e", "trace=" + CALLS, "-o", output]


def decoded(text):
    return bytes.fromhex(text.replace("\\x", ""))


def split_arguments(text):
    """At the commas outside of brackets; strings are hexadecimal and hold none."""
    found, depth, begin = [], 0, 0
    for at, char in enumerate(text):
        if char in "[{<":
            depth += 1
        elif char in "]}>":
            depth -= 1
        elif char == "," and depth == 0:
            found.append(text[begin:at].strip())
            begin = at + 1
    return found + [text[begin:].strip()]


class File:
    def __init__(self, content=b""):
        self.content = self.durable = content


class Directory:
    def __init__(self):
        self.names, self.durable = {}, {}


class Disk:
    """A tree of files and directories; paths are absolute, those outside of `root` are not its business."""

    def __init__(self, root):
        self.root = root
        self.top = Directory()
        self.load(self.top, root)

    def load(self, directory, path):
        """Files that exist before the program starts are durable."""
        for entry in os.scandir(path):
            if entry.is_dir():
                node = Directory()
                self.load(node, entry.path)
            else:
                with open(entry.path, "rb") as file:
                    node = File(file.read())
            directory.names[entry.name] = directory.durable[entry.name] = node

    def find(self, path):
        node = self.top
        for name in os.path.relpath(path, self.root).split("/"):
            if name != ".":
                node = node.names.get(name) if isinstance(node, Directory) else None
        return node

    def parent(self, path):
        return self.find(os.path.dirname(path)), os.path.basename(path)

    def inside(self, path):
        return path is not None and (path == self.root or path.startswith(self.root + "/"))

    def apply(self, trace):
        """Applies the trace's lines; yields the call's name after each that changed something."""
        begun, synced = {}, {}
        for line in trace:
            thread, text = LINE.match(line.rstrip("\n")).groups()
            if unfinished := UNFINISHED.match(text):
                begun[thread] = f"{unfinished.group(1)}({unfinished.group(2)}"
                if unfinished.group(1) in ("fsync", "fdatasync"):  # writes after this point may be missing
                    synced[thread] = self.snapshot(self.path_of(unfinished.group(2)))
                continue
            if resumed := RESUMED.match(text):
                if thread not in begun:
                    continue  # its beginning is none of the trace's
                text = begun.pop(thread) + resumed.group(2)
            call = CALL.match(text)
            if not call or int(call.group(3)) < 0:
                continue  # a signal, an exit, a call that failed
            name, arguments, result = call.group(1), split_arguments(call.group(2)), int(call.group(3))
            if self.carry_out(name, arguments, result, synced.pop(thread, None)):
                yield name

    def snapshot(self, path):
        node = self.find(path) if self.inside(path) else None
        return None if node is None else dict(node.names) if isinstance(node, Directory) else node.content

    @staticmethod
    def path_of(descriptor):
        match = FD_PATH.match(descriptor)
        return os.fsdecode(decoded(match.group(1))) if match else None

    def path_at(self, directory, name):
        name = os.fsdecode(decoded(name.strip('"')))
        return os.path.normpath(os.path.join(self.path_of(directory) or self.root, name))

    def carry_out(self, name, arguments, result, synced):
        if name in ("openat", "openat2"):
            path = self.path_at(arguments[0], arguments[1])
            return self.inside(path) and self.open(path, arguments[2])
        if name in ("mkdirat", "unlinkat"):
            return self.change_name(name, self.path_at(arguments[0], arguments[1]))
        if name in ("mkdir", "unlink", "rmdir"):
            return self.change_name(name, self.path_at("", arguments[0]))
        if name in ("renameat", "renameat2", "linkat"):
            return self.move(name, self.path_at(*arguments[0:2]), self.path_at(*arguments[2:4]))
        path = self.path_of(arguments[0])
        if not self.inside(path):
            return False
        node = self.find(path)
        if name in ("fsync", "fdatasync"):
            if isinstance(node, Directory):
                node.durable = dict(node.names) if synced is None else synced
            elif node:
                node.durable = node.content if synced is None else synced
        elif name == "ftruncate":
            size = int(arguments[1])
            node.content = node.content[:size].ljust(size, b"\0")
        elif name == "fallocate":
            if "KEEP_SIZE" not in arguments[1]:
                raise ValueError("fallocate that changes the size is not modelled")
            return False
        elif name in ("pwritev", "pwrite64", "write"):
            data = b"".join(decoded(piece) for piece in PIECE.findall(arguments[1])) if name == "pwritev" else decoded(arguments[1].strip('"'))
            at = len(node.content) if name == "write" else int(arguments[3])  # write: only into files that grow
            content = node.content.ljust(at, b"\0")
            node.content = content[:at] + data[:result] + content[at + result:]
        else:
            raise ValueError(f"{name} is not modelled")
        return True

    def open(self, path, flags):
        node = self.find(path)
        if node is None and "O_CREAT" in flags:
            parent, last = self.parent(path)
            parent.names[last] = File()
            return True
        if isinstance(node, File) and "O_TRUNC" in flags:
            node.content = b""
            return True
        return False

    def change_name(self, name, path):
        if not self.inside(path):
            return False
        parent, last = self.parent(path)
        if name.startswith("mkdir"):
            parent.names[last] = Directory()
        else:
            del parent.names[last]
        return True

    def move(self, name, old, new):
        if not self.inside(old):
            return False
        (source, source_name), (target, target_name) = self.parent(old), self.parent(new)
        target.names[target_name] = source.names[source_name] if name == "linkat" else source.names.pop(source_name)
        return True

    def directories(self, node, path):
        """(path, directory) of all there are, as seen or as durable."""
        yield path, node
        for name, child in {**node.durable, **node.names}.items():
            if isinstance(child, Directory):
                yield from self.directories(child, os.path.join(path, name))

    def states(self):
        """What a power loss may leave now: (which, [(path, file or None for a directory, content)...]).

        Names that are not durable are all there, all gone, or gone in one directory alone; bytes that are not durable are all there, all
        gone, or there in part.
        """
        unsynced = {id(each): path for path, each in self.directories(self.top, ".") if each.names != each.durable}
        for lost in [set(), set(unsynced), *({each} for each in unsynced)]:
            where = "no names" if not lost else "names in " + ", ".join(sorted(unsynced[each] for each in lost))
            for bytes_lost, content in (("no", lambda file: file.content), ("unsynced", lambda file: file.durable), ("some", torn)):
                yield f"{where} and {bytes_lost} bytes lost", list(self.tree(self.top, self.root, lost, content))

    def tree(self, directory, path, lost, content):
        for name, node in (directory.durable if id(directory) in lost else directory.names).items():
            below = os.path.join(path, name)
            if isinstance(node, Directory):
                yield below, None, b""
                yield from self.tree(node, below, lost, content)
            else:
                yield below, node, content(node)


def torn(file):
    """Half of what is not durable is on the disk; the length is."""
    if file.content.startswith(file.durable):
        half = len(file.durable) + (len(file.content) - len(file.durable)) // 2
        return file.content[:half].ljust(len(file.content), b"\0")
    return file.content
