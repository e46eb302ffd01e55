"""Runs in a lab host next to a relay that takes any login, by scripts/bench: measures what a login of smtp(8) takes with PLAIN,
and with XOAUTH2 by the plugin, the same relay, conversation and length of the secret. Prints a table, and exits with 1 if the
bound is exceeded."""

import os
import re
import statistics
import subprocess
import sys
import time

from measure import run, table, within

ROUNDS = 60  # messages of each kind
MORE = 1.1  # bound: nothing that can be measured
SECRET = "x" * 1500  # as long as Microsoft's tokens
LOG = "/var/log/maillog"
CONF = "/etc/postfix/"
KINDS = {"plain": "plain", "bearer": "xoauth2"}  # transport, mechanism
DELAYS = re.compile(r"postfix/(\w+)/smtp\[.*delays=[\d.e-]+/[\d.e-]+/([\d.e-]+)/[\d.e-]+, .*status=(\w+)")


def set_up():
    os.symlink("/lab/plugin.so", "/usr/lib64/sasl2/librelayhost-xoauth2.so")
    with open(CONF + "login", "w") as file:
        file.write(f"[relay.lab.test]:587 alerts@example.com:{SECRET}\n")
    with open(CONF + "master.cf", "a") as file:
        for name, mechanism in KINDS.items():
            file.write(f"{name} unix - - n - - smtp\n  -o smtp_sasl_mechanism_filter={mechanism} -o syslog_name=postfix/{name}\n")
    transports = ", ".join(f"{{ {name}.example.com = {name}:[relay.lab.test]:587 }}" for name in KINDS)
    # Connections are not kept, and times are written to the microsecond.
    subprocess.run(["postconf", "-e", "smtp_sasl_auth_enable=yes", "smtp_sasl_security_options=noanonymous",
                    f"smtp_sasl_password_maps=hash:{CONF}login", f"transport_maps=inline:{{ {transports} }}",
                    "smtp_connection_cache_on_demand=no", "delay_logging_resolution_limit=6"], check=True)
    run(["/usr/sbin/postmap", CONF + "login"])
    run(["/usr/sbin/postfix", "reload"])
    time.sleep(1)


def login(name):
    """Milliseconds from the first packet of a connection to the end of its login, as smtp(8) has logged them."""
    start = os.path.getsize(LOG)
    subprocess.run(["/usr/sbin/sendmail", f"ops@{name}.example.com"], input=b"alert\n", check=True)
    end = time.monotonic() + 20
    while time.monotonic() < end:
        with open(LOG) as file:
            file.seek(start)
            seen = DELAYS.search(file.read())
        if seen:
            if seen[1] != name or seen[3] != "sent":
                sys.exit(f"bench: error: {seen[0]}")
            return float(seen[2]) * 1000
        time.sleep(0.005)
    sys.exit(f"bench: error: no message has left by {name}")


def measure():
    times = {name: [] for name in KINDS}
    for name in KINDS:
        login(name)  # starts the process
    for number in range(ROUNDS):
        # Each of them is the first one every other time.
        for name in sorted(KINDS, reverse=number % 2 == 1):
            times[name].append(login(name))
    plain, bearer = (statistics.median(times[name]) for name in KINDS)
    return [("smtp(8) login, PLAIN", plain, None, None), ("smtp(8) login, XOAUTH2", bearer, plain, MORE * plain)]


set_up()
sys.exit(0 if within(lambda: table(measure())) else 1)
