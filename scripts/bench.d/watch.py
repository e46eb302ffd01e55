"""Runs in a lab host, by scripts/bench: measures a look of the watch against check, which it does too, and one that finds
100,000 new lines in the mail log. Of the second the processor's time counts, of the look and all that it runs, since the machine
may be shared. Prints a table, and exits with 1 if a bound is exceeded."""

import os
import re
import shutil
import statistics
import subprocess
import sys
import time

from measure import ENV, run, table, within

RELAYHOST = "/usr/sbin/relayhost"
CHECK = [RELAYHOST, "check"]
LOOK = [RELAYHOST, "watch"]
LOG, NEW, RECORD = "/var/log/maillog", "/tmp/new", "/var/lib/relayhost/leaving.json"
GREP = ["/usr/bin/grep", "-c", "status=", NEW]

LOOKS, FLOODS = 30, 9  # rounds
LINES, BOUND = 100_000, 200  # ms
PUT_OFF = "dsn=4.2.0, status=deferred (host smtp.example.com[192.0.2.1] said: 450 4.2.0 <%s@example.com>: Recipient address rejected: Greylisted (in reply to RCPT TO command))"


def used(command):
    """Milliseconds of the processor that a command has used, with all that it ran. Its output is a file: grep stops at the first
    line if it sees /dev/null."""
    out = os.open("/tmp/out", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    actions = [(os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0), *((os.POSIX_SPAWN_DUP2, out, fd) for fd in (1, 2))]
    pid = os.posix_spawn(command[0], command, ENV, file_actions=actions)
    os.close(out)
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        sys.exit(f"bench: error: {' '.join(command)} exits with {os.waitstatus_to_exitcode(status)}")
    return (usage.ru_utime + usage.ru_stime) * 1000


def lines_of_one():
    """What this host's log has of a message that has left, in lines; Q is in the place of its queue id."""
    subprocess.run(["/usr/sbin/sendmail", "ops@example.com"], input=b"Subject: x\n\nx\n", check=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with open(LOG) as file:
            text = file.read()
        removed = re.findall(r"([0-9A-Z]{6,}): removed", text)
        lines = [line for line in text.splitlines() if removed and f" {removed[-1]}: " in line]
        if any("status=sent" in line for line in lines):
            return [line.replace(removed[-1], "Q") for line in lines]
        time.sleep(0.05)
    sys.exit("bench: error: no message has left")


def flood(one, serial):
    """That many lines, of messages whose ids nothing has had, into NEW. One in a hundred is put off first. The next serial."""
    count = 0
    with open(NEW, "w") as file:
        while count < LINES:
            serial += 1
            lines = [line.replace("Q", f"{serial:010X}") for line in one]
            if serial % 100 == 0:
                sent = next(at for at, line in enumerate(lines) if "status=sent" in line)
                put_off = re.sub(r"dsn=.*", lambda _: PUT_OFF % serial, lines[sent])
                lines.insert(sent, put_off)
            lines = lines[:LINES - count]
            file.write("\n".join(lines) + "\n")
            count += len(lines)
    return serial


def measure():
    times = {name: [] for name in ("check", "look", "used", "grep", "flood")}
    for _ in range(LOOKS):
        times["check"].append(run(CHECK))
        times["look"].append(run(LOOK))
    serial = time.time_ns() // 1000 % 16 ** 9
    for _ in range(FLOODS):
        serial = flood(ONE, serial)
        with open(NEW, "rb") as new, open(LOG, "ab") as log:
            shutil.copyfileobj(new, log, 1 << 20)
        times["grep"].append(used(GREP))
        times["flood"].append(used(LOOK))
        with open(RECORD) as record:
            if f'"offset":{os.path.getsize(LOG)}' not in record.read().replace(" ", ""):
                sys.exit("bench: error: the look has not read the log to its end")
        times["used"].append(used(LOOK))
    t = {name: statistics.median(values) for name, values in times.items()}
    return [  # what, ms, its floor, bound
        ("check", t["check"], None, None),
        ("watch, nothing new", t["look"], t["check"], 1.5 * t["check"]),
        ("used: watch, nothing new", t["used"], None, None),
        (f"used: grep, {LINES} lines", t["grep"], None, None),
        (f"used: watch, {LINES} new", t["flood"], t["used"] + t["grep"], BOUND),
    ]


run([RELAYHOST, "apply"])
ONE = lines_of_one()
run(LOOK)
sys.exit(0 if within(lambda: table(measure())) else 1)
