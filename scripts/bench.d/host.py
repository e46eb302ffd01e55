"""Runs in a lab host, by scripts/bench: measures relayhost against what it cannot do without, prints a table, and exits
with 1 if a bound is exceeded. What is compared is interleaved, so that a machine that slows down slows both."""

import os
import shutil
import statistics
import sys
import time

from measure import run, table, within

RELAYHOST = "/usr/sbin/relayhost"
RPM_Q = ["/usr/bin/rpm", "-q", "--nosignature", "--nodigest", "--whatprovides",
         "postfix", "cyrus-sasl", "cyrus-sasl-plain", "s-nail"]
POSTCONF = ["/usr/sbin/postconf", "-n"]
CHECK = [RELAYHOST, "check"]
APPLY = [RELAYHOST, "apply"]
WRITE = [RELAYHOST, "apply", "--no-verify"]
RELOAD = ["/usr/sbin/postfix", "reload"]
LIST = ["/usr/sbin/postqueue", "-j"]

READS, WRITES = 30, 15  # rounds
SENDERS, TURNS, LOOKS = 5_000, 5, 6  # of [[senders]]; changes from one of them to all and back, looks after each
WAITING, LOG = 20_000, 1_000_000_000  # messages in the queue, bytes of the log
CONF = "/etc/postfix/"
ANSWERS = "/etc/relayhost/answers.toml"
STATE = "/var/lib/relayhost"
SCRATCH = "/tmp/bench/"
MAPS = ["sasl_passwd", "generic"]


def age(path):
    """Postfix waits until a file that it reads is two seconds old."""
    os.utime(path, (time.time() - 3600,) * 2)


def settle():
    """What a reload has started must not compete with what is measured next."""
    time.sleep(0.25)


def untouched():
    """The host before relayhost; packages are there. Its record goes too, or it would take this for somebody's edits."""
    shutil.rmtree(STATE, ignore_errors=True)
    for name in MAPS:
        for suffix in ("", ".db", ".lmdb"):
            if os.path.exists(CONF + name + suffix):
                os.unlink(CONF + name + suffix)
    for name in os.listdir(SCRATCH + "before"):
        shutil.copy2(SCRATCH + "before/" + name, CONF + name)
        age(CONF + name)
    run(RELOAD)
    settle()


def package(name, post):
    """Builds an empty package with this %post; returns the command that installs it once more."""
    spec = f"Name: {name}\nVersion: 1\nRelease: 1\nSummary: x\nLicense: x\nBuildArch: noarch\n%description\nx\n%files\n%post\n{post}\n"
    with open(SCRATCH + name + ".spec", "w") as file:
        file.write(spec)
    run(["/usr/bin/rpmbuild", "--quiet", "-bb", "--define", f"_topdir {SCRATCH}b", SCRATCH + name + ".spec"])
    return ["/usr/bin/rpm", "-U", "--replacepkgs", f"{SCRATCH}b/RPMS/noarch/{name}-1-1.noarch.rpm"]


