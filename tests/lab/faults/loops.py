#!/usr/bin/env python3
"""Deaths, errors and signals in the commands beside apply, inside a host of the lab: `loops.py COMMAND HOW MUCH`.

COMMAND is `apply`, `linked` (apply, where main.cf and others are symbolic links), `restore`, `repair`, `recover`, `pending` or `root` (`apply --root`). The command is hit at one system
call, at every one in turn that changes something (with MUCH `all`; else every so many, and each that gives or takes a
name). HOW says by what: `deaths` (SIGKILL), `errors` (no room, a broken disk) or `signals` (Ctrl-C, SIGTERM, SIGHUP, which
have the run undone). After each hit the managed files must be exactly those before the command or exactly those after it,
and mail must arrive through the relay that they name. What is shared with the loops over `apply` is in `world.py`."""

import os
import re
import shutil
import signal
import sys
import time
from collections import Counter

import world
from world import ANSWERS, APPLY, complain, keep, read, reset, run, sample, traced, write

DEFAULT = "/etc/relayhost/answers.toml"
TREE = "/tree"
SIGNALS = [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)]


class Loop:
    """A command, the kept files that it begins with, and what it makes of them."""

    before, after = "old", "new"
    sends = False  # a test message, so that Postfix must have read the files that it begins with

    def __init__(self, host):
        self.host = host
        self.prepare()

    def prepare(self):
        pass

    def start(self):
        pass

    def traced(self):
        self.start()
        calls, result = traced(self.command)
        assert result.returncode == 0, result
        assert self.host.state() == self.after, (self.host.state(), result)
        self.settle("traced", 0, result)
        return [call for call in calls if call.name != "execve"]  # strace's own, which it does not touch

    def settle(self, what, number, result):
        return self.host.settle(what, number, result)

    def judge(self, what, result, ended_by=None):
        """A command that was not killed: its status, its words, and what is in force right after it."""
        state, status = self.host.state(), result.returncode
        if status == 0:
            if state != self.after:
                complain(f"{what}: exit 0, but {state}", result)
            return
        allowed = {ended_by} if ended_by else world.STATUSES | {4, 5, 7}
        if status not in allowed:
            complain(f"{what}: exit status", result)
        elif "\n  -> " not in result.stderr and status not in {4, 5, 7}:
            complain(f"{what}: no remedy", result)
        elif state != self.before and not (state == self.after and re.search("/pending[/`]", result.stderr)):
            # All was done but to note that it was asked for, or that it is: the message says so.
            complain(f"{what}: exit {status}, but {state}", result)
        elif os.path.exists(f"{world.STATE}/journal.json"):
            complain(f"{what}: a journal is left", result)
        if ended_by and not re.search("nothing was changed|no file was changed|previous configuration was restored", result.stderr):
            complain(f"{what}: does not say what is in force", result)
        if ended_by and not self.queue_is_empty() and "may be in the queue" not in result.stderr:
            complain(f"{what}: a test message is left in the queue", result)

    def queue_is_empty(self):
        """Which a message on its way out leaves in a moment."""
        end = time.monotonic() + 5
        while time.monotonic() < end:
            if "Mail queue is empty" in run(["postqueue", "-p"]).stdout:
                return True
            time.sleep(0.05)
        return False


class Apply(Loop):
    command = APPLY


class Linked(Loop):
    """Files that are links into a checkout of the administrator's, in another file system."""

    command = APPLY
    files = ["main.cf", "sasl_passwd", "generic.db"]

    def prepare(self):
        os.makedirs(world.CHECKOUT, 0o755)
        assert run(["mount", "-t", "tmpfs", "-o", "mode=755", "none", world.CHECKOUT]).returncode == 0
        for file in self.files:
            shutil.move(f"{world.POSTFIX}/{file}", world.CHECKOUT)
            os.symlink(f"{world.CHECKOUT}/{file}", f"{world.POSTFIX}/{file}")

    def settle(self, what, number, result):
        state = super().settle(what, number, result)
        for file in self.files:
            if not os.path.islink(f"{world.POSTFIX}/{file}"):
                complain(f"{what}: {file} is no link any more", result)
        return state


class Restore(Loop):
    command = ["relayhost", "restore"]
    before, after = "new", "old"

    def prepare(self):
        result = run(APPLY)
        assert result.returncode == 0, result
        keep("new")
        self.host.to_old(reload=True)

    def start(self):
        reset("new")
        assert run(["postfix", "reload"]).returncode == 0


class Repair(Loop):
    command = ["relayhost", "repair", "--answers", ANSWERS["new"]]
    sends = True


class Recover(Loop):
    """After a run that died when all files were new and that was not yet noted."""

    command = ["relayhost", "recover"]
    after = "old"

    def prepare(self):
        calls, result = traced(APPLY)
        assert result.returncode == 0, result
        self.host.to_old(reload=True)
        rename = [call for call in calls if "rename" in call.name and "/journal.json" in call.line][1]
        result = run(["strace"] + rename.inject("signal=SIGKILL").split() + APPLY)
        assert result.returncode == -9, result
        keep("half")
        self.host.to_old(reload=True)

    def start(self):
        reset("half")

    def judge(self, what, result, ended_by=None):
        state = self.host.state()
        if result.returncode == 0 and state != self.after:
            complain(f"{what}: exit 0, but {state}", result)
        if result.returncode not in world.STATUSES | {ended_by}:
            complain(f"{what}: exit status", result)
        if result.returncode and "\n  -> " not in result.stderr:
            complain(f"{what}: no remedy", result)


