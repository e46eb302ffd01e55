#!/usr/bin/env python3
"""What a relay has confirmed stays in force, also if nothing more can be written: `proved.py COMMAND HOW` inside a host of
the lab. COMMAND is `apply`, `repair` or `pending`.

HOW is `errors`: each system call that comes after the relay's word fails for want of room; or `full`: the state directory is
on a small file system that is filled as soon as the message is handed over, with every number of free pages from none to
enough. The new files must be in force after it, mail must arrive, what could not be recorded must be said, and the next
commands must find their way. The last line says how many there were; any line that begins with `BAD` is a failure."""

import os
import shutil
import sys

import loops
import world
from world import ANSWERS, STATE, complain, run, write

SAID = "said: 250"
MAIL = "/usr/bin/mail"
UNRECORDED = ["could not be recorded", "/pending/", "/pending`"]


class Apply(loops.Repair):
    command = ["relayhost", "apply", "--answers", ANSWERS["new"]]


def after_the_word(calls):
    """The calls from the first that writes the proof on. Their numbers are certain but for openat: how often the queue is
    looked at depends on the relay's pace."""
    renamed = [n for n, call in enumerate(calls) if "rename" in call.name and "/proof.json" in call.line][0]
    made = [n for n, call in enumerate(calls[:renamed]) if f'"{STATE}/.relayhost-' in call.line and "O_CREAT" in call.line][-1]
    return [call for call in calls[made:] if call.name in world.FAILING and call.name not in ("openat", "write")]


def judge(what, host, result):
    """Whether the relay had confirmed it: else it was hit too early, and this is not about it."""
    if SAID not in result.stdout + result.stderr:
        return False
    said = any(words in " ".join((result.stdout + result.stderr).split()) for words in UNRECORDED)
    if host.state() != "new":
        complain(f"{what}: {host.state()}", result)
    if result.returncode != 0 and not (result.returncode == 1 and "/pending" in result.stderr):
        complain(f"{what}: exit status", result)
    proved = os.path.exists(f"{STATE}/proof.json") and not os.path.exists(f"{STATE}/journal.json")
    if not proved and not said:
        complain(f"{what}: nobody was told that it is not recorded", result)
    return True


def errors(host, loop):
    loop.start()
    tried = 0
    for call in after_the_word(loop.traced()):
        what = f"ENOSPC at {call}"
        loop.start()
        result = run(["strace"] + call.inject("error=ENOSPC").split() + loop.command)
        tried += judge(what, host, result)
        loop.settle(what, tried, result)
    return tried


def full(host, loop):
    shutil.copytree(STATE, "/root/copy", symlinks=True)
    size = int(run(["du", "-sk", STATE]).stdout.split()[0]) + 2048
    run(["mount", "-t", "tmpfs", "-o", f"size={size}k,mode=700", "tmpfs", STATE], check=True)
    run(["cp", "-a", "/root/copy/.", STATE], check=True)
    mail = os.path.realpath(MAIL)
    shutil.copy2(mail, "/root/mail")
    tried = pages = good = 0
    while good < 2:
        what = f"{pages} free pages"
        loop.start()
        # As soon as the message is handed over, and before anything is noted of it.
        write("/root/wrapper", f"""#!/usr/bin/python3
import os, subprocess, sys
code = subprocess.run(["/root/mail"] + sys.argv[1:]).returncode
room = os.statvfs("{STATE}").f_bavail * os.statvfs("{STATE}").f_frsize
with open("{STATE}/filler", "wb") as file:
    os.posix_fallocate(file.fileno(), 0, room - {pages} * 4096)
sys.exit(code)
""", 0o755)
        os.replace("/root/wrapper", mail)
        result = run(loop.command)
        if not judge(what, host, result):
            complain(f"{what}: the relay did not take the message", result)
        good += "could not" not in result.stdout + result.stderr and result.returncode == 0
        # The disk is still full: whoever looks may complain of that, and undoes nothing.
        look = run(["relayhost", "check", "--answers", ANSWERS["new"]])
        if host.state() != "new" or look.returncode not in (0, 1, 3):
            complain(f"{what}: {host.state()} after check", look)
        os.remove(f"{STATE}/filler")
        shutil.copy2("/root/mail", mail)
        loop.settle(what, pages, result)
        tried += 1
        pages += 1
        assert pages < 100
    return tried


def main():
    command, how = sys.argv[1:3]
    host = world.Host()
    loop = {"apply": Apply, "repair": loops.Repair, "pending": loops.Pending}[command](host)
    tried = {"errors": errors, "full": full}[how](host, loop)
    print(f"proved: {tried} {how} in {command}, {world.bad} bad")
    sys.exit(world.bad != 0)


main()
