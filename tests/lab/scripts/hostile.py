#!/usr/bin/python3
"""Servers that do what no relay should, and `relayhost probe` against each of them. Prints a line for each: name, exit
status, cause, seconds, peak memory in KiB. They listen on loopback inside the lab's host; each is asked once."""
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time

from hostile_peer import CONTEXT, GREETING, OFFER, Peer, drip

TIMEOUT = float(sys.argv[1])
ONLY = sys.argv[2:]
SERVERS = {}


def server(function):
    SERVERS[function.__name__] = function
    return function


# At the greeting.
@server
def endless_greeting(peer):
    peer.for_ever(b"220-and another thing\r\n" * 100)


@server
def endless_line(peer):
    peer.for_ever(b"x" * 65536)


@server
def hundred_megabytes(peer):
    peer.send(*[b"220-" + b"x" * 1020 + b"\r\n"] * 100_000, GREETING)


@server
def byte_by_byte(peer):
    drip(peer, b"220-" + b"x" * 1_000_000)


@server
def no_line_end(peer):
    peer.send(b"220 relay ESMTP")
    peer.silent()


@server
def only_nul(peer):
    peer.for_ever(b"\0" * 65536)


@server
def another_protocol(peer):
    peer.send(b"SSH-2.0-OpenSSH_9.9\r\n")
    peer.silent()


@server
def escape_sequences(peer):
    peer.send(b"554 \x1b[2J\x1b]0;owned\x07\0\x9b31m\xc2\x9b31m\xe2\x80\xae\r\x7fgo away\r\n")
    peer.silent()


@server
def line_feeds_only(peer):
    peer.send(b"220 relay ESMTP\n")
    for _ in range(2):
        peer.line()
        peer.send(b"554 no\n")
    peer.silent()


# At EHLO.
@server
def endless_offer(peer):
    peer.up_to("EHLO").for_ever(b"250-X" + b"y" * 500 + b"\r\n")


@server
def thousand_keywords(peer):
    peer.up_to("EHLO").send(b"".join(b"250-K%d\r\n" % n for n in range(4000)), b"250 STARTTLS\r\n")
    peer.silent()


@server
def never_a_code(peer):
    peer.up_to("EHLO").for_ever(b"hello there\r\n" * 1000)


# At the handshake.
@server
def tls_garbage(peer):
    peer.up_to("HANDSHAKE").for_ever(os.urandom(65536))


@server
def tls_text(peer):
    peer.up_to("HANDSHAKE").send(b"250 what was that\r\n")
    peer.silent()


@server
def tls_half_a_record(peer):
    peer.up_to("HANDSHAKE").send(b"\x16\x03\x03\x40\x00\x02\x00")
    peer.silent()


@server
def tls_drips(peer):
    drip(peer.up_to("HANDSHAKE"), b"\x16\x03\x03\x40\x00" + b"\x02" * 16384)


@server
def tls_message_of_16_megabytes(peer):
    peer.up_to("HANDSHAKE").send(b"\x16\x03\x03\x40\x00\x02\xff\xff\xff" + b"\0" * 16380)
    peer.for_ever(b"\x16\x03\x03\x40\x00" + b"\0" * 16384)


@server
def tls_alerts_for_ever(peer):
    peer.up_to("HANDSHAKE").for_ever(b"\x15\x03\x03\x00\x02\x01\x5a" * 1000)


@server
def injected_before_tls(peer):
    """A reply in the same packet as the 220 must not be taken for one that came through TLS."""
    peer.send(GREETING)
    peer.line()
    peer.send(OFFER)
    peer.line()
    peer.send(b"220 go\r\n250 injected\r\n")
    peer.connection = CONTEXT.wrap_socket(peer.connection, server_side=True)
    for _ in range(2):
        peer.line()
        peer.send(b"554 the real one\r\n")
    peer.silent()


# After it.
@server
def endless_through_tls(peer):
    peer.up_to("EHLO2").for_ever(b"250-" + b"x" * 10_000 + b"\r\n")


@server
def questions_for_ever(peer):
    peer.up_to("AUTH")
    while True:
        peer.send(b"334 \r\n")
        peer.line()


@server
def hundred_megabyte_question(peer):
    peer.up_to("AUTH").send(b"334 ", *[b"QUFB" * 16384] * 1600, b"\r\n")
    peer.silent()


@server
def drips_at_the_recipient(peer):
    drip(peer.up_to("RCPT"), b"250-" + b"x" * 1000)


@server
def silent_at_the_end(peer):
    peer.up_to("QUIT").silent()


@server
def four_billion_rounds(peer):
    import base64
    peer.up_to("AUTH")
    first = base64.b64decode(LAST_AUTH(peer)).decode().split("r=")[1]
    peer.send(b"334 " + base64.b64encode(f"r={first}srv,s=QUFB,i=4294967295".encode()) + b"\r\n")
    peer.line()
    peer.send(b"501 cancelled\r\n")
    peer.silent()


def LAST_AUTH(peer):
    return peer.auth.split()[2]


def closes(stage):
    def function(peer):
        if stage != "CONNECT":
            peer.up_to(stage)
    SERVERS["closes_at_" + stage.lower()] = function


for name in ("CONNECT", "EHLO", "STARTTLS", "HANDSHAKE", "EHLO2", "AUTH", "MAIL", "RCPT", "RSET", "QUIT"):
    closes(name)