class Pending(Loop):
    command = ["relayhost", "pending"]
    sends = True
    entry = '{"version":1,"why":"op5 was installed","since":900,"id":"x","attempts":0,"last":null}'

    def prepare(self):
        os.makedirs(os.path.dirname(DEFAULT), mode=0o755, exist_ok=True)
        write(DEFAULT, read(ANSWERS["new"]).decode())

    def path(self):
        return f"{world.STATE}/pending/op5.json"

    def start(self):
        os.makedirs(os.path.dirname(self.path()), mode=0o700, exist_ok=True)
        write(self.path(), self.entry)

    def judge(self, what, result, ended_by=None):
        super().judge(what, result, ended_by)
        if result.returncode == ended_by and read(self.path()) != self.entry.encode():
            complain(f"{what}: the entry is not what it was: {read(self.path())}", result)

    def settle(self, what, number, result):
        shutil.rmtree(os.path.dirname(self.path()), ignore_errors=True)
        return super().settle(what, number, result)


class Root(Loop):
    """On a copy of the host, in which nothing runs."""

    command = ["relayhost", "apply", "--root", TREE, "--answers", ANSWERS["new"]]

    def prepare(self):
        for name in ["proc", "dev", "tmp", "run", "root"]:
            os.makedirs(f"{TREE}/{name}")
        os.chmod(f"{TREE}/tmp", 0o1777)
        result = run(["cp", "-a", "/bin", "/etc", "/lib", "/lib64", "/sbin", "/usr", "/var", TREE])
        assert result.returncode == 0, result
        run(["cp", "-a", "/dev/null", f"{TREE}/dev/"])
        run(["sh", "-c", f"rm -f {TREE}/var/spool/postfix/pid/*"])
        world.POSTFIX, world.STATE = f"{TREE}/etc/postfix", f"{TREE}/var/lib/relayhost"
        reset()

    def settle(self, what, number, result):
        history = run(["chroot", TREE, "relayhost", "history"])
        if history.returncode != 0:
            complain(f"{what}: then relayhost history", history)
        state = self.host.state()
        if state not in ANSWERS:
            complain(f"{what}: {state}", result)
            reset()
            return None
        if os.path.exists(f"{world.STATE}/journal.json"):
            complain(f"{what}: a journal is left", history)
        again = run(self.command[:-1] + [ANSWERS[state]])
        if again.returncode != 0 or self.host.state() != state:
            complain(f"{what}: apply with the answers that are in force ({state})", again)
        left = world.leftovers()
        if left:
            complain(f"{what}: left over: {left}", result)
        if os.listdir(f"{TREE}/var/spool/postfix/pid"):
            complain(f"{what}: something was started", result)
        reset()
        return state


def cases_of(loop, how):
    calls = loop.traced()
    if how == "deaths":
        return [("signal=SIGKILL", call) for call in calls]
    # Before that the program is only being loaded: with this it looks which signals it is to heed.
    heeds = [call.position for call in calls if '"/proc/self/status"' in call.line][0]
    calls = [call for call in calls if call.position > heeds]
    if how == "signals":
        return [(f"signal={SIGNALS[number % 3][0]}", call) for number, call in enumerate(calls)]
    calls = [call for call in calls if call.name in world.FAILING]
    return [(f"error={['ENOSPC', 'EIO'][number % 2]}", call) for number, call in enumerate(calls)]


def main():
    command, how, much = sys.argv[1:4]
    # Whoever started us may have had them ignored (nohup), and a program inherits that.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    begin = time.monotonic()
    host = world.Host()
    loop = {known.__name__.lower(): known for known in Loop.__subclasses__()}[command](host)
    every = cases_of(loop, how)
    cases = sample(every, much, 30, lambda case: case[1])
    states, statuses = Counter(), Counter()
    for number, (by, call) in enumerate(cases):
        what = f"{by} in {command} at {call}"
        loop.start()
        result = run(["strace"] + call.inject(by).split() + loop.command)
        statuses[result.returncode] += 1
        if how != "deaths":
            loop.judge(what, result, dict(SIGNALS).get(by.partition("=")[2]))
        elif result.returncode not in {-9, 0}:
            complain(f"{what}: it did not die", result)
        states[loop.settle(what, number, result)] += 1
    if how == "deaths":
        world.few_are_missed(statuses[0], len(cases))
    counter = Counter(call.name for _, call in every)
    print(f"{command}:", ", ".join(f"{n} {name}" for name, n in sorted(counter.items())))
    whole = states["old"] + states["new"]
    told = ", ".join(f"{n} exit {status}" for status, n in sorted(statuses.items()))
    print(
        f"faults: {len(cases)} {how} in {command}, of {len(every)} calls, {whole} whole "
        f"({states['old']} old, {states['new']} new; {told}), {world.bad} bad, {time.monotonic() - begin:.0f} s"
    )
    sys.exit(world.bad != 0)


if __name__ == "__main__":
    main()
