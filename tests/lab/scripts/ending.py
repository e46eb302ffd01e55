"""The end of a program that got a signal, for blocked.py and during.py."""
import subprocess
import time


def wait(process, begin, patience):
    """Waits for the end, `patience` seconds at most, and kills what has not ended. Returns the exit status in words, and the
    seconds since `begin`."""
    try:
        status = process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        status = "never"
    return f"exit {status}", time.monotonic() - begin
