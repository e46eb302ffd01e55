"""Is diagnose fast enough, and is its memory flat? Run by scripts/bench: log.py RELAYHOST MB…

For each size a mail log of a host with a relay is made, of which 1 % of the deliveries fail, for several reasons; greylisted
ones get through later. Compared are relayhost, `LC_ALL=C grep -c status=` (the floor: whoever reads the log reads its bytes)
and on the first large one pflogsumm: on one processor, interleaved, on the same file in the page cache. Processor time
counts, since the machine may be shared. Sizes over 2000 MB go through a pipe, for the memory alone. Exits with 1 if a
bound is exceeded."""

import os
import random
import shutil
import sys
import tempfile

MEMORY = 64 * 1024  # KiB
ROUNDS = 7
ATTEMPTS = 3  # the machine is shared: over is what is over each time
LARGE = 300  # MB; of a smaller log, most is the start of the program
PIPED = 2000  # MB

RELAY = "relay=smtp.example.com[192.0.2.1]:587, delay=0.31, delays=0.02/0.01/0.2/0.08"
AT = "smtp.example.com[192.0.2.1]"
FAILURES = [  # dsn, status, reason, what the process says before
    ("4.7.8", "deferred", f"SASL authentication failed; server {AT} said: 535 5.7.8 Error: authentication failed: UGFzc3dvcmQ6", []),
    ("4.4.1", "deferred", f"connect to {AT}:587: Connection timed out", [f"connect to {AT}:587: Connection timed out"]),
    ("5.1.1", "bounced", f"host {AT} said: 550 5.1.1 <%s>: Recipient address rejected: User unknown (in reply to RCPT TO command)", []),
    ("4.7.5", "deferred", "Cannot start TLS: handshake failure", [f"SSL_connect error to {AT}:587: -1", "warning: TLS library problem: error:0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:354:"]),
    ("5.7.60", "bounced", f"host {AT} said: 550 5.7.60 SMTP; Client does not have permissions to send as this sender [AM0PR02CA%sQQQQ.eurprd02.prod.outlook.com 2026-11-24T08:00:00.000Z] (in reply to end of DATA command)", []),
    ("4.2.0", "deferred", f"host {AT} said: 450 4.2.0 <%s>: Recipient address rejected: Greylisted (in reply to RCPT TO command)", []),
]


