"""holder.py SECONDS: holds RPM's lock as a transaction does; /tmp/held is there when it has it."""
import fcntl
import sys
import time

lock = open("/var/lib/rpm/.rpm.lock", "a")
fcntl.lockf(lock, fcntl.LOCK_EX)
open("/tmp/held", "w")
time.sleep(float(sys.argv[1]))
