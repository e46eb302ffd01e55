#!/usr/bin/env python3
"""Stops `relayhost init --force` at each system call that changes something (death), and fails each (error), in a host of the
lab: `init_faults.py WORK`. Whatever happens, answers and password are the old pair or the new one, and after the next command
that has the lock no other file has the new password."""

import os
import re
import shutil
import subprocess
import sys

CHANGING = (
    "open openat creat write writev pwrite64 rename renameat renameat2 unlink unlinkat rmdir link linkat mkdir mkdirat "
    "ftruncate fsync fdatasync chmod fchmod fchmodat fchown chown utimensat fsetxattr flock"
).split()
PLACE = "/etc/relayhost"
PAIRS = {
    "old": ("old.example.com", "the old password\n", "/etc/relayhost/password"),
    "new": ("new.example.com", "the new password\n", "/etc/relayhost/password"),
}
STATES = {"/root/none": None, "/root/pair": "old"}
bad = 0


def init(host, password, force=True):
    return ["relayhost", "init", "--no-probe", "--host", host, "--username", "u", "--password-stdin", "--rewrite", "none",
            "--to", "ops@example.com"] + ["--force"] * force


def run(command, password=""):
    return subprocess.run(command, input=password, capture_output=True, text=True, timeout=60)


def complain(what, result):
    global bad
    bad += 1
    print(f"BAD {what}\n    exit {result.returncode} {result.stdout!r} {result.stderr!r}", flush=True)


def reset(kept):
    shutil.rmtree(PLACE)
    shutil.copytree(kept, PLACE)


def pair():
    """What is in force: the relay, the password that goes with it, and where it lies."""
    try:
        text = open(f"{PLACE}/answers.toml").read()
    except FileNotFoundError:
        return None
    host, place = re.search(r'^host += "(.*)"', text, re.M)[1], re.search(r'^password_file += "(.*)"', text, re.M)[1]
    stat = os.stat(place)
    return host, open(place).read(), place, (stat.st_mode & 0o7777, stat.st_uid)


def name_of(found):
    if found is None:
        return "none"
    if found[3] != (0o600, 0):
        return f"open: {found}"
    for name, (host, password, _) in PAIRS.items():
        if found[:2] == (host, password):
            return name
    return f"mixed: {found}"


def judge(what, result, before):
    state = name_of(pair())
    if state not in {before or "none", "new"}:
        complain(f"{what}: {state}", result)
    if result.returncode == 0 and state != "new":
        complain(f"{what}: exit 0, and {state} is in force", result)
    # The next command that has the lock.
    after = run(["relayhost", "recover"])
    found = pair()
    if after.returncode != 0 or name_of(found) != state:
        complain(f"{what}: then recover: {name_of(found)}", after)
    expected = ["answers.toml", "password"] if found else []
    if found and found[2] != PAIRS["new"][2] or sorted(os.listdir(PLACE)) != expected:
        complain(f"{what}: left: {sorted(os.listdir(PLACE))}, {found}", after)
    return state


def main():
    work = sys.argv[1]
    os.mkdir("/root/none")
    os.makedirs(PLACE, exist_ok=True)
    host, password, _ = PAIRS["old"]
    assert run(init(host, password), password).returncode == 0 and name_of(pair()) == "old"
    shutil.copytree(PLACE, "/root/pair")
    host, password, _ = PAIRS["new"]
    tried, states = 0, {}
    for kept, before in STATES.items():
        reset(kept)
        command = init(host, password, before is not None)
        result = run(["strace", "-y", "-o", "/root/trace", "-e", "trace=" + ",".join(CHANGING)] + command, password)
        assert result.returncode == 0 and name_of(pair()) == "new", result
        calls, started = [], False
        counts = {}
        for line in open("/root/trace"):
            name = line.split("(")[0]
            if name in CHANGING:
                counts[name] = counts.get(name, 0) + 1
                # Before it looks for its lock it is only being loaded.
                started = started or "/var/lib/relayhost" in line
                # nix panics when a lock cannot be given back; Linux itself never says so.
                if work == "deaths" or started and name != "flock":
                    calls.append((name, counts[name], line.strip()))
        for name, number, line in calls:
            hows = ["signal=SIGKILL"] if work == "deaths" else ["error=EIO", "error=ENOSPC"]
            for how in hows:
                reset(kept)
                inject = ["-e", "signal=none", "-e", f"inject={name}:{how}:when={number}"]
                result = run(["strace", "-o", "/dev/null", "-e", f"trace={name}"] + inject + command, password)
                what = f"{how} at {name} {number} {line[:120]}, from {before}"
                if work == "deaths" and result.returncode not in {-9, 137}:
                    complain(f"{what}: it did not die", result)
                if work == "errors" and result.returncode != 0 and "\n  -> " not in result.stderr:
                    complain(f"{what}: no remedy", result)
                state = judge(what, result, before)
                tried += 1
                states[state] = states.get(state, 0) + 1
    print(f"init: {tried} {work}, {states}, {bad} bad")
    sys.exit(bad != 0)


main()
