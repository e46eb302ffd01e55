"""hostile_imap.py KIND CERTIFICATE KEY: an IMAP server that misbehaves, by TLS on 127.0.0.1:2993."""
import socket
import ssl
import sys
import threading
import time

KIND, CERTIFICATE, KEY = sys.argv[1:]
GREETING = b"* OK ready\r\n"


def endless(connection, piece):
    while True:
        connection.sendall(piece)


def speak(connection):
    lines = connection.makefile("rb")
    if KIND == "silent":
        time.sleep(60)
    if KIND == "greeting":
        connection.sendall(b"* OK ")
        endless(connection, b"x" * 4096)
    if KIND == "smtp":
        connection.sendall(b"220 mail ESMTP\r\n")
        time.sleep(5)
    connection.sendall(GREETING)
    for line in lines:
        tag, command = line.split()[:2]
        if command == b"CAPABILITY":
            connection.sendall(b"* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN IDLE\r\n")
        elif command == b"AUTHENTICATE" and KIND == "echo":
            # What was sent, and what it says: in the form of a reply, with a command and an escape sequence.
            connection.sendall(tag + b" NO " + line.split()[-1] + b" correct horse battery staple `id` \x1b[2J\r\n")
            continue
        elif command == b"LIST" and KIND == "bye":
            connection.sendall(b"* BYE tired\r\n")
            return
        elif command == b"LIST" and KIND == "closes":
            return
        elif command == b"LIST" and KIND == "literal":
            connection.sendall(b'* LIST () "/" {4000000000}\r\n')
            endless(connection, b"x" * 4096)
        elif command == b"LIST" and KIND == "lines":
            endless(connection, b'* LIST () "/" f\r\n' * 200)
        elif command == b"LIST" and KIND == "unknown":
            endless(connection, b"* HUH (((((((((\r\n" * 200)
        connection.sendall(tag + b" OK done\r\n")


def serve(raw, context):
    try:
        with context.wrap_socket(raw, server_side=True) as connection:
            speak(connection)
    except OSError:
        pass


def main():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE, KEY)
    with socket.create_server(("127.0.0.1", 2993), reuse_port=True) as listener:
        while True:
            raw, _ = listener.accept()
            threading.Thread(target=serve, args=(raw, context), daemon=True).start()


main()
