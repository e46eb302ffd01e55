#!/usr/bin/env python3
"""Faults, run inside a host of the lab: `faults.py WORK PART PARTS MUCH`, where WORK is `deaths`, `errors` or `full`.

A host with a working relay (answers A) is given other answers (B), and relayhost, or a program that it runs, is hit at
one system call, at every one in turn (with MUCH `all`; else at every third, and at each that gives or takes a name).
After each hit the managed files must be exactly A's or exactly B's, and mail must arrive through the relay that they
name. PART of PARTS takes every PARTS-th case, so that several hosts share the work. The last line says how many there
were; any line that begins with `BAD` is a failure."""

import os
import shutil
import sys
import time
from collections import Counter

import world
from world import (
    ANSWERS, APPLY, FAILING, FAULT, Host, POSTFIX, STATE, STATUSES, calls_in, complain, keep, once_each, read,
    reset, run, sample, traced, write,
)


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


def deaths(host, part, parts, much):
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
    cases = sample(cases, much, len(cases) // 5, lambda case: case[1])
    states = Counter()
    mine = list(enumerate(cases))[part::parts]
    died, missed = 0, 0
    for number, (scenario, call, kept, command) in mine:
        what = f"death in {scenario} at {call}"
        if kept != "old":
            reset(kept)
        if scenario == "undo":
            write_fault(RELOAD)
        result = run(["strace"] + call.inject("signal=SIGKILL").split() + command)
        died += 1
        missed += result.returncode != -9
        if result.returncode not in {-9, 0, 3}:
            complain(f"{what}: it did not die", result)
        if os.path.exists(FAULT):
            os.remove(FAULT)
        states[host.settle(what, number // parts, result)] += 1
    everything = [(program, call) for program, calls in children.items() for call in calls]
    everything = sample(everything, much, len(everything) // 5, lambda case: case[1])
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
    world.few_are_missed(missed, len(mine))
    whole = states["old"] + states["new"]
    print(f"faults: {died} deaths, {whole} whole ({states['old']} old, {states['new']} new), {world.bad} bad")


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


def errors(host, part, parts, much):
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
    cases = sample(cases, much, len(cases) // 5, lambda case: case[1])
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
    print(f"faults: {len(mine)} errors, {whole} whole ({states['old']} old, {states['new']} new; {told}), {world.bad} bad")


# --- a disk that is really full --------------------------------------------------------------------------------------


def fill(filler, pages):
    """Leaves this many pages free. What a program that is ending had open is given back late, so it looks again."""
    frsize = os.statvfs(os.path.dirname(filler)).f_frsize
    size, quiet = 0, 0
    with open(filler, "wb") as file:
        while quiet < 5:
            more = os.statvfs(os.path.dirname(filler)).f_bavail * frsize - pages * 4096
            quiet = 0 if more > 0 else quiet + 1
            if more > 0:
                os.posix_fallocate(file.fileno(), size, more)
                size += more
            time.sleep(0.01)


def full(host, part, _parts, _much):
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
        fill(filler, pages)
        result = run(APPLY)
        statuses[result.returncode] += 1
        good = good + 1 if result.returncode == 0 else 0
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
    print(f"faults: {pages} full disks, {whole} whole ({states['old']} old, {states['new']} new; {told}), {world.bad} bad")


def main():
    work, part, parts, much = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
    begin = time.monotonic()
    {"deaths": deaths, "errors": errors, "full": full}[work](Host(), part, parts, much)
    print(f"took {time.monotonic() - begin:.0f} s")
    sys.exit(world.bad != 0)


if __name__ == "__main__":
    main()
