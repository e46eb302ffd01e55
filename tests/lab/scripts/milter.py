"""milter.py ANSWER SECONDS: a milter on port 8899 that answers so (a: accept, r: reject, t: tempfail) to a message's end,
after that time. The protocol is that of libmilter: length, command, data."""

import socket
import struct
import sys
import threading
import time

ANSWER, SECONDS = sys.argv[1].encode(), float(sys.argv[2])


def take(connection, length):
    data = b''
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise EOFError
        data += part
    return data


def send(connection, data):
    connection.sendall(struct.pack('!I', len(data)) + data)


def serve(connection):
    try:
        while True:
            (length,) = struct.unpack('!I', take(connection, 4))
            command = take(connection, length)[:1]
            if command == b'O':
                send(connection, b'O' + struct.pack('!III', 6, 0, 0))
            elif command == b'Q':
                return
            elif command == b'E':
                time.sleep(SECONDS)
                send(connection, ANSWER)
            elif command not in b'DAK':
                send(connection, b'c')
    except (EOFError, OSError):
        pass


with socket.create_server(('127.0.0.1', 8899)) as server:
    while True:
        threading.Thread(target=serve, args=server.accept()[:1], daemon=True).start()
