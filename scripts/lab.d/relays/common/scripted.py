#!/usr/bin/python3
"""An SMTP server that follows a script, for what no real server can be configured to do.

`scripted.py "PORT …" FILE`: FILE is described in ../README.md. Port 465 speaks TLS from the first byte. What FILE leaves
out goes well, up to the end of the message: that is refused unless FILE takes it, and then it lies in the mailbox.
Leaves for the background when its ports listen. SCRIPTED_LOG is its log, where that is not a relay's of the lab."""
import base64
import os
import re
import socket
import socketserver
import ssl
import struct
import sys
import threading
import time

GOOD = {
    "CONNECT": "220 relay.lab.test ESMTP",
    "STARTTLS": "220 2.0.0 Ready to start TLS",
    "PROMPT": "334 ",
    "NOTLS": "530 5.7.0 Must issue a STARTTLS command first",
    "NOLOGIN": "530 5.7.0 Authentication required",
    "AUTH": "235 2.7.0 Authentication successful",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "END": "554 5.3.0 This relay keeps nothing",
}
OPTIONS = {"NAME": "relay.lab.test", "OFFER": "PLAIN LOGIN", "LOGIN": "required", "TLS": "required", "CERT": "server",
           "SIZE": "", "CIPHERS": ""}
# How many answers a mechanism has, its first one included; for others the script says it.
PROMPTS = {"LOGIN": 2, "PLAIN": 1, "XOAUTH2": 1, "OAUTHBEARER": 1}
STAGES = ("EHLO", "HANDSHAKE", *GOOD)


