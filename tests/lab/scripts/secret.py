#!/usr/bin/python3
"""Looks for a password on a host. The marker comes from a file, so that it is in nobody's argv.

procs MARKER-FILE STOP-FILE   argv and environment of every process, again and again until STOP-FILE is there
watch MARKER-FILE STOP-FILE   every file that appears or changes below the directories that hold it, at once
files MARKER-FILE             every file on the host: path, mode, owner of those that have it
strace MARKER-FILE TRACE      what a trace of system calls says about files that received it
Finds are lines `FOUND …`; the last line counts what was looked at.
"""
import base64, ctypes, os, re, select, stat, struct, sys


def forms(path):
    marker = open(path, "rb").read().rstrip(b"\n")
    found = {marker, marker[3:-3], marker.hex().encode()}
    for shift in range(3):  # base64 of anything that contains it
        text = base64.b64encode(b"\0" * shift + marker)
        found.add(text[4 if shift else 0:-4])
    return sorted(found)


def has(data, marks):
    return any(mark in data for mark in marks)


def slurp(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def procs(marks, stop):
    rounds, seen, found = 0, set(), set()
    own = str(os.getpid())
    while not os.path.exists(stop):
        rounds += 1
        for pid in os.listdir("/proc"):
            if not pid.isdigit() or pid == own:
                continue
            for part in ("cmdline", "environ"):
                data = slurp(f"/proc/{pid}/{part}")
                if part == "cmdline" and data:
                    seen.add((pid, data))
                if data and has(data, marks):
                    comm = slurp(f"/proc/{pid}/comm").decode().strip()
                    if (pid, part) not in found:
                        print("FOUND", part, comm, flush=True)
                    found.add((pid, part))
    print("LOOKED rounds", rounds, "programs", len(seen))


def watch(marks, stop):
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.inotify_init1(os.O_NONBLOCK)
    create, attrib, moved, modify, closed = 0x100, 0x4, 0x80, 0x2, 0x8
    places, events, holding = {}, 0, 0
    deep = ("/etc/postfix", "/etc/relayhost", "/var/lib/relayhost", "/tmp/")

    def look(path):
        """A file that holds it must be 0600 and root's whenever one looks."""
        nonlocal holding
        try:
            found = os.lstat(path)
            if stat.S_ISDIR(found.st_mode):
                if path.startswith(deep):
                    add(path)
            elif stat.S_ISREG(found.st_mode) and has(slurp(path), marks):
                holding += 1
                if found.st_mode & 0o7177 or found.st_uid or found.st_gid:
                    print("FOUND wide", oct(found.st_mode), path, flush=True)
        except OSError:
            pass

    def add(directory):
        wd = libc.inotify_add_watch(fd, directory.encode(), create | attrib | moved | modify | closed)
        if wd >= 0 and wd not in places:
            places[wd] = directory
            for name in os.listdir(directory):
                look(os.path.join(directory, name))

    for top in ("/etc", "/etc/postfix", "/etc/relayhost", "/var/lib", "/tmp", "/var/tmp", "/run", "/root", "/"):
        add(top)
    print("READY", flush=True)
    while True:
        over = os.path.exists(stop)
        try:
            data = os.read(fd, 1 << 16)
        except BlockingIOError:
            if over:
                break
            select.select([fd], [], [], 0.02)
            continue
        at = 0
        while at < len(data):
            wd, mask, _, size = struct.unpack_from("iIII", data, at)
            name = data[at + 16:at + 16 + size].rstrip(b"\0").decode()
            at += 16 + size
            events += 1
            if mask & 0x4000:
                print("FOUND overflow: events were lost")
            look(os.path.join(places.get(wd, ""), name))
    print("LOOKED events", events, "holding", holding)


def files(marks):
    count = size = 0
    # Pictures of kernel state are no files; what is bound read-only from the machine is no part of the host.
    for top in ("/", "/tmp", "/run", "/dev/shm", "/lab/mailbox", "/lab/relay-log"):
        for directory, names, files in os.walk(top):
            names[:] = [n for n in names if not os.path.ismount(os.path.join(directory, n))]
            for name in files:
                path = os.path.join(directory, name)
                try:
                    found = os.lstat(path)
                except OSError:
                    continue
                if not stat.S_ISREG(found.st_mode):
                    continue
                data = slurp(path)
                count, size = count + 1, size + len(data)
                if has(data, marks):
                    up = os.stat(directory)
                    print("FOUND", path, oct(found.st_mode & 0o7777)[2:], found.st_uid, found.st_gid,
                          oct(up.st_mode & 0o7777)[2:], up.st_uid)
                elif has(path.encode(), marks):
                    print("FOUND name", path)
    print("LOOKED files", count, "bytes", size)


def unescape(text):
    return re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), text)


def strace(marks, trace):
    """Needs -f -y -xx -v. Every file that was written with it must have been made with 0600 and never widened."""
    umask, made, widest, got, execs, lines = {}, {}, {}, set(), 0, 0
    started = {}
    for raw in open(trace, "rb"):
        pid, _, line = raw.rstrip(b"\n").partition(b" ")
        line = line.strip()
        if line.endswith(b"<unfinished ...>"):
            started[pid] = line[:-len(b"<unfinished ...>")].rstrip()
            continue
        resumed = re.match(rb"<\.\.\. \w+ resumed>(.*)", line)
        if resumed:
            line = started.pop(pid, b"") + resumed[1]
        call = re.match(rb"(\w+)\(", line)
        if not call:
            continue
        lines += 1
        name, line = call[1].decode(), unescape(line)
        secret = has(line, marks)
        if name in ("clone", "clone3", "fork", "vfork"):
            child = re.search(rb"= (\d+)", line)
            if child:
                umask[child[1]] = umask.get(pid, 0o022)
        elif name == "umask":
            umask[pid] = int(re.search(rb"umask\((\d+)", line)[1], 8)
        elif name in ("open", "openat", "creat"):
            opened = re.search(rb", (0\d+)\)\s+= \d+<(.*)>$", line)
            if opened and b"O_CREAT" in line:
                mode = int(opened[1], 8) & ~umask.get(pid, 0o022)
                made[opened[2]] = mode
                widest[opened[2]] = widest.get(opened[2], 0) | mode
        elif name in ("chmod", "fchmod", "fchmodat"):
            path = re.search(rb"<(.*?)>|\"(.*?)\"", line)
            mode = re.search(rb", (0\d+)", line)
            if path and mode:
                key = path[1] or path[2]
                widest[key] = widest.get(key, 0) | int(mode[1], 8)
        elif name == "execve":
            execs += 1
            if secret:
                print("FOUND execve", line[:60])
        elif name in ("write", "pwrite64", "writev", "sendto", "sendmsg"):
            if secret:
                target = re.match(rb"\w+\(\d+<(.*?)>", line)
                got.add(target[1] if target else b"?")
        elif secret and name != "read":
            print("FOUND in", name)
    for target in sorted(got):
        place = target.decode()
        if place.startswith("pipe:"):
            print("RECEIVED pipe")
            continue
        mode = widest.get(target)
        print("RECEIVED", place, "never seen made" if mode is None else oct(mode)[2:])
        if mode is None or mode & 0o177:
            print("FOUND wide", place)
    print("LOOKED calls", lines, "programs", execs, "received", len(got))


if __name__ == "__main__":
    marks = forms(sys.argv[2])
    {"procs": procs, "watch": watch, "files": files, "strace": strace}[sys.argv[1]](marks, *sys.argv[3:])
