#!/usr/bin/python3
"""A name server, at the address and for the text of its arguments: whatever is asked for has one MX record, whose name is
that text in one label, and nothing else."""
import socket
import sys

address, text = sys.argv[1:]
label = text.encode()
assert len(label) < 64
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((address, 53))
while True:
    question, client = server.recvfrom(4096)
    end = question.index(b"\0", 12) + 5
    is_mx = question[end - 4:end - 2] == b"\0\x0f"
    answer = bytes([len(label)]) + label + b"\0"
    record = b"\xc0\x0c\0\x0f\0\1\0\0\0\1" + (len(answer) + 2).to_bytes(2, "big") + b"\0\x0a" + answer
    head = question[:2] + b"\x81\x80\0\1" + (b"\0\1" if is_mx else b"\0\0") + b"\0\0\0\0"
    server.sendto(head + question[12:end] + (record if is_mx else b""), client)
