#!/usr/bin/env python3
"""Damages the state directory, file by file, and sees that each command goes on: `damage.py SCENARIO PART PARTS`, run in a
host of the lab. SCENARIO is `calm`, `stopped` (a run was killed while it changed files), or `foreign` (directories that are
somebody else's). No command may panic or stop for the damage; what an error tells to do is done to the letter; `repair` ends
with 0 and mail flows. The last line says how many were tried; a line that begins with `BAD` is a failure."""

import os
import re
import shutil
import subprocess
import sys
import time

STATE = "/var/lib/relayhost"
POSTFIX = "/etc/postfix"
KEPT = "/root/kept"
ANSWERS = "/etc/relayhost/answers.toml"
bad = 0


def run(command, **options):
    return subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, shell=isinstance(command, str), **options
    )


def complain(what, result):
    global bad
    bad += 1
    print(f"BAD {what}: exit {result.returncode}\n    stdout: {result.stdout!r}\n    stderr: {result.stderr!r}", flush=True)


def managed(directory):
    names = ["main.cf", "sasl_passwd", "sasl_passwd.db", "generic", "generic.db"]
    return {name: open(f"{directory}/{name}", "rb").read() for name in names if os.path.exists(f"{directory}/{name}")}


def keep():
    shutil.rmtree(KEPT, ignore_errors=True)
    run(f"mkdir {KEPT}; cp -a {STATE} {KEPT}/state; cp -a {POSTFIX} {KEPT}/postfix", check=True)


def reset():
    run(f"rm -rf {STATE} {STATE}.aside-*; cp -a {KEPT}/state {STATE}", check=True)
    if managed(POSTFIX) != managed(f"{KEPT}/postfix"):
        run(f"rm -f {POSTFIX}/sasl_passwd* {POSTFIX}/generic.db; cp -a {KEPT}/postfix/. {POSTFIX}/; postfix reload", check=True)


# --- the host --------------------------------------------------------------------------------------------------------


def prepare(scenario):
    for change in ["", "s/^port = 587/port = 588/", ""]:
        run(f"cp -a {ANSWERS} /root/a.toml; sed -i '{change}' /root/a.toml")
        result = run("relayhost apply --no-verify --answers /root/a.toml")
        assert result.returncode == 0, result
    result = run("relayhost verify && relayhost check && relayhost scriptlet post 1 --for op5 && ls -R " + STATE)
    assert result.returncode == 0 and "proof.json" in result.stdout and "op5.json" in result.stdout, result
    if scenario == "stopped":
        # Before the second file is renamed into Postfix's directory.
        run(f"sed -i 's/smtp.example.com/relay.lab.test/' {ANSWERS}", check=True)
        trace = run("strace -o /root/trace -e trace=rename,renameat,renameat2 relayhost apply --no-verify").stdout
        lines = [line for line in open("/root/trace") if line.startswith("rename")]
        first = [number for number, line in enumerate(lines) if f'"{POSTFIX}/' in line.split(",")[-1] or f', "{POSTFIX}/' in line]
        assert len(first) >= 3, (lines, trace)
        assert run("relayhost restore").returncode == 0
        name = lines[first[1]].split("(")[0]
        number = sum(line.startswith(name + "(") for line in lines[: first[1] + 1])
        result = run(f"strace -o /dev/null -e trace={name} -e inject={name}:signal=SIGKILL:when={number} relayhost apply --no-verify")
        assert result.returncode == 137 or result.returncode == -9, result
        assert os.path.exists(f"{STATE}/journal.json"), (os.listdir(STATE), lines)
    keep()


# --- what is done to a file ------------------------------------------------------------------------------------------


