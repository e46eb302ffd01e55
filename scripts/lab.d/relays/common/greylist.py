#!/usr/bin/python3
"""Postfix policy service: the first attempt of a client, sender and recipient is deferred, as greylists do.

`greylist.py DIR` keeps one empty file for each triplet in DIR; its time is that of the first attempt."""
import hashlib
import os
import sys
import time

WAIT = 5

directory = sys.argv[1]
os.makedirs(directory, exist_ok=True)
request = {}
for line in sys.stdin:
    key, _, value = line.rstrip("\n").partition("=")
    if key:
        request[key] = value
        continue
    triplet = [request.get(k, "") for k in ("client_address", "sender", "recipient")]
    path = os.path.join(directory, hashlib.sha256("\0".join(triplet).encode()).hexdigest())
    with open(path, "a"):
        known_for = time.time() - os.stat(path).st_mtime
    action = "dunno" if known_for >= WAIT else f"451 4.7.1 Greylisted, try again in {WAIT} seconds"
    print(f"action={action}\n", flush=True)
    request = {}