class Script:
    """The lines of FILE: options, and for each stage its rules, the first that fits decides."""

    def __init__(self, path):
        self.options, self.rules, self.lock = dict(OPTIONS), [], threading.Lock()
        with open(path, encoding="utf-8") as file:
            for line in filter(None, (line.rstrip("\n") for line in file)):
                if not line.startswith("#"):
                    self.add(line)

    def add(self, line):
        found = re.fullmatch(r"([A-Z]+)(?:/(.*?)/)?(?:\*(\d+))? (.*)", line)
        stage, condition, times, text = found.groups() if found else ("", None, None, "")
        if stage in STAGES:
            self.rules.append([stage, re.compile(condition or ""), int(times or 1 << 30), text])
        elif stage in OPTIONS and condition is None and times is None:
            self.options[stage] = text
        else:
            sys.exit(f"scripted.py: not understood: {line}")

    def reply(self, stage, said=""):
        with self.lock:
            for rule in self.rules:
                if rule[0] == stage and rule[2] > 0 and rule[1].search(said):
                    rule[2] -= 1
                    return rule[3]
        return GOOD.get(stage)


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        self.stream, self.secure, self.known = self.request, False, False
        self.lines = self.stream.makefile("rb")
        try:
            if self.server.server_address[1] == 465:
                self.handshake()
            self.say("CONNECT")
            while line := self.lines.readline():
                self.command(line.decode("latin-1").strip())
        except (OSError, EOFError):
            pass

    def send(self, text):
        log(f"> {text}")
        self.stream.sendall(re.sub(rb"\\(n|\\|x[0-9a-f]{2})", octets, text.encode()) + b"\r\n")

    def say(self, stage, said=""):
        """Answers as the script says, and tells the code's first digit."""
        pause, reply = re.fullmatch(r"(?:after (\d+)s )?(.*)", SCRIPT.reply(stage, said)).groups()
        time.sleep(int(pause or 0))
        self.act(stage, reply)
        self.send(reply)
        if reply.startswith("421"):
            raise EOFError
        return reply[0]

    def act(self, stage, reply):
        """What is not a reply."""
        if reply == "silent":
            log(f"> (silent at {stage})")
            while True:
                time.sleep(3600)
        if reply == "hangup":
            raise EOFError
        if reply == "reset":
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.request.close()
            raise EOFError

    def command(self, line):
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        # A login's words are a secret, even one that nobody checks.
        log(f"< {verb} {'…' if verb == 'AUTH' else argument}")
        if verb in ("EHLO", "HELO"):
            self.ehlo(argument)
        elif verb == "STARTTLS" and not self.secure:
            if self.say("STARTTLS") == "2":
                self.handshake()
        elif not self.secure and verb in ("AUTH", "MAIL") and SCRIPT.options["TLS"].startswith("required"):
            self.say("NOTLS")
        elif not self.known and verb == "MAIL" and SCRIPT.options["LOGIN"] == "required":
            self.say("NOLOGIN", argument)
        elif verb == "AUTH":
            self.auth(argument.split())
        elif verb == "DATA":
            self.data()
        elif verb == "QUIT":
            self.send("221 2.0.0 Bye")
            raise EOFError
        elif verb in ("MAIL", "RCPT"):
            self.say(verb, argument)
        else:
            self.send("250 2.0.0 Ok" if verb in ("RSET", "NOOP") else "502 5.5.2 Command not recognized")

    def ehlo(self, name):
        if SCRIPT.reply("EHLO", name) is not None:
            self.say("EHLO", name)
            return
        tls, offer, size = (SCRIPT.options[key] for key in ("TLS", "OFFER", "SIZE"))
        lines = [SCRIPT.options["NAME"], "ENHANCEDSTATUSCODES"]
        if tls != "none" and not self.secure:
            lines.append("STARTTLS")
        if offer != "none" and (self.secure or not tls.startswith("required")):
            lines.append("AUTH " + offer.replace("nothing", ""))
        if size:
            lines.append(f"SIZE {size}")
        self.send("\\n".join([f"250-{line}" for line in lines] + ["250 8BITMIME"]))

    def handshake(self):
        reply = SCRIPT.reply("HANDSHAKE")
        if reply is not None:
            self.act("HANDSHAKE", reply)
            self.request.recv(4096)  # what the client began with: with that unread, the connection would end in a reset
            self.send(reply)
            raise EOFError
        try:
            self.stream = self.context().wrap_socket(self.request, server_side=True)
        except ssl.SSLError as error:
            log(f"> (TLS: {error})")
            raise
        self.lines, self.secure = self.stream.makefile("rb"), True

    def context(self):
        context, options = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), SCRIPT.options
        context.load_cert_chain(f"/lab/ca/{options['CERT']}.pem", f"/lab/ca/{options['CERT']}.key")
        words = options["TLS"].split()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if "old" in words:
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
            context.set_ciphers("ALL:@SECLEVEL=0")
        if "1.2" in words:
            context.maximum_version = ssl.TLSVersion.TLSv1_2
        if "client-certificate" in words:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations("/lab/ca/ca.pem")
        if options["CIPHERS"]:
            context.set_ciphers(options["CIPHERS"])
        return context

    def auth(self, words):
        mechanism = words[0].upper() if words else ""
        if mechanism not in SCRIPT.options["OFFER"].split():
            self.send("504 5.7.4 Unrecognized authentication type")
            return
        answers = [base64.b64decode(word) for word in words[1:] if word != "="]
        for prompt in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6")[len(answers) : PROMPTS.get(mechanism, 0)]:
            self.send(f"334 {prompt}" if mechanism == "LOGIN" else SCRIPT.reply("PROMPT"))
            answers.append(base64.b64decode(self.lines.readline()))
        said = " ".join(filter(None, b"\0".join(answers).decode("utf-8", "replace").split("\0")))
        while (digit := self.say("AUTH", said)) == "3":
            # An empty line is XOAUTH2's answer to an error.
            if self.lines.readline().strip() in (b"*", b"*" if mechanism == "XOAUTH2" else b""):
                self.send("501 5.5.2 Cancelled")
                return
        self.known = digit == "2"

    def data(self):
        if self.say("DATA") != "3":
            return
        message = []
        while (line := self.lines.readline()) and line != b".\r\n":
            message.append(line.removeprefix(b"."))
        if self.say("END", b"".join(message).decode("utf-8", "replace")) == "2":
            with open(f"/lab/mailbox/new/{time.time_ns()}.scripted", "wb") as file:
                file.writelines(message)


def octets(escape):
    """What an escape in a reply stands for."""
    return {b"n": b"\r\n", b"\\": b"\\"}.get(escape[1]) or bytes([int(escape[1][1:], 16)])


class Server(socketserver.ThreadingTCPServer):
    address_family = socketserver.socket.AF_INET6  # IPv4 too: Linux maps it
    allow_reuse_address = daemon_threads = True


def log(text):
    with open(os.environ.get("SCRIPTED_LOG", "/var/log/relay/mail.log"), "a", encoding="utf-8") as file:
        print(time.strftime("%b %e %H:%M:%S"), "relay scripted:", text, file=file)


SCRIPT = Script(sys.argv[2])
servers = [Server(("::", int(port)), Session) for port in sys.argv[1].split()]
if os.fork() == 0:
    os.setsid()
    for server in servers[1:]:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
