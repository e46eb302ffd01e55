"""The host of the lab that faults are tried on: its two configurations, the files and mail that they must lead to, and
the system calls of a command. Shared by `faults.py`, over `apply`, `loops.py`, over the other commands, and `edits.py`."""

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
CHECKOUT = "/srv/checkout"
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
NAMING = ("rename", "unlink", "rmdir", "link", "symlink", "mkdir")
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


def few_are_missed(missed, cases):
    """How often a command waits for a log or for Postfix differs between runs, and so does the number of its calls: one of the
    last may not come again, and then nothing is killed. Not often, or the loop shows nothing."""
    if missed > max(2, cases // 10):
        complain(f"{missed} of {cases} did not die")


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
    patterns = [f"{POSTFIX}/.relayhost-*", f"{CHECKOUT}/.relayhost-*", f"{STATE}/.relayhost-*", f"{STATE}/generations/.new-*"]
    patterns += [f"{STATE}/generations/*/.relayhost-*", "/tmp/relayhost-*"]
    return sorted(path for pattern in patterns for path in glob.glob(pattern))


def reset(name="old"):
    """Makes the files what was kept as `name`."""
    for path in [FAULT] + leftovers():
        shutil.rmtree(path) if os.path.isdir(path) else os.path.exists(path) and os.remove(path)
    for file in SOURCES + DATABASES:
        own = os.path.realpath(f"{POSTFIX}/{file}")
        new = f"{os.path.dirname(own)}/.reset"
        shutil.copy2(f"{KEPT}/{name}/{file}", new)
        os.rename(new, own)
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
        end = time.monotonic() + 60
        while time.monotonic() < end:
            for name in set(os.listdir("/lab/mailbox/new")) - known:
                known.add(name)
                mail = (read(f"/lab/mailbox/new/{name}") or b"").decode()
                if f"Message-ID: <{token}" in mail:
                    return f"From: {SENDERS[state]}" in mail and self.relay_of(token) == RELAYS[state]
            time.sleep(0.005)
        print(run(["postqueue", "-p"]).stdout, (read("/var/log/maillog") or b"").decode(errors="replace")[-4000:])
        return False

    def relay_of(self, token):
        """The relay that the log names for the message with this identifier."""
        end = time.monotonic() + 20
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


def sample(cases, much, most, call_of):
    """All cases if `much` is `all`, else every so many, about `most`; each call that gives or takes a name of Postfix's
    directory or of the journal is among them."""
    if much == "all" or len(cases) <= most:
        return cases
    every = -(-len(cases) // most)
    last = None
    chosen = []
    for number, case in enumerate(cases):
        call = call_of(case)
        named = call.name.startswith(NAMING) and call.line != last
        if number % every == 0 or (named and (f"{POSTFIX}/" in call.line or f"{CHECKOUT}/" in call.line)) or "/journal.json" in call.line:
            chosen.append(case)
        last = call.line
    return chosen


def traced(command):
    result = run(["strace", "-y", "-o", "/run/trace"] + command)
    return calls_in("/run/trace"), result