def truncated(path, _):
    size = os.path.getsize(path)
    os.truncate(path, size // 2)


def emptied(path, _):
    os.truncate(path, 0)


def swapped(path, other):
    os.rename(path, path + ".x")
    os.rename(other, path)
    os.rename(path + ".x", other)


def noise(path, _):
    with open(path, "r+b") as file:
        file.write(os.urandom(max(40, os.path.getsize(path))))


def removed(path, _):
    os.remove(path)


def directory(path, _):
    os.remove(path)
    os.mkdir(path)
    open(f"{path}/x", "w").close()


def future(path, _):
    with open(path, "w") as file:
        file.write('{"version":2,"generation":{"of":"a newer relayhost"}}')


def link(path, _):
    os.rename(path, "/root/linked")
    os.symlink("/root/linked", path)


def fifo(path, _):
    os.remove(path)
    os.mkfifo(path, 0o600)


def theirs(path, _):
    os.chown(path, 65534, 65534)


FAULTS = [truncated, emptied, swapped, noise, removed, directory, future, link, fifo, theirs]


def open_to_all(path):
    os.chmod(path, 0o777)


def readable(path):
    os.chmod(path, 0o755)


def of_nobody(path):
    os.chown(path, 65534, 65534)


def linked(path):
    shutil.rmtree("/root/elsewhere", ignore_errors=True)
    os.rename(path, "/root/elsewhere")
    os.symlink("/root/elsewhere", path)


def a_file(path):
    shutil.rmtree(path)
    open(path, "w").close()


def a_fifo(path):
    shutil.rmtree(path)
    os.mkfifo(path)


def empty(path):
    shutil.rmtree(path)
    os.mkdir(path, 0o700)


def gone(path):
    shutil.rmtree(path)


FOREIGN = [open_to_all, readable, of_nobody, linked, a_file, a_fifo, empty, gone]

LOOKING = ["history", "check", "plan", "history --json", "check --nagios"]
CHANGING = ["recover", "pending", "apply", "restore", "verify", "repair"]
ENDS = {
    "history": {0}, "history --json": {0}, "check": {0, 3}, "plan": {0, 3}, "check --nagios": {0, 1, 2}, "pending": {0},
    # 8 once: files that cannot be put back; 2: the newest generation is lost.
    "recover": {0, 8}, "restore": {0, 2}, "repair": {0},
    # 4, 5: what is in force is not what the answers say, or old and new, after a run was stopped.
    "verify": {0, 4, 5},
    # 3: files that are old and new each by itself look as if somebody had changed them.
    "apply": {0, 3},
}


def cases(scenario):
    if scenario == "foreign":
        for path in [STATE, f"{STATE}/generations", f"{STATE}/pending", f"{STATE}/generations/0002"]:
            for how in FOREIGN:
                yield path, how.__name__, lambda path=path, how=how: how(path)
        return
    newest = max(os.listdir(f"{STATE}/generations"))
    of_newest = [f"{STATE}/generations/{newest}/{name}" for name in ["record.json", "before/main.cf", "before/sasl_passwd", "after/main.cf"]]
    files = {
        "calm": [f"{STATE}/{name}" for name in ["proof.json", "leaving.json", "leaving.lock", "lock", "pending/op5.json", "generations/0000/record.json", "generations/0000/before/main.cf"]]
        + of_newest,
        "stopped": [f"{STATE}/journal.json"] + of_newest,
    }[scenario]
    for path in files:
        other = f"{STATE}/generations/0001/record.json" if "record" not in path else f"{STATE}/generations/0000/before/main.cf"
        for how in FAULTS:
            yield path, how.__name__, lambda path=path, how=how, other=other: how(path, other)


def follow(what, result):
    """Does what the error tells to do, as it is written, until nothing is told any more."""
    for _ in range(4):
        told = re.findall(r"^  (?:-> |remedy   )(relayhost [a-z]+(?: \d+| --force)?)", result.stdout + result.stderr, re.M)
        if result.returncode in {0, 3} or not told:
            break
        result = run(told[0])
    if result.returncode not in {0, 3}:
        complain(f"{what}: the remedies lead to no end", result)
    elif "\n  -> " in result.stderr and not told and result.returncode != 3:
        complain(f"{what}: no remedy that could be followed", result)


def main():
    scenario, part, parts = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    begin = time.monotonic()
    prepare(scenario)
    tried = 0
    for number, (path, how, damage) in enumerate(cases(scenario)):
        if number % parts != part:
            continue
        what = f"{scenario}: {path} {how}"
        reset()
        damage()
        said = ""
        for command in LOOKING:
            # They change nothing, so the damage is still there; but they do clear up after a stopped run.
            if scenario == "stopped":
                reset()
                damage()
            result = run(f"relayhost {command}")
            said += result.stdout + result.stderr
            tried += 1
            if result.returncode not in ENDS[command] or "panicked" in result.stderr:
                complain(f"{what}, {command}", result)
        # Nothing is lost by it, or nobody can know that it was there.
        harmless = path.endswith("/after/main.cf") and how == "removed" or path != STATE and how == "readable" or path.endswith(("/lock", ".lock")) or how in {"gone", "empty"}
        silent = harmless or how == "removed" and "/generations/" not in path or "op5.json" in path
        parents = [path, os.path.dirname(path), os.path.dirname(os.path.dirname(path))]
        if scenario != "stopped" and not silent and not any(f"`{name}` " in said for name in parents):
            complain(f"{what}: nobody says so", result)
        # All of them in turn, and `repair` for each.
        others = CHANGING[:-1] if "FULL" in os.environ else [CHANGING[:-1][(number + step) % 5] for step in (0, 2)]
        for command in others + ["repair"]:
            reset()
            damage()
            result = run(f"relayhost {command}")
            tried += 1
            if result.returncode not in ENDS[command] or "panicked" in result.stderr:
                complain(f"{what}, {command}", result)
            follow(f"{what}, {command}", result)
            locks = command in {"apply", "restore", "repair"} or (command == "recover" and path != STATE)
            again = run("relayhost history") if locks else result
            if locks and (again.returncode != 0 or "cannot be used" in again.stdout):
                complain(f"{what}, {command}: then history", again)
        # `repair` was the last; the message that proves it was taken by the relay.
        mode = os.stat(STATE).st_mode & 0o7777, os.stat(STATE).st_uid
        if mode != (0o700, 0) or os.path.islink(STATE):
            complain(f"{what}: the state directory is {mode}", result)
        if run("relayhost check").returncode != 0:
            complain(f"{what}: not in order after repair", run("relayhost check"))
    # There is an end to what is set aside.
    kept = len(os.listdir(f"{STATE}/damaged")) if os.path.isdir(f"{STATE}/damaged") else 0
    print(f"{scenario} {part}: {tried} commands on damaged state, {bad} bad, {kept} set aside; took {time.monotonic() - begin:.0f} s")
    sys.exit(bad != 0)


main()
