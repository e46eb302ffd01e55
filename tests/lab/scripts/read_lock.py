"""read_lock.py KIND: a user who may only read the lock's file of RPM has a read lock on it: a plain one, one of an open file
description, one by a process that hides behind root's ownership in /proc, or one by a setuid program of root's. /tmp/held is
there when he has it."""
import ctypes
import fcntl
import os
import struct
import sys
import time

kind = sys.argv[1]
os.setgid(65534)
os.setuid(65534)
lock = os.open("/var/lib/rpm/.rpm.lock", os.O_RDONLY)
os.set_inheritable(lock, True)
# 37: F_OFD_SETLK
fcntl.fcntl(lock, 37 if kind == "description" else fcntl.F_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0))
# 4: PR_SET_DUMPABLE
ctypes.CDLL(None).prctl(4, 0 if kind == "hidden" else 1)
os.close(os.open("/tmp/held", os.O_CREAT, 0o666))
if kind == "setuid":
    os.execv("/tmp/sleep", ["sleep", "600"])
time.sleep(600)
