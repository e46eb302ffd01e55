"""blocked.py terminal|BYTES CMD…: runs CMD with a terminal that was stopped, or a pipe that has room for so many bytes, ends it
by SIGTERM, and prints its exit status and how long the end took."""
import fcntl
import os
import pty
import signal
import subprocess
import sys
import time

import ending

kind, command = sys.argv[1], sys.argv[2:]
if kind == "terminal":
    reader, writer = pty.openpty()
else:
    reader, writer = os.pipe()
    os.write(writer, b"x" * (fcntl.fcntl(writer, 1031, 4096) - int(kind)))  # F_SETPIPE_SZ
process = subprocess.Popen(command, stdin=writer if kind == "terminal" else subprocess.DEVNULL, stdout=writer, stderr=writer)
if kind == "terminal":
    seen = b""
    while b"sasl_passwd: " not in seen:
        seen += os.read(reader, 200)
    os.write(reader, b"\x13")
time.sleep(1.5)
print("blocked" if process.poll() is None else f"ended before: {process.poll()}")
begin = time.monotonic()
process.send_signal(signal.SIGTERM)
status, took = ending.wait(process, begin, 20)
print(f"{status}, {'soon' if took < 5 else f'after {took:.1f} s'}")
