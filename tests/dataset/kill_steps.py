"""Kills a build at each of its steps in turn, and says what it left each time.

Usage: python kill_steps.py REPOSITORY FOLDER BEFORE AFTER, where BEFORE and AFTER are names of
clips such as ``ab`` and ``abc``; an empty BEFORE begins with no dataset. A step is a rename or a
removal.
Prints one JSON object a line: the step, what could be read after the kill, and whether the same
command then came to the same bytes as a build that nobody disturbed.
"""

import json
import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, sys.argv[1])

from bsd.errors import UserMistake
from dataset.tree import Tree
from tests.dataset.captures import build

FRAMES = 1


def die_at(step):
    """End this process, as a kill does, before the file system's change number `step`."""
    left = [step]

    def counted(function):
        def call(*args, **kwargs):
            left[0] -= 1
            if left[0] < 0:
                os._exit(9)
            return function(*args, **kwargs)

        return call

    for name in ("replace", "unlink", "rmdir"):
        setattr(os, name, counted(getattr(os, name)))


def killed(root, clips, step):
    """Whether the build came to that step at all."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            die_at(step)
            build(root, clips, FRAMES)
            code = 0
        finally:
            os._exit(code)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9), status
    return status == 9


def content(root):
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }


def readable(root):
    try:
        tree = Tree.open(root)
        for sequence in tree.all_sequences():
            for index in range(len(sequence)):
                sequence.read_sharp(index)
                sequence.read_raw("Blur", index)
    except UserMistake as error:
        return str(error)
    return tree.identity


def main():
    folder, before, after = Path(sys.argv[2]), sys.argv[3], sys.argv[4]
    old, new, root = folder / "old", folder / "new", folder / "killed"
    identities = {}
    if before:
        build(old, before, FRAMES)
        identities[Tree.open(old).identity] = "old"
        shutil.copytree(old, new)
    build(new, after, FRAMES)
    identities[Tree.open(new).identity] = "new"
    wanted = content(new)
    step = 0
    while True:
        shutil.rmtree(root, ignore_errors=True)
        if before:
            shutil.copytree(old, root)
        if not killed(root, after, step):
            break
        left = readable(root)
        build(root, after, FRAMES)
        line = {
            "step": step,
            "left": identities.get(left, left),
            "same": content(root) == wanted,
        }
        sys.stdout.write(f"{json.dumps(line)}\n")
        sys.stdout.flush()
        step += 1


main()
