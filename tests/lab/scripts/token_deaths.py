"""Kills `relayhost token --force`, or `relayhost login`, at each of its system calls that changes something. After each death the
database has a whole entry, and a call of `relayhost token` leaves the newest token in force, and nothing else behind; with the
login of a person, another one can be fetched without that person.

token_deaths.py EVERY [token|login]

With several logins (WAYS in the environment: their next hops) each has its own token in the table, and a death between them
leaves none behind."""

import glob
import os
import subprocess
import sys
import time
from collections import Counter

sys.path.insert(0, "/lab/tests/lab/faults")
from world import CHANGING  # noqa: E402

TABLE = "/etc/postfix/sasl_passwd"
FORCE = ["relayhost", "token", "--force"]
LOGIN = ["relayhost", "login"]
TOKENS = "/var/lib/relayhost/tokens"
WAYS = os.environ.get("WAYS", "").split()


def run(args):
    return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def hit(command, strace):
    """Runs it under strace; a person types the code of a login, if it comes to that."""
    if command == FORCE:
        return run(["strace", *strace, *command])
    with open("/root/login", "w+") as out:
        process = subprocess.Popen(["strace", *strace, *command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
        end, person = time.monotonic() + 60, None
        while process.poll() is None and time.monotonic() < end:
            time.sleep(0.02)
            if person is None and "Ctrl-C gives up" in open("/root/login").read():
                with open("/root/login") as said:
                    person = subprocess.run(["python3", "/lab/tests/lab/scripts/person.py"], stdin=said, capture_output=True, timeout=60)
        process.kill()
        process.wait()
        return process


def shell(script):
    done = run(["bash", "-c", f". /lab/tests/lab/scripts/tokens.sh; {script}"])
    return done.stdout.strip()


def calls(command):
    hit(command, ["-o", "/root/trace", "-e", "trace=" + ",".join("?" + name for name in CHANGING)])
    with open("/root/trace") as trace:
        names = [line.split("(")[0] for line in trace if "(" in line and line.split("(")[0] in CHANGING]
    return Counter(names)


def main():
    command = LOGIN if sys.argv[2:] == ["login"] else FORCE
    has_person = os.path.exists(f"{TOKENS}/logins.json")
    tried = bad = 0
    step = int(sys.argv[1])
    places = [(name, number) for name, count in sorted(calls(command).items()) for number in range(1, count + 1)]
    for name, number in places[:: step]:
        died = hit(command, ["-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}"])
        tried += 1
        between = shell("in_table")
        again = run(["relayhost", "token"])
        another = run(FORCE) if has_person else again
        others = [shell(f"entry '{way}'") for way in WAYS]
        states = {
            "a login has not the token that is kept for it": any(entry not in shell("all_kept").split() for entry in others),
            "two logins have the same token": len(set(others)) != len(others),
            "the table had no entry": not between,
            "the next call failed": again.returncode != 0,
            "no other token came without the person": another.returncode != 0,
            "the token in the table is another": shell("in_table") != shell("kept"),
            "the token in the source is another": shell("kept") not in open(TABLE).read(),
            "the other entry is gone": "[other]:25 u:p" not in open(TABLE).read(),
            "something was left": shell("find /etc/postfix /var/lib/relayhost -name '.relayhost*' -o -name '*.new*'") != "",
            "it is not root's alone": any(os.stat(path).st_mode & 0o777 != 0o600 for path in [TABLE, TABLE + ".db", *glob.glob(TOKENS + "/*")]),
        }
        for what, is_so in states.items():
            if is_so:
                bad += 1
                print(f"BAD {name} {number}: {what} (exit {died.returncode}): {again.stderr!r} {another.stderr!r}")
    print(f"deaths: {tried} of {len(places)}, {bad} bad")


main()
