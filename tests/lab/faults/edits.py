#!/usr/bin/env python3
"""An administrator who edits at the worst moment, run inside a host of the lab: `edits.py WORK`, where WORK is a
command of `COMMANDS`, `deaths` or `init-deaths`.

relayhost is held at one rename (strace delays the call), at every one in turn; meanwhile a file is edited that it
replaces: Postfix's, or with `init` the answers and the password. When relayhost has ended, the edit must be in its place, or
in a file that the screen names, with an exit status that is not 0, unless all that was asked for was done all the same.
`deaths`: relayhost is killed at the first call after the one at which it was held, so between the exchange and the look;
then the next command must leave the edit in its place or name the file that has it.
The last line says how many there were; any line that begins with `BAD` is a failure."""

import glob
import os
import re
import shutil
import subprocess
import sys
import time

import world
from world import POSTFIX, STATE, complain, read, run

KEPT = "/root/kept"
ANSWERS = "/etc/relayhost"
FILES = {
    POSTFIX: ["main.cf", "sasl_passwd", "generic", "sasl_passwd.db", "generic.db"],
    ANSWERS: ["answers.toml", "password"],
}
RENAMES = "rename,renameat,renameat2,link,linkat"
NUMBERS = {82: "rename", 264: "renameat", 316: "renameat2", 86: "link", 265: "linkat"}  # x86-64
# How strace makes renameat2 fail where there is no such call, and where the file system does not know its flags.
LACKING = {"": "", "old kernel": "ENOSYS", "other file system": "EINVAL"}
NEW = ["relayhost", "apply", "--no-verify", "--answers", "/root/new.toml"]
RESTORE = ["relayhost", "restore", "0"]
INIT = ["sh", "-c", "exec relayhost init --force --no-probe --password-stdin --host new.example.com --username u "
        "--rewrite none --to ops@example.com < /root/new.secret"]
COMMANDS = {"apply": NEW, "restore": RESTORE, "undo": NEW, "first": NEW, "recover": ["relayhost", "recover"], "init": INIT}
BEGIN = {"first": "bare", "recover": "half"}  # what is kept of the host before it; else "old"


def keep(name):
    for place in (POSTFIX, STATE, ANSWERS):
        shutil.copytree(place, f"{KEPT}/{name}{place}", symlinks=True)


def reset(name):
    for place in (POSTFIX, STATE, ANSWERS):
        for entry in glob.glob(f"{place}/*") + glob.glob(f"{place}/.*"):
            shutil.rmtree(entry) if os.path.isdir(entry) else os.remove(entry)
        run(["cp", "-a", f"{KEPT}/{name}{place}/.", place])


