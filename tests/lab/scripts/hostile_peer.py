"""The other end of a connection, for `hostile.py`: a relay that goes on well up to some stage."""
import ssl
import subprocess
import tempfile
import time

GREETING = b"220 relay ESMTP\r\n"
OFFER = b"250-relay\r\n250-STARTTLS\r\n250-AUTH PLAIN LOGIN CRAM-MD5 SCRAM-SHA-256\r\n250 SIZE 99999999999999999999999\r\n"
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
with tempfile.TemporaryDirectory() as place:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=hostile",
         "-keyout", f"{place}/key", "-out", f"{place}/cert"], check=True, capture_output=True)
    CONTEXT.load_cert_chain(f"{place}/cert", f"{place}/key")


class Peer:
    """The other end: `send` and `line` never raise the wrong thing, `tls` turns it into a TLS one."""

    def __init__(self, connection):
        self.connection, self.buffer = connection, b""

    def send(self, *parts):
        for part in parts:
            self.connection.sendall(part)

    def for_ever(self, part):
        while True:
            self.connection.sendall(part)

    def line(self):
        while b"\n" not in self.buffer:
            more = self.connection.recv(4096)
            if not more:
                raise EOFError
            self.buffer += more
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line

    def silent(self):
        time.sleep(3600)

    def up_to(self, stage):
        """Goes well up to the command of this stage, which is read and not answered."""
        self.send(GREETING)
        self.line()
        if stage == "EHLO":
            return self
        self.send(OFFER)
        self.line()
        if stage == "STARTTLS":
            return self
        self.send(b"220 go\r\n")
        if stage == "HANDSHAKE":
            return self
        self.connection = CONTEXT.wrap_socket(self.connection, server_side=True)
        for name in ("EHLO2", "AUTH", "MAIL", "RCPT", "RSET", "QUIT"):
            self.line()
            if stage == name:
                return self
            self.send(OFFER if name == "EHLO2" else b"235 ok\r\n" if name == "AUTH" else b"250 ok\r\n")
        raise EOFError


def drip(peer, text, pause=0.2):
    for byte in text:
        peer.send(bytes([byte]))
        time.sleep(pause)