def block():
    """Some 4 MB. QQQQ and HH:MM are filled in for each block: other queue ids, later times."""
    rng = random.Random(1)
    lines, waiting, serial = [], [], 0

    def say(daemon, pid, text):
        lines.append(f"Nov 24 HH:MM:{serial * 60 // 7000 % 60:02} op5-system postfix/{daemon}[{pid}]: {text}")

    while serial < 7000:
        serial += 1
        queue_id, pid, to = f"{serial:05X}QQQQ", rng.randrange(1000, 1050), f"user{rng.randrange(5000)}@example.com"
        say("pickup", 101, f"{queue_id}: uid=0 from=<monitor>")
        say("cleanup", 102, f"{queue_id}: message-id=<20261124080000.{queue_id}@op5-system.localdomain>")
        say("qmgr", 103, f"{queue_id}: from=<monitor@op5-system.localdomain>, size={rng.randrange(400, 9000)}, nrcpt=1 (queue active)")
        if serial % 100 == 0:
            dsn, status, reason, before = FAILURES[serial // 100 % len(FAILURES)]
            for text in before:
                say("smtp", pid, text)
            say("smtp", pid, f"{queue_id}: to=<{to}>, {RELAY}, dsn={dsn}, status={status} ({reason.replace('%s', to if '<%s>' in reason else '17')})")
            if "Greylisted" in reason:
                waiting.append((queue_id, to))
            continue
        say("smtp", pid, f"Untrusted TLS connection established to {AT}:587: TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)")
        say("smtp", pid, f"{queue_id}: to=<{to}>, {RELAY}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {queue_id})")
        say("qmgr", 103, f"{queue_id}: removed")
    for queue_id, to in waiting:
        say("smtp", 1001, f"{queue_id}: to=<{to}>, {RELAY}, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as {queue_id})")
    return ("\n".join(lines) + "\n").encode()


def blocks(megabytes):
    template, done, number = block(), 0, 0
    while done < megabytes * 1_000_000:
        part = template.replace(b"QQQQ", b"%04X" % number).replace(b"HH:MM", b"%02d:%02d" % (number // 60 % 24, number % 60))
        yield part
        done += len(part)
        number += 1


def run(command, directory, stdin=None):
    """Seconds of the processor, and KiB, that a program took. Its output is a file: grep stops at the first line if it sees
    /dev/null. Of ours no more memory than its own counts, or the kernel would give it that as its first."""
    out = os.path.join(directory, "output")
    actions = [(os.POSIX_SPAWN_OPEN, 1, out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
               (os.POSIX_SPAWN_DUP2, stdin, 0) if stdin is not None else (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0)]
    pid = os.posix_spawnp(command[0], command, {**os.environ, "LC_ALL": "C", "TZ": "UTC"}, file_actions=actions)
    if stdin is not None:
        os.close(stdin)
    _, status, usage = os.wait4(pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 4):
        sys.exit(f"bench: error: {' '.join(command)} exits with {os.waitstatus_to_exitcode(status)}")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss


def written(megabytes, out):
    """Writes a log, in a process of its own: what that takes must not count for what is measured."""
    child = os.fork()
    if child == 0:
        with os.fdopen(out, "wb") as file:
            for part in blocks(megabytes):
                file.write(part)
        os._exit(0)
    os.close(out)
    return child


def piped(relayhost, megabytes, directory):
    """What it takes for a log that comes through a pipe."""
    reading, writing = os.pipe()
    child = written(megabytes, writing)
    result = run([relayhost, "diagnose", "-"], directory, reading)
    os.waitpid(child, 0)
    return result


def on_file(relayhost, megabytes, directory, against_pflogsumm):
    path = os.path.join(directory, "maillog")
    os.waitpid(written(megabytes, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)), 0)
    diagnose, grep = [relayhost, "diagnose", path], ["grep", "-c", "status=", path]
    run(grep, directory)  # the file is in the page cache now
    ours, floor, memory = [], [], 0
    for _ in range(ROUNDS):
        seconds, kib = run(diagnose, directory)
        ours.append(seconds)
        memory = max(memory, kib)
        floor.append(run(grep, directory)[0])
    summary = run(["pflogsumm", path], directory)[0] if against_pflogsumm else None
    return min(ours), min(floor), memory, summary


def measure(relayhost, sizes, directory):
    """Prints a table; True if all is within its bound."""
    good = True
    print(f"{'log':>9} {'relayhost':>10} {'grep':>9} {'ratio':>6} {'pflogsumm':>10} {'ratio':>6} {'memory':>8}")
    for megabytes in sizes:
        if megabytes > PIPED:
            seconds, memory = piped(relayhost, megabytes, directory)
            row, ok = f"{megabytes:6} MB {seconds * 1000:7.0f} ms{'through a pipe':>20}{'':15}", memory < MEMORY
        else:
            compared = megabytes == next((size for size in sizes if size >= LARGE), None) and shutil.which("pflogsumm")
            seconds, floor, memory, summary = on_file(relayhost, megabytes, directory, compared)
            row = f"{megabytes:6} MB {seconds * 1000:7.0f} ms {floor * 1000:6.0f} ms {seconds / floor:6.2f}"
            row += f" {summary * 1000:7.0f} ms {summary / seconds:6.0f}" if summary else " " * 18
            ok = memory < MEMORY and (seconds <= floor or megabytes < LARGE) and (not summary or summary >= 50 * seconds)
        good &= ok
        print(f"{row} {memory / 1024:5.1f} MB {'ok' if ok else 'OVER'}", flush=True)
    return good


if __name__ == "__main__":
    program, sizes = sys.argv[1], sorted(int(size) for size in sys.argv[2:])
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="relayhost-bench.") as scratch:
        for attempt in range(1, ATTEMPTS + 1):
            if measure(program, sizes, scratch):
                sys.exit(0)
            print(f"over in {attempt} of {attempt} runs", flush=True)
    sys.exit(1)
