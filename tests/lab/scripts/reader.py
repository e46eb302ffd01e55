#!/usr/bin/python3
"""A user of the host who wants the password: `reader.py UID MARKER-FILE STOP-FILE DIRECTORY…`.

As that user opens every file below the directories, again and again until STOP-FILE is there, and looks for the marker
in what it can read. Finds are lines `READ …`; the last line counts what was looked at."""

import os
import sys

uid, marker, stop, *tops = sys.argv[1:]
marker = open(marker, "rb").read().strip()
os.nice(5)  # the commands that it watches go first
os.setgroups([])
os.setgid(int(uid))
os.setuid(int(uid))
print("READY", flush=True)
rounds, opened, refused, found = 0, 0, set(), set()


def walk(directory):
    try:
        entries = list(os.scandir(directory))
    except OSError:
        refused.add(directory)
        return
    for entry in entries:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path)
            elif entry.is_file(follow_symlinks=False):
                yield entry.path
        except OSError:
            pass


over = False
while not over:
    over = os.path.exists(stop)  # and one round more
    rounds += 1
    for top in tops:
        for path in walk(top):
            try:
                with open(path, "rb") as file:
                    opened += 1
                    if marker in file.read() and path not in found:
                        found.add(path)
                        print("READ", path, flush=True)
            except OSError:
                refused.add(path)
print("LOOKED rounds", rounds, "opened", opened, "refused", len(refused))