def listen(function):
    listener = socket.create_server(("127.0.0.1", 0))

    def accept():
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(function, connection), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    return listener.getsockname()[1]


def serve(function, connection):
    peer = Peer(connection)
    plain = peer.line

    def line():
        said = plain()
        if said.upper().startswith(b"AUTH"):
            peer.auth = said
        if said.upper().startswith(b"DATA"):
            print("BAD: DATA was said", flush=True)
        return said

    peer.line = line
    try:
        function(peer)
    except (OSError, EOFError):
        pass
    finally:
        try:
            peer.connection.close()
        except OSError:
            pass


def probe(name, port, host="127.0.0.1"):
    mechanism = "scram-sha-256" if name == "four_billion_rounds" else "plain"
    answers = f"""version = 1
[relay]
host = "{host}"
port = {port}
tls = "encrypt"
[auth]
mechanism = "{mechanism}"
username = "me"
password = "hunter2"
[verify]
to = "ops@example.com"
"""
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()
    begin = time.monotonic()
    child = subprocess.Popen(
        ["relayhost", "probe", "--json", "--timeout", f"{TIMEOUT:g}s", "--answers", "-"],
        stdin=subprocess.PIPE, stdout=out, stderr=err,
    )
    child.stdin.write(answers.encode())
    child.stdin.close()
    _, status, usage = os.wait4(child.pid, 0)
    took = time.monotonic() - begin
    code = os.waitstatus_to_exitcode(status)
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read())
    harmless = all(byte >= 32 or byte == 10 for byte in b"".join(texts)) and b"\x7f" not in b"".join(texts)
    found = json.loads(texts[0])["probe"]
    stage = found["stages"][-1]["name"]
    cause = found.get("cause", {}).get("id", found["ending"])
    print(name, code, stage, cause, f"{took:.1f}", usage.ru_maxrss, "harmless" if harmless else "BAD:harmful", flush=True)
    if b"hunter2" in b"".join(texts) or b"aHVudGVyMg" in b"".join(texts):
        print("BAD: the password is shown", flush=True)


names = ONLY or list(SERVERS)
# Several at a time: most of them take all the time that they get.
turns = threading.Semaphore(6)


def turn(name):
    with turns:
        probe(name, listen(SERVERS[name]))


threads = [threading.Thread(target=turn, args=(name,)) for name in names]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()


# Name servers, one after the other: there is one /etc/resolv.conf.
def name_server(address, udp, tcp):
    """What answers a question by datagram, and what comes over a connection."""
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, 53))
    listener = socket.create_server((address, 53))

    def answer():
        while True:
            question, client = datagrams.recvfrom(4096)
            for reply in udp(question):
                datagrams.sendto(reply, client)

    def accept():
        while True:
            connection, _ = listener.accept()
            try:
                if tcp:
                    tcp(Peer(connection))
            except OSError:
                pass
            connection.close()

    for function in (answer, accept):
        threading.Thread(target=function, daemon=True).start()


def forged(question):
    """Right in all but the number, again and again; then nothing."""
    number = int.from_bytes(question[:2], "big") ^ 1
    return [number.to_bytes(2, "big") + b"\x81\x80" + question[4:]] * 1000


def truncated(question):
    """All in it but the flag that more comes by TCP, where nothing does."""
    return [question[:2] + b"\x83\x80" + question[4:]]


def crowd(question):
    """200 addresses, at none of which anybody listens."""
    if question[-4:-2] != b"\0\1":  # A
        return [question[:2] + b"\x81\x80" + question[4:]]
    records = b"".join(b"\xc0\x0c\0\1\0\1\0\0\0\1\0\4" + bytes([127, 9, 9, number]) for number in range(1, 201))
    return [question[:2] + b"\x81\x80\0\1\0\xc8\0\0\0\0" + question[12:] + records]


NAME_SERVERS = {
    "dns_truncated": (truncated, None),
    "dns_crowd": (crowd, None),
    # The name of the answer is a pointer to itself.
    "dns_pointer": (lambda question: [question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:]
                                      + bytes([0xc0, len(question)]) + b"\0\1\0\1\0\0\0\1\0\4\x7f\0\0\1"], None),
    "dns_silent": (lambda question: [], None),
    "dns_garbage": (lambda question: [os.urandom(512) for _ in range(1000)], None),
    "dns_forged": (forged, None),
    "dns_bomb": (lambda question: [question[:2] + b"\x81\x80" + question[4:6] + b"\xff\xff" * 3 + question[12:]], None),
    "dns_ring": (lambda question: [question[:2] + b"\x81\x80\0\1\0\1\0\0\0\0" + question[12:] + b"\xc0\x0c\0\5\0\1\0\0\0\1\0\2\xc0\x0c"], None),
    "dns_drips": (lambda question: [question[:2] + b"\x83\x80" + question[4:]],
                  lambda peer: drip(peer, b"\xff\xff" + b"x" * 65535)),
}
if not ONLY:
    for number, (name, (udp, tcp)) in enumerate(NAME_SERVERS.items(), start=10):
        address = f"127.0.0.{number}"
        with open("/etc/resolv.conf", "w") as file:
            file.write(f"nameserver {address}\noptions timeout:1 attempts:5\n")
        name_server(address, udp, tcp)
        probe(name, 587, "smtp.example.com")
    names += NAME_SERVERS
print(f"hostile: {len(names)} servers")
os._exit(0)
