#!/usr/bin/python3
"""forward.py PORT PID [TO]: whoever connects to PORT of this machine's loopback speaks to port TO (9090: Cockpit's) of the host of
that process.
forward.py --host PID: prints the process of the host that the lab below PID runs: its systemd.

A socket stays in the network in which it was made: this one listens here, and the program then goes over to the host's."""
import os
import pathlib
import selectors
import socket
import sys
import threading


def below(pid):
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield int(child)
            yield from below(int(child))


def pump(left, right):
    """Each one's bytes to the other, until one has no more."""
    with left, right, selectors.DefaultSelector() as ready:
        ready.register(left, selectors.EVENT_READ, right)
        ready.register(right, selectors.EVENT_READ, left)
        while True:
            for key, _ in ready.select():
                try:
                    data = key.fileobj.recv(65536)
                    key.data.sendall(data)
                except OSError:
                    return
                if not data:
                    return


def serve(listener, port):
    while True:
        here, _ = listener.accept()
        try:
            there = socket.create_connection(("127.0.0.1", port))
        except OSError:
            here.close()
            continue
        threading.Thread(target=pump, args=(here, there), daemon=True).start()


def main():
    if sys.argv[1] == "--host":
        print(next(pid for pid in below(int(sys.argv[2])) if pathlib.Path(f"/proc/{pid}/comm").read_text() == "systemd\n"))
    elif sys.argv[1] == "--serve":
        serve(socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))
    else:
        listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
        listener.set_inheritable(True)
        again = [sys.executable, sys.argv[0], "--serve", str(listener.fileno()), *(sys.argv[3:] or ["9090"])]
        os.execvp("nsenter", ["nsenter", f"--net=/proc/{sys.argv[2]}/ns/net", *again])


main()
