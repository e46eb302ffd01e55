#!/usr/bin/env python3
"""Faults, run inside a host of the lab: `faults.py WORK PART PARTS`, where WORK is `deaths`, `errors` or `full`.

A host with a working relay (answers A) is given other answers (B), and relayhost, or a program that it runs, is hit at
one system call, at every one in turn. After each hit the managed files must be exactly A's or exactly B's, and mail must
arrive through the relay that they name. PART of PARTS takes every PARTS-th case, so that several hosts share the work.
The last line says how many there were; any line that begins with `BAD` is a failure."""

import glob
import os
import re
import shutil
import subprocess
import sys
import time
from collections import Counter

POSTFIX = "/etc/postfix"
STATE = "/var/lib/relayhost"
KEPT = "/root/faults"
FAULT = "/run/fault"
REAL = "/usr/libexec/real"
SOURCES = ["main.cf", "sasl_passwd", "generic"]
DATABASES = ["sasl_passwd.db", "generic.db"]
ANSWERS = {"old": "/root/A.toml", "new": "/root/B.toml"}
RELAYS = {"old": "relay.lab.test", "new": "smtp.example.com"}
SENDERS = {"old": "odd10@example.com", "new": "alerts@example.com"}
STATUSES = {0, 1, 2, 3, 8}
# Whatever changes a file or makes a process. close_range, dup and the like change nothing that outlives a process.
CHANGING = (
    "open openat openat2 creat write writev pwrite64 pwritev sendfile copy_file_range rename renameat renameat2 unlink "
    "unlinkat rmdir link linkat symlink symlinkat mkdir mkdirat truncate ftruncate fallocate fsync fdatasync sync syncfs "
    "msync chmod fchmod fchmodat chown fchown lchown fchownat utime utimes utimensat futimesat setxattr lsetxattr "
    "fsetxattr removexattr lremovexattr fremovexattr flock execve execveat fork vfork clone clone3 kill"
).split()
# Where the kernel itself can say that there is no room, or that the disk is broken.
FAILING = set(CHANGING) - set("execve execveat fork vfork clone clone3 kill flock".split())
APPLY = ["relayhost", "apply", "--no-verify", "--answers", ANSWERS["new"]]

bad = 0


def run(args, **options):
    return subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, **options)


def complain(what, result=None):
    global bad
    bad += 1
    print("BAD", what)
    if result is not None:
        print(f"    exit {result.returncode}\n    stdout: {result.stdout!r}\n    stderr: {result.stderr!r}")
    sys.stdout.flush()


# --- the host, and its two states ------------------------------------------------------------------------------------


def write(path, text, mode=0o600):
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
    os.chmod(path, mode)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def facts():
    """Every managed file, as far as it can be compared: databases by their entries, since their bytes may differ."""
    found = {}
    for name in SOURCES + DATABASES:
        path = f"{POSTFIX}/{name}"
        try:
            stat = os.stat(path)
        except FileNotFoundError:
            found[name] = None
            continue
        if name in DATABASES:
            dump = run([f"{REAL}/postmap", "-s", f"hash:{path[:-3]}"])
            content = (dump.returncode, tuple(sorted(dump.stdout.splitlines())))
        else:
            content = read(path)
        found[name] = (stat.st_uid, stat.st_gid, oct(stat.st_mode), content)
    others = [name for name in os.listdir(POSTFIX) if re.match(r"(sasl_passwd|generic)\.(lmdb|cdb)", name)]
    return found | {name: "should not be there" for name in others}


def keep(name):
    """Keeps the host's files as `name`."""
    directory = f"{KEPT}/{name}"
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    for file in SOURCES + DATABASES:
        shutil.copy2(f"{POSTFIX}/{file}", directory)
    shutil.copytree(STATE, f"{directory}/state")


def leftovers():
    patterns = [f"{POSTFIX}/.relayhost-*", f"{STATE}/.relayhost-*", f"{STATE}/generations/.new-*"]
    patterns += [f"{STATE}/generations/*/.relayhost-*", "/tmp/relayhost-*"]
    return sorted(path for pattern in patterns for path in glob.glob(pattern))


