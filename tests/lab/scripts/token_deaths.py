"""Kills `relayhost token --force` at each of its system calls that changes something. After each death the database has a whole
entry, and one more call of the command leaves the new token in force, and nothing else behind."""

import subprocess
import sys
from collections import Counter

sys.path.insert(0, "/lab/tests/lab/faults")
from world import CHANGING  # noqa: E402

TABLE = "/etc/postfix/sasl_passwd"
FORCE = ["relayhost", "token", "--force"]


def run(args):
    return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def shell(script):
    done = run(["bash", "-c", f". /lab/tests/lab/scripts/tokens.sh; {script}"])
    return done.stdout.strip()


def calls():
    run(["strace", "-o", "/root/trace", "-e", "trace=" + ",".join("?" + name for name in CHANGING), *FORCE])
    with open("/root/trace") as trace:
        names = [line.split("(")[0] for line in trace if "(" in line and line.split("(")[0] in CHANGING]
    return Counter(names)


def main():
    tried = bad = 0
    step = int(sys.argv[1])
    places = [(name, number) for name, count in sorted(calls().items()) for number in range(1, count + 1)]
    for name, number in places[:: step]:
        hit = run(["strace", "-o", "/dev/null", "-e", f"trace={name}", "-e", f"inject={name}:signal=KILL:when={number}", *FORCE])
        tried += 1
        between = shell("in_table")
        again = run(["relayhost", "token"])
        states = {
            "the table had no entry": not between,
            "the next call failed": again.returncode != 0,
            "the token in the table is another": shell("in_table") != shell("kept"),
            "the token in the source is another": shell("kept") not in open(TABLE).read(),
            "the other entry is gone": "[other]:25 u:p" not in open(TABLE).read(),
            "something was left": shell("find /etc/postfix /var/lib/relayhost -name '.relayhost*' -o -name '*.new*'") != "",
            "it is not root's alone": shell(f"stat -c %a {TABLE} {TABLE}.db /var/lib/relayhost/tokens/access.json") != "600\n600\n600",
        }
        for what, is_so in states.items():
            if is_so:
                bad += 1
                print(f"BAD {name} {number}: {what} (exit {hit.returncode}): {again.stderr!r}")
    print(f"deaths: {tried} of {len(places)}, {bad} bad")


main()
