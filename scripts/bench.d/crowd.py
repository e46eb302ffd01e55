#!/usr/bin/env python3
"""Fills the deferred queue of a host: `crowd.py COUNT`. Copies of one message that waits there already, and of the reason why
(defer(5)): a queue id is the name of a file, and postqueue looks at no more of it than the envelope. qmgr(8) tries them in a
year."""

import os
import shutil
import sys
import time

SPOOL = "/var/spool/postfix"


def found(queue):
    return [os.path.join(top, name) for top, _, names in os.walk(f"{SPOOL}/{queue}") for name in names]


for _ in range(200):
    if found("deferred") and found("defer"):
        break
    time.sleep(0.1)
first, next_year = found("deferred")[0], time.time() + 366 * 86400
reason = next(path for path in found("defer") if os.path.basename(path) == os.path.basename(first))
for number in range(int(sys.argv[1])):
    name = f"{number:05X}"[::-1] + "ABCDE"  # a directory for each first letter
    for queue, original in ("deferred", first), ("defer", reason):
        owner, path = os.stat(original), f"{SPOOL}/{queue}/{name[0]}/{name}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.chown(os.path.dirname(path), owner.st_uid, 0)
        shutil.copy2(original, path)
        os.chown(path, owner.st_uid, owner.st_gid)
    os.utime(f"{SPOOL}/deferred/{name[0]}/{name}", (next_year, next_year))