def reset(name="old"):
    """Makes the files what was kept as `name`."""
    for path in [FAULT] + leftovers():
        shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
    for file in SOURCES + DATABASES:
        shutil.copy2(f"{KEPT}/{name}/{file}", f"{POSTFIX}/.reset")
        os.rename(f"{POSTFIX}/.reset", f"{POSTFIX}/{file}")
    for entry in os.listdir(STATE):
        path = f"{STATE}/{entry}"
        shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    shutil.copytree(f"{KEPT}/{name}/state", STATE, dirs_exist_ok=True)


class Host:
    def __init__(self):
        template = read("/lab/examples/authenticated.toml").decode()
        write(ANSWERS["new"], template)
        old = template.replace("smtp.example.com", RELAYS["old"]).replace("alerts@example.com", SENDERS["old"])
        write(ANSWERS["old"], old.replace("correct horse battery staple", "=+/,;%@!"))
        self.messages = 0
        self.wrap()
        result = run(["relayhost", "apply", "--answers", ANSWERS["old"]])
        assert result.returncode == 0, result
        self.facts = {"old": facts()}
        keep("old")
        result = run(APPLY)
        assert result.returncode == 0, result
        self.facts["new"] = facts()
        same = [name for name in self.facts["old"] if self.facts["old"][name] == self.facts["new"][name]]
        assert not same, same
        self.to_old(reload=True)

    def wrap(self):
        """Puts a wrapper before Postfix's programs: it runs the next one that was meant under strace, once."""
        os.mkdir(REAL)
        for name in ["postmap", "postconf", "postfix"]:
            os.rename(f"/usr/sbin/{name}", f"{REAL}/{name}")
            write(
                f"/usr/sbin/{name}",
                f'#!/bin/sh\nif [ -e {FAULT} ]; then\n. {FAULT}\ncase "{name} $*" in\n$meant)\nrm {FAULT}\n'
                f'[ "$strace" ] || exit 1\nexec strace -f $strace {REAL}/{name} "$@";;\nesac\nfi\n'
                f'exec {REAL}/{name} "$@"\n',
                0o755,
            )

    def to_old(self, reload):
        reset()
        if reload:
            result = run(["postfix", "reload"])
            assert result.returncode == 0, result

    def state(self):
        now = facts()
        for name, then in self.facts.items():
            if now == then:
                return name
        return "MIXED: " + " ".join(
            f"{name}={[s for s, then in self.facts.items() if then.get(name) == fact] or 'neither'}"
            for name, fact in now.items()
        )

    def delivers(self, state):
        """Sends a message, and sees it arrive by the relay of this state, from its sender."""
        self.messages += 1
        token = f"fault-{os.getpid()}-{self.messages}-"
        known = set(os.listdir("/lab/mailbox/new"))
        subprocess.run(
            ["/usr/sbin/sendmail", "-f", "monitor@op5-system.localdomain", "ops@example.com"],
            input=f"From: monitor@op5-system.localdomain\nTo: ops@example.com\nMessage-ID: <{token}@host>\n\nx\n",
            text=True,
            check=True,
        )
        end = time.monotonic() + 20
        while time.monotonic() < end:
            for name in set(os.listdir("/lab/mailbox/new")) - known:
                known.add(name)
                mail = (read(f"/lab/mailbox/new/{name}") or b"").decode()
                if f"Message-ID: <{token}" in mail:
                    return f"From: {SENDERS[state]}" in mail and self.relay_of(token) == RELAYS[state]
            time.sleep(0.005)
        return False

    def relay_of(self, token):
        """The relay that the log names for the message with this identifier."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            with open("/var/log/maillog", "rb") as log:
                log.seek(max(0, log.seek(0, 2) - 20000))
                lines = log.read().decode(errors="replace")
            queued = re.search(rf"cleanup\[\d+\]: (\w+): message-id=<{token}", lines)
            sent = queued and re.search(rf" {queued[1]}: to=.*, relay=([^[,]*)\[.*status=sent", lines)
            if sent:
                return sent[1]
            time.sleep(0.005)
        return None

    def settle(self, what, number, result):
        """After a hit: any command, then a whole set, no journal, nothing left over, and mail. Returns the set."""
        recovering = [
            ["check", "--answers", ANSWERS["old"]],
            ["plan", "--answers", ANSWERS["new"]],
            ["history"],
            ["check", "--nagios", "--answers", ANSWERS["new"]],
        ][number % 4]
        any_command = run(["relayhost"] + recovering)
        if any_command.returncode not in ({0, 1, 2} if "--nagios" in recovering else {0, 3}):
            complain(f"{what}: then relayhost {recovering}", any_command)
        history = run(["relayhost", "history"])
        if history.returncode != 0:
            complain(f"{what}: then relayhost history", history)
        state = self.state()
        if state not in ANSWERS:
            complain(f"{what}: {state}", result)
            self.to_old(reload=True)
            return None
        if os.path.exists(f"{STATE}/journal.json"):
            complain(f"{what}: a journal is left after {recovering}", any_command)
        again = run(["relayhost", "apply", "--no-verify", "--answers", ANSWERS[state]])
        if again.returncode != 0 or self.state() != state or "reload done" in again.stdout:
            complain(f"{what}: apply with the answers that are in force ({state})", again)
        if leftovers():
            complain(f"{what}: left over: {leftovers()}", result)
        if not self.delivers(state):
            complain(f"{what}: no mail arrived through the relay of the {state} set", result)
        # What ran is Postfix with this state's files, whatever it was told before.
        self.to_old(reload=state == "new")
        return state


# --- which calls there are -------------------------------------------------------------------------------------------


class Call:
    def __init__(self, name, number, line, position):
        self.name, self.number, self.line, self.position = name, number, line, position

    def inject(self, how):
        return f"-o /dev/null -e trace={self.name} -e signal=none -e inject={self.name}:{how}:when={self.number}"

    def opens_for_writing(self):
        return re.search(r"O_WRONLY|O_RDWR|O_CREAT", self.line) is not None

    def __str__(self):
        return f"{self.name} {self.number} {self.line[:150]}"


def calls_in(path):
    """The changing calls of a trace. In one of several processes strace counts for each, so that the number says
    which call it is in every process that has that many."""
    numbers, found = Counter(), []
    with open(path) as trace:
        for position, line in enumerate(trace):
            match = re.match(r"(?:(\d+) +)?(\w+)\(", line)
            if match and match[2] in CHANGING:
                process, name = match.groups()
                numbers[process, name] += 1
                found.append(Call(name, numbers[process, name], line.strip(), position))
    return found


def once_each(calls):
    seen = {}
    for call in calls:
        seen.setdefault((call.name, call.number), call)
    return list(seen.values())


def traced(command):
    result = run(["strace", "-y", "-o", "/run/trace"] + command)
    return calls_in("/run/trace"), result


def write_fault(meant, strace=""):
    write(FAULT, f"meant='{meant}'\nstrace='{strace}'\n")


RELOAD = "postfix?reload"
CHILD_PATTERNS = {"postmap": "postmap?hash:*", "postconf": "postconf?-c*", "postfix reload": RELOAD}


def child_calls(host):
    """What each program that relayhost runs during a change calls."""
    found = {}
    for name, meant in CHILD_PATTERNS.items():
        write_fault(meant, "-o /run/trace -y")
        result = run(APPLY)
        assert result.returncode == 0 and not os.path.exists(FAULT), (name, result)
        # What they open to read is their libraries, mostly, and changes nothing.
        calls = [call for call in calls_in("/run/trace") if call.name != "openat" or call.opens_for_writing()]
        found[name] = once_each(calls)
        host.to_old(reload=True)
    return found


# --- deaths ----------------------------------------------------------------------------------------------------------


def death_cases(host):
    """(scenario, call, the kept files that it begins with, the command that is killed)"""
    cases = []
    calls, result = traced(APPLY)
    assert result.returncode == 0, result
    host.to_old(reload=True)
    calls = [call for call in calls if call.name != "execve"]  # strace's own, which it does not touch
    cases += [("apply", call, "old", APPLY) for call in calls]
    # Putting back, after Postfix could not be told: what comes after all files are new.
    write_fault(RELOAD)
    calls, result = traced(APPLY)
    assert result.returncode == 1 and host.state() == "old", result
    renames = [call.position for call in calls if "rename" in call.name and "/journal.json" in call.line]
    cases += [("undo", call, "old", APPLY) for call in calls if call.position > renames[1]]
    host.to_old(reload=True)
    # Pruning: what comes after the journal is gone, with more generations than are kept.
    reset()
    for number in range(1, 23):
        shutil.copytree(f"{STATE}/generations/0000", f"{STATE}/generations/{number:04}")
        record = read(f"{STATE}/generations/{number:04}/record.json").decode()
        write(f"{STATE}/generations/{number:04}/record.json", record.replace('"number":0,', f'"number":{number},'))
    keep("many")
    prune, result = traced(APPLY)
    assert result.returncode == 0 and not os.path.exists(f"{STATE}/generations/0001"), result
    ended = [call.position for call in prune if call.name == "unlink" and "/journal.json" in call.line][0]
    cases += [("prune", call, "many", APPLY) for call in prune if call.position > ended]
    host.to_old(reload=True)
    # Recovery: first of a run that died when all files were new and not yet known to be, then of one that knew.
    rename = [call for call in calls if "rename" in call.name and "/journal.json" in call.line][1]
    after = [call for call in calls if call.position > rename.position][0]
    for name, call in [("half", rename), ("whole", after)]:
        result = run(["strace"] + call.inject("signal=SIGKILL").split() + APPLY)
        assert result.returncode == -9, result
        keep(name)
        reset(name)
        check = ["relayhost", "check", "--answers", ANSWERS["new"]]
        recovery, result = traced(check)
        assert result.returncode in {0, 3}, result
        cases += [(f"recovery {name}", call, name, check) for call in recovery if call.name != "execve"]
        host.to_old(reload=True)
    return cases


def deaths(host, part, parts):
    cases = death_cases(host)
    children = child_calls(host)
    counts = {}
    for scenario, call, _, _ in cases:
        counts.setdefault(scenario, Counter())[call.name] += 1
    for program, calls in children.items():
        counts[program] = Counter(call.name for call in calls)
    if part == 0:
        for scenario, counter in counts.items():
            print(f"{scenario}:", ", ".join(f"{n} {name}" for name, n in sorted(counter.items())), flush=True)
    states = Counter()
    mine = list(enumerate(cases))[part::parts]
    died = 0
    for number, (scenario, call, kept, command) in mine:
        what = f"death in {scenario} at {call}"
        if kept != "old":
            reset(kept)
        if scenario == "undo":
            write_fault(RELOAD)
        result = run(["strace"] + call.inject("signal=SIGKILL").split() + command)
        if result.returncode == -9:
            died += 1
        else:
            complain(f"{what}: it did not die", result)
        if os.path.exists(FAULT):
            os.remove(FAULT)
        states[host.settle(what, number // parts, result)] += 1
    everything = [(program, call) for program, calls in children.items() for call in calls]
    survived = 0
    for number, (program, call) in list(enumerate(everything))[part::parts]:
        what = f"death of {program} at {call}"
        write_fault(CHILD_PATTERNS[program], call.inject("signal=SIGKILL"))
        result = run(APPLY)
        if os.path.exists(FAULT):
            complain(f"{what}: it was not run", result)
        died += 1
        survived += result.returncode == 0
        judge(host, what, result)
        states[host.settle(what, number // parts, result)] += 1
    whole = states["old"] + states["new"]
    print(f"faults: {died} deaths, {whole} whole ({states['old']} old, {states['new']} new), {bad} bad")


def judge(host, what, result):
    """A command that was not killed itself: its status, its message, and what is in force right after it."""
    state = host.state()
    if result.returncode not in STATUSES:
        complain(f"{what}: exit status", result)
    elif result.returncode == 0:
        if state != "new":
            complain(f"{what}: exit 0, but {state}", result)
    elif "\n  -> " not in result.stderr:
        complain(f"{what}: no remedy", result)
    elif state != "old":
        complain(f"{what}: exit {result.returncode}, but {state}", result)
    elif os.path.exists(f"{STATE}/journal.json"):
        complain(f"{what}: a journal is left", result)


# --- errors ----------------------------------------------------------------------------------------------------------


def errors(host, part, parts):
    calls, result = traced(APPLY)
    assert result.returncode == 0, result
    host.to_old(reload=True)
    # Before its own directory is named, the program is only being loaded.
    started = [call.position for call in calls if f'"{STATE}' in call.line][0]
    cases = []
    for call in calls:
        if call.name not in FAILING or call.position < started:
            continue
        named = call.name.startswith(("rename", "mkdir")) or (call.name == "openat" and call.opens_for_writing())
        reads = call.name == "openat" and not call.opens_for_writing()
        cases += [(error, call) for error in ["ENOSPC", "EIO"] if error == "EIO" or not reads]
        cases += [(error, call) for error in ["EROFS", "EDQUOT"] if named]
    if part == 0:
        for error in ["ENOSPC", "EIO", "EROFS", "EDQUOT"]:
            counter = Counter(call.name for e, call in cases if e == error)
            print(f"{error}:", ", ".join(f"{n} {name}" for name, n in sorted(counter.items())), flush=True)
    states, statuses = Counter(), Counter()
    mine = list(enumerate(cases))[part::parts]
    for number, (error, call) in mine:
        what = f"{error} at {call}"
        result = run(["strace"] + call.inject(f"error={error}").split() + APPLY)
        statuses[result.returncode] += 1
        judge(host, what, result)
        states[host.settle(what, number // parts, result)] += 1
    told = ", ".join(f"{n} exit {status}" for status, n in sorted(statuses.items()))
    whole = states["old"] + states["new"]
    print(f"faults: {len(mine)} errors, {whole} whole ({states['old']} old, {states['new']} new; {told}), {bad} bad")


# --- a disk that is really full --------------------------------------------------------------------------------------


def full(host, part, parts):
    """A small file system over the state directory, then over Postfix's, with every number of free pages from none to
    enough."""
    place = [STATE, POSTFIX][part]
    shutil.copytree(place, "/root/copy", symlinks=True)
    size = int(run(["du", "-sk", place]).stdout.split()[0]) + 1024
    result = run(["mount", "-t", "tmpfs", "-o", f"size={size}k,mode={'700' if place == STATE else '755'}", "tmpfs", place])
    assert result.returncode == 0, result
    run(["cp", "-a", "/root/copy/.", place], check=True)
    statuses, states = Counter(), Counter()
    pages, good = 0, 0
    filler = f"{place}/filler"
    while good < 2:
        what = f"{pages} free pages in {place}"
        host.to_old(reload=pages > 0)
        available = os.statvfs(place).f_bavail * os.statvfs(place).f_frsize
        with open(filler, "wb") as file:
            os.posix_fallocate(file.fileno(), 0, available - pages * 4096)
        result = run(APPLY)
        statuses[result.returncode] += 1
        good += result.returncode == 0
        judge(host, what, result)
        if result.returncode not in {0, 8} and "No space left on device" not in result.stderr:
            complain(f"{what}: the message does not say so", result)
        state = host.state()
        if state not in ANSWERS:
            complain(f"{what}: {state}", result)
        elif not host.delivers(state):
            complain(f"{what}: no mail arrived", result)
        os.remove(filler)
        states[host.settle(what, pages, result)] += 1
        pages += 1
        assert pages < 200
    told = ", ".join(f"{n} exit {status}" for status, n in sorted(statuses.items()))
    whole = states["old"] + states["new"]
    print(f"faults: {pages} full disks, {whole} whole ({states['old']} old, {states['new']} new; {told}), {bad} bad")


def main():
    work, part, parts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    begin = time.monotonic()
    {"deaths": deaths, "errors": errors, "full": full}[work](Host(), part, parts)
    print(f"took {time.monotonic() - begin:.0f} s")
    sys.exit(bad != 0)


if __name__ == "__main__":
    main()