def prepare():
    """Two sets of answers; what is kept: the host as it was, and with the old answers in force."""
    text = read("/lab/examples/authenticated.toml").decode()
    for name, relay in (("old", "relay.lab.test"), ("new", "smtp.example.com")):
        with open(os.open(f"/root/{name}.toml", os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            sender = "odd10@example.com" if name == "old" else "alerts@example.com"
            file.write(text.replace("smtp.example.com", relay).replace("alerts@example.com", sender))
        with open(f"/root/{name}.secret", "w") as file:
            file.write(f"{name}-secret\n")
    os.makedirs(STATE, 0o700, exist_ok=True)
    os.makedirs(ANSWERS, exist_ok=True)
    result = run(["sh", "-c", INIT[2].replace("new", "old")])
    assert result.returncode == 0, result
    keep("bare")
    result = run(["relayhost", "apply", "--no-verify", "--answers", "/root/old.toml"])
    assert result.returncode == 0, result
    keep("old")
    # A run that died when all files were new, and the journal did not say so yet.
    calls, result = renames(NEW, "")
    journal = [call for call in calls if "journal.json" in call[3]][1]
    reset("old")
    kill = f"inject={journal[0]}:signal=SIGKILL:when={journal[1]}"
    result = run(["strace", "-qq", "-o", "/dev/null", "-e", f"trace={journal[0]}", "-e", kill] + NEW)
    assert result.returncode == -9, result
    keep("half")


# --- edits: begun before the run; called while it is held, each returns the bytes that must not be lost -------------------


def by_rename(path, mark):
    """As postconf -e, sed -i and most editors do."""

    def edit():
        new = (read(path) or b"") + mark
        with open(f"{path}.admin", "wb") as file:
            file.write(new)
        os.rename(f"{path}.admin", path)
        return new

    return edit


def in_place(path, mark):
    """As `echo >>` does."""

    def edit():
        with open(path, "ab") as file:
            file.write(mark)
        return read(path)

    return edit


def was_open(path, mark):
    """As an editor that had opened the file before it was exchanged."""
    file, before = open(path, "ab"), read(path)

    def edit():
        with file:
            file.write(mark)
        return before + mark

    return edit


EDITS = [by_rename, in_place]


# --- a run that is held ----------------------------------------------------------------------------------------------


def renames(command, lacking):
    """The renames of a run: (name of the call, its number among those of its name, the line of the trace)."""
    result = run(["strace", "-qq", "-o", "/run/trace", "-e", f"trace={RENAMES},flistxattr"] + inject(lacking) + command)
    found, numbers = [], {}
    for line in open("/run/trace"):
        name = re.match(r"(\w+)\(", line)
        if name:
            numbers[name[1]] = numbers.get(name[1], 0) + 1
            found.append((name[1], numbers[name[1]], dict(numbers), line.strip()[:160]))
    return [call for call in found if call[0] != "flistxattr"], result


def inject(error):
    return ["-e", f"inject=renameat2:error={error}"] if error else []


def is_held(pid, name):
    """Whether the process has stayed in this call for a while."""
    for _ in range(2):
        try:
            number = int(read(f"/proc/{pid}/syscall").split()[0])
        except (ValueError, AttributeError, IndexError, ProcessLookupError, OSError):
            return False
        if NUMBERS.get(number) != name:
            return False
        time.sleep(0.02)
    return True


def held(command, call, edit, lacking, die):
    name, number, numbers, _ = call
    words = ["strace", "-qq", "-o", "/dev/null", "-e", f"trace={RENAMES},flistxattr"] + inject(lacking)
    words += ["-e", f"inject={name}:delay_enter=300000:when={number}"]
    if die:
        words += ["-e", f"inject=flistxattr:signal=SIGKILL:when={numbers['flistxattr'] + 1}"]
    child = subprocess.Popen(words + command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 20
    expected = None
    while child.poll() is None and time.monotonic() < end and expected is None:
        children = (read(f"/proc/{child.pid}/task/{child.pid}/children") or b"").split()
        if children and is_held(int(children[0]), name):
            expected = edit()
        time.sleep(0.001)
    out, err = child.communicate(timeout=60)
    return expected, subprocess.CompletedProcess(words, child.returncode, out, err)


def judge(what, path, expected, results):
    """The edit is in its place; or a file that was named has it, and the exit status says so."""
    # The answers name the new password where it was built, until it is in its place.
    final = re.sub(rb"/\.relayhost-[^/]*/secret\b", b"/password", expected)
    # An edit of the guarded main.cf loses the guard, which is relayhost's own.
    unguarded = expected.replace(b"soft_bounce = yes\n", b"")
    if read(path) in (expected, final, unguarded):
        return "in place"
    said = " ".join(" ".join((result.stdout + result.stderr).split()) for result in results)  # lines are wrapped
    named = [kept for kept in re.findall(r"kept as ([^\s;]+)", said) if read(kept) in (expected, unguarded)]
    if not named:
        complain(f"{what}: the edit is lost, or nobody was told where it is", results[0])
        return "lost"
    # Both have done what they were to do, and say what they met.
    if results[0].returncode == 0 and not what.startswith(("recover", "init")):
        complain(f"{what}: it is in {named}, and the exit status is 0", results[0])
    return "set aside"


def consistent(what, edited, result):
    """Answers and password after `init`: the old pair or the new. The edited file is its editor's."""
    host = re.search(rb'^host += "(\w+)', read(f"{ANSWERS}/answers.toml"), re.M)[1]
    place = re.search(rb'^password_file += "(.*)"', read(f"{ANSWERS}/answers.toml"), re.M)[1]
    password = (read(place) or b"").strip()
    if edited != "password" and password != host + b"-secret":
        complain(f"{what}: answers for {host} with the password {password}", result)
    if result.returncode not in (-9, 137) and (result.returncode == 0) != (host == b"new"):
        complain(f"{what}: answers for {host}", result)


def work(name, lacking, die):
    command, begin = COMMANDS[name], BEGIN.get(name, "old")
    place = ANSWERS if name == "init" else POSTFIX
    wrapper = name == "undo"
    counts = {}
    reset(begin)
    if wrapper:
        shutil.copy2("/usr/sbin/postfix", "/root/postfix")
        with open("/root/wrapper", "w") as file:
            file.write('#!/bin/sh\n[ "$1" = reload ] && exit 1\nexec /root/postfix "$@"\n')
        os.chmod("/root/wrapper", 0o755)
        os.replace("/root/wrapper", "/usr/sbin/postfix")
    calls, result = renames(command, lacking)
    assert result.returncode == (1 if wrapper else 0), result
    if die:  # Between the exchange and the look at what came out.
        calls = [call for call in calls if any(f'"{place}/{file}"' in call[3] for file in FILES[place])]
        assert calls, "nothing is exchanged"
    if lacking:
        # The call that fails is not held; the rename that comes then is the instant that only an exchange closes.
        calls = [call for call in calls if call[0] != "renameat2" and not any(f', "{place}/{file}"' in call[3] for file in FILES[place])]
    number, exchanged = 0, None
    for call in calls:
        near = [file for file in FILES[place] if f'"{place}/{file}"' in call[3]]
        cases = [(file, None) for file in (near if die or near else FILES[place][:3])]
        if near and exchanged and not die:
            cases.append((exchanged, was_open))  # and not looked at for the last time
        if near and not exchanged:
            exchanged = near[0]
        for file, edit in cases:
            if read(f"{KEPT}/{begin}{place}/{file}") is None:
                continue
            edit = edit or EDITS[number % len(EDITS)]
            number += 1
            reset(begin)
            begun = edit(f"{place}/{file}", f"\n# edit {number}\n".encode())
            what = f"{name}{f' ({lacking})' if lacking else ''}: {edit.__name__} of {file} at {call[3]}"
            expected, result = held(command, call, begun, lacking, die)
            if expected is None:
                complain(f"{what}: it was not held", result)
                continue
            results = [result]
            if die:
                if result.returncode != -9:
                    complain(f"{what}: it did not die", result)
                # Any command recovers; what `init` has left waits for one that has the lock.
                results.append(run(["relayhost", "recover" if name == "init" else "history"]))
            verdict = judge(what, f"{place}/{file}", expected, results)
            if name == "init":
                consistent(what, file, result)
            if result.returncode not in (0, 1, -9):
                complain(f"{what}: exit status", result)
            if verdict == "in place" and result.returncode == 1 and not wrapper:
                if file not in result.stderr or "changed by somebody else" not in result.stderr:
                    complain(f"{what}: the file is not named", result)
            if glob.glob(f"{STATE}/journal.json") or glob.glob(f"{place}/.relayhost-*"):
                complain(f"{what}: something is left over", result)
            again = run(["relayhost", "check", "--answers", "/root/old.toml"])
            if again.returncode not in (0, 3):
                complain(f"{what}: check after it", again)
            counts[verdict, result.returncode] = counts.get((verdict, result.returncode), 0) + 1
    if wrapper:
        os.replace("/root/postfix", "/usr/sbin/postfix")
    told = ", ".join(f"{n} {verdict} with exit {code}" for (verdict, code), n in sorted(counts.items()))
    print(f"{name}{' ' + lacking if lacking else ''}{' deaths' if die else ''}: {told}", flush=True)
    return sum(counts.values())


def main():
    prepare()
    total = 0
    if sys.argv[1] == "deaths":
        for name in COMMANDS:
            total += work(name, "", True) if name not in ("first", "init") else 0
    elif sys.argv[1] == "init-deaths":
        total = work("init", "", True)
    else:
        for lacking in LACKING.values():
            total += work(sys.argv[1], lacking, False)
    print(f"edits: {total} edits, {world.bad} bad")
    sys.exit(world.bad != 0)


main()