def crowd():
    """A queue of many messages that wait for the relay, and a large log: a hole with lines at its end, since a look reads the
    end alone."""
    os.system(f"ip link set eth0 down; echo x | /usr/sbin/sendmail ops@example.com; python3 /lab/crowd.py {WAITING - 1}")
    log = "/var/log/maillog"
    with open(log, "rb") as file:
        lines = file.read()
    os.truncate(log, LOG)
    with open(log, "ab") as file:
        file.write(b"\n" + lines * (4_000_000 // len(lines)))


def crowded():
    """Check on such a host, and the floor with the listing, which is looked at for 2 s at the most."""
    crowd()
    run(CHECK, good=(0, 3))
    floor, check = [], []
    for _ in range(WRITES):
        floor.append(run(RPM_Q, POSTCONF, LIST))
        check.append(run(CHECK, good=(0, 3)))
    floor, check = statistics.median(floor), statistics.median(check)
    good = check <= 1.5 * floor
    print(f"{'floor, and postqueue -j':27} {floor:5.1f} ms")
    print(f"{f'check, {WAITING} wait, 1 GB log':27} {check:5.1f} ms {check / floor:6.2f} {1.5 * floor:5.1f} ms {'ok' if good else 'OVER'}")
    return good


def measure():
    times = {name: [] for name in ("floor", "check", "nothing", "write", "postmap", "reload", "true", "scriptlet")}
    for _ in range(READS):
        times["true"].append(run(TRUE))
        times["scriptlet"].append(run(SCRIPTLET))
    untouched()  # an attempt before has left a host on which there is nothing to write, so nothing would be recorded
    run(WRITE)
    age(CONF + "main.cf")
    settle()
    before = os.stat(CONF + "main.cf").st_mtime_ns
    for _ in range(READS):
        times["floor"].append(run(RPM_Q, POSTCONF))
        times["check"].append(run(CHECK))
        times["nothing"].append(run(APPLY))
    if os.stat(CONF + "main.cf").st_mtime_ns != before:
        sys.exit("bench: error: apply with nothing to do has written main.cf")

    for name in MAPS:
        shutil.copy2(CONF + name, SCRATCH + name)
    maps = [["/usr/sbin/postmap", SCRATCH + name] for name in MAPS]
    for _ in range(WRITES):
        untouched()
        times["write"].append(run(WRITE))
        run(CHECK)  # it did what it says
        age(CONF + "main.cf")
        settle()
        times["postmap"].append(run(*maps))
        times["reload"].append(run(RELOAD))
        settle()
    return {name: statistics.median(values) for name, values in times.items()}


def account(count):
    """Has an account that many senders, of which the host knows nothing yet."""
    names = ", ".join(f'"s{number}@example.com"' for number in range(count))
    login = 'auth = { username = "odd1@example.com", password = "with space" }'
    with open(ANSWERS, "w") as file:
        file.write(f"{PLAIN}\n[[senders]]\nfrom = [{names}]\n{login}\n")


def senders():
    """Check and apply with one sender, and with many. The relay is not asked for the account."""
    times = {(count, what): [] for count in (1, SENDERS) for what in ("write", "check")}
    for _ in range(TURNS):
        for count in (1, SENDERS):
            account(count)
            times[count, "write"].append(run(WRITE))
            age(CONF + "main.cf")
            settle()
            times[count, "check"].extend(run(CHECK) for _ in range(LOOKS))
    t = {key: statistics.median(values) for key, values in times.items()}
    return table([
        ("check, 1 sender", t[1, "check"], None, None),
        (f"check, {SENDERS} senders", t[SENDERS, "check"], t[1, "check"], 2 * t[1, "check"]),
        ("apply, 1 sender to write", t[1, "write"], None, None),
        (f"apply, {SENDERS} to write", t[SENDERS, "write"], t[1, "write"], 3 * t[1, "write"]),
    ])


def rows(t):
    least = t["floor"] + t["postmap"] + t["reload"]
    return [  # what, ms, its floor, bound
        ("floor: rpm -q, postconf -n", t["floor"], None, None),
        ("check", t["check"], t["floor"], 1.5 * t["floor"]),
        ("apply, nothing to do", t["nothing"], t["check"], 1.2 * t["check"]),
        (f"postmap, {len(MAPS)} maps", t["postmap"], None, None),
        ("postfix reload", t["reload"], None, None),
        ("apply, files to write", t["write"], least, least + 50),
        ("rpm -U, %post /bin/true", t["true"], None, None),
        ("rpm -U, %post scriptlet", t["scriptlet"], t["true"], t["true"] + 15),
    ]


os.makedirs(SCRATCH + "before")
TRUE = package("bench-true", "/bin/true")
SCRIPTLET = package("bench-scriptlet", f'{RELAYHOST} scriptlet post "$1" --for bench </dev/null >/dev/null 2>&1 || :')
for saved in ["main.cf", *(name for name in MAPS if os.path.exists(CONF + name))]:
    shutil.copy2(CONF + saved, SCRATCH + "before/" + saved)
if not within(lambda: table(rows(measure()))):
    sys.exit(1)
with open(ANSWERS) as answers:
    PLAIN = answers.read()
good = within(senders)
with open(ANSWERS, "w") as answers:
    answers.write(PLAIN)
run(WRITE)
sys.exit(0 if crowded() and good else 1)
