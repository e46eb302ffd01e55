#!/usr/bin/python3
"""forward.py PORT [HOST PORT]: a TCP forwarder at 127.0.0.1, which a test can switch off by killing it. Without a host to
forward to it takes connections and says nothing."""
import socket
import sys
import threading


def copy(source, target):
    try:
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


clients = []
server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    client, _ = server.accept()
    if len(sys.argv) < 4:
        clients.append(client)
        continue
    relay = socket.create_connection((sys.argv[2], int(sys.argv[3])))
    for pair in ((client, relay), (relay, client)):
        threading.Thread(target=copy, args=pair, daemon=True).start()
