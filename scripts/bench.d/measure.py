"""What both benchmarks of a lab host share: a command is timed, and the times become a table."""

import os
import sys
import time

ATTEMPTS = 3  # the machine is shared: over is what is over each time
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/root"}
NULL = [(os.POSIX_SPAWN_OPEN, fd, "/dev/null", os.O_RDWR, 0) for fd in (0, 1, 2)]


def run(*commands, good=(0,)):
    """Milliseconds from the first command's start to the last one's end. posix_spawn, since subprocess takes as long as
    a small program does."""
    start = time.perf_counter()
    for command in commands:
        pid = os.posix_spawn(command[0], command, ENV, file_actions=NULL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status not in good:
            sys.exit(f"bench: error: {' '.join(command)} exits with {status}")
    return (time.perf_counter() - start) * 1000


def table(rows):
    """Prints rows of name, milliseconds, floor and bound; whether none is over its bound."""
    print(f"{'what':27} {'median':>8} {'ratio':>6} {'bound':>8}")
    good = True
    for what, ms, floor, bound in rows:
        line = f"{what:27} {ms:5.1f} ms"
        if bound:
            ok = ms <= bound
            good &= ok
            line += f" {ms / floor:6.2f} {bound:5.1f} ms {'ok' if ok else 'OVER'}"
        print(line)
    return good


def within(once):
    """Whether `once`, which prints a table, is within its bounds at one of some attempts."""
    for attempt in range(1, ATTEMPTS + 1):
        if once():
            return True
        print(f"over in {attempt} of {attempt} runs", flush=True)
    return False
