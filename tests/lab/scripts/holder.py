"""holder.py SECONDS [FILE]: holds RPM's lock, or another one, as a transaction does; /tmp/held is there when it has it."""
import fcntl
import sys
import time

lock = open(sys.argv[2] if len(sys.argv) > 2 else "/var/lib/rpm/.rpm.lock", "a")
fcntl.lockf(lock, fcntl.LOCK_EX)
open("/tmp/held", "w")
time.sleep(float(sys.argv[1]))
