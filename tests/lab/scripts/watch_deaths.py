#!/usr/bin/env python3
"""Kills `relayhost watch` at each system call of a kind that changes something, by name and number, first where nothing is noted
yet, and then where the events are on the disk and nobody was told. After each death a whole look follows: each way must have
been told the event at least once, and all of them the same id and number. Prints a line `deaths: N killed`."""

import json
import os
import re
import shutil
import subprocess
import time
from collections import Counter

STATE, KEPT = "/var/lib/relayhost", "/root/kept"
HOOKS, COMMANDS, RESULTS = "/root/hooks", "/root/commands", "/root/results"
WATCH = ["relayhost", "watch", "--open-after", "0s"]
CALLS = ["pwrite64", "rename", "renameat", "renameat2", "fsync", "fdatasync", "write", "writev", "sendto", "sendmsg", "connect", "unlink",
         "unlinkat", "fchmod", "fchown", "flock", "mkdir", "ftruncate"]
MOST = 12  # of one kind


def run(words, **more):
    return subprocess.run(words, capture_output=True, text=True, timeout=120, **more)


def shell(text):
    done = run(["bash", "-c", f". /lab/tests/lab/lib.sh; . /lab/tests/lab/scripts/watch.sh; {text}"])
    assert done.returncode == 0, done
    return done


def record():
    """The newer record of the two slots."""
    slots = [slot for slot in open(f"{STATE}/watch.slots").read().split("relayhost-watch-1 ") if slot.strip("\0")]
    newest = max(slots, key=lambda slot: int(slot.split()[0]))
    # Behind it there may be the end of a longer one.
    return json.JSONDecoder().raw_decode(newest.split("\n", 1)[1].lstrip())[0]


def keep():
    shutil.rmtree(KEPT, ignore_errors=True)
    shutil.copytree(STATE, KEPT)


def reset():
    """The state that was kept, and ways that were told nothing."""
    for name in os.listdir(STATE):
        path = f"{STATE}/{name}"
        shutil.rmtree(path) if os.path.isdir(path) and not os.path.islink(path) else os.remove(path)
    subprocess.run(["cp", "-a", f"{KEPT}/.", STATE], check=True)
    for file in [HOOKS, COMMANDS, RESULTS]:
        open(file, "w").close()


def told():
    """What each way was told: event, id and number."""
    hooks = [json.loads(json.loads(line)["body"]) for line in open(HOOKS)]
    commands = [line.split()[:3] for line in open(COMMANDS)]
    time.sleep(0.05)
    # cat writes at the end of what it has written before, so a file that was emptied begins with zeros.
    results = [line for line in open(RESULTS).read().replace("\0", "").splitlines() if line]
    return {
        "webhook": [(body["event"], body["id"], body["sequence"]) for body in hooks],
        "command": [tuple(words) for words in commands],
        "nagios": [("opened" if ";2;" in line else "closed",) for line in results],
    }


def killed(call, number):
    """Whether the look was killed there: its own threads, and not the programs that it runs."""
    words = ["strace", "-f", "-b", "execve", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=SIGKILL:when={number}"]
    done = run(words + WATCH)
    return done.returncode in (-9, 137)


def calls():
    """How often a process or thread of a look makes each call, at most."""
    run(["strace", "-f", "-b", "execve", "-qq", "-o", "/root/trace", "-e", "trace=" + ",".join(CALLS), *WATCH])
    count = Counter()
    for line in open("/root/trace"):
        found = re.match(r"(\d+) +(\w+)\(", line)
        if found:
            count[found.groups()] += 1
    most = Counter()
    for (_, call), number in count.items():
        most[call] = max(most[call], number)
    return most


def deaths(kept):
    count = 0
    reset()
    for call, most in sorted(calls().items()):
        for number in range(1, min(most, MOST) + 1):
            reset()
            if not killed(call, number):
                continue
            count += 1
            done = run(WATCH)
            seen = told()
            names = {name for way in ["webhook", "command"] for name in seen[way]}
            is_whole = all(seen.values()) and len(names) == 1 and {name[0] for name in seen["nagios"]} == {"opened"}
            if not is_whole or done.returncode != 3:
                print(f"BAD {kept}, {call} {number}: {seen}, {done}")
            again = run([*WATCH, "--json"])
            if json.loads(again.stdout)["watch"]["told"]:
                print(f"BAD {kept}, {call} {number}: told twice by whole looks: {again.stdout}")
    print(f"{kept}: {count} killed")
    return count


shell(f"rm -f {HOOKS} {COMMANDS}; touch {HOOKS} {COMMANDS}")
subprocess.Popen(["bash", "-c", ". /lab/tests/lab/lib.sh; . /lab/tests/lab/scripts/watch.sh; ways; wait"])
time.sleep(3)
shell("relayhost apply >/dev/null; dies; alerts 2; relayhost check >/dev/null || true")
keep()
first = deaths("nothing noted")
# The event is on the disk, and nobody was told: no way works for one look.
reset()
shell("mv $FIFO $FIFO.away; mv /usr/local/sbin/told /root/; cp /etc/hosts /root/with; sed /$RECEIVER/d /root/with >/etc/hosts")
run(WATCH)
shell("mv $FIFO.away $FIFO; mv /root/told /usr/local/sbin/; cat /root/with >/etc/hosts")
assert len(record()["untold"][0]["ways"]) == 3
keep()
second = deaths("noted, not told")
print(f"deaths: {first + second} killed")
