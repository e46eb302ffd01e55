#!/usr/bin/python3
"""An SMTP server that follows a script, for what no real server can be configured to do.

`scripted.py "PORT …" FILE`: each line of FILE names a stage (CONNECT, EHLO, AUTH, MAIL, RCPT, DATA, END) and what to
answer there: a reply, `silent` (never anything again) or `hangup`. Stages that FILE leaves out go well, up to END: it
never takes a message. OFFER names the mechanisms in its EHLO. STARTTLS and a login are required, and any login is as
good as any other. Leaves for the background when its ports listen."""
import os
import socketserver
import ssl
import sys
import time

GOOD = {
    "CONNECT": "220 relay.lab.test ESMTP",
    "AUTH": "235 2.7.0 Authentication successful",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 End data with <CR><LF>.<CR><LF>",
    "END": "554 5.3.0 This relay keeps nothing",
}


class Session(socketserver.BaseRequestHandler):
    def handle(self):
        self.stream, self.secure, self.known = self.request, False, False
        self.lines = self.stream.makefile("rb")
        try:
            self.say("CONNECT")
            while line := self.lines.readline():
                self.command(line.decode("latin-1").strip())
        except (OSError, EOFError):
            pass

    def send(self, text):
        log(f"> {text}")
        self.stream.sendall(text.replace("\n", "\r\n").encode() + b"\r\n")

    def say(self, stage):
        """Answers as the script says, and tells whether all is still well."""
        reply = REPLIES.get(stage, GOOD.get(stage, "250 Ok"))
        if reply == "silent":
            log(f"> (silent at {stage})")
            while True:
                time.sleep(3600)
        if reply == "hangup":
            raise EOFError
        self.send(reply)
        if reply.startswith("421"):
            raise EOFError
        return reply[0] in "23"

    def command(self, line):
        verb, _, argument = line.partition(" ")
        verb = verb.upper()
        # A login's words are a secret, even one that nobody checks.
        log(f"< {verb} {'…' if verb == 'AUTH' else argument}")
        if verb in ("EHLO", "HELO"):
            self.ehlo()
        elif verb == "STARTTLS" and not self.secure:
            self.starttls()
        elif not self.secure and verb in ("AUTH", "MAIL"):
            self.send("530 5.7.0 Must issue a STARTTLS command first")
        elif not self.known and verb == "MAIL":
            self.send("530 5.7.0 Authentication required")
        elif verb == "AUTH":
            self.auth(argument.split())
        elif verb == "DATA":
            self.data()
        elif verb == "QUIT":
            self.send("221 2.0.0 Bye")
            raise EOFError
        elif verb in ("MAIL", "RCPT"):
            self.say(verb)
        else:
            self.send("250 2.0.0 Ok" if verb in ("RSET", "NOOP") else "502 5.5.2 Command not recognized")

    def ehlo(self):
        if "EHLO" in REPLIES:
            self.say("EHLO")
            return
        offer = "AUTH " + REPLIES.get("OFFER", "PLAIN LOGIN") if self.secure else "STARTTLS"
        self.send(f"250-relay.lab.test\n250-{offer}\n250-ENHANCEDSTATUSCODES\n250 8BITMIME")

    def starttls(self):
        self.send("220 2.0.0 Ready to start TLS")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain("/lab/ca/server.pem", "/lab/ca/server.key")
        self.stream = context.wrap_socket(self.request, server_side=True)
        self.lines, self.secure = self.stream.makefile("rb"), True

    def auth(self, words):
        wanted = {"LOGIN": 2, "PLAIN": 1}.get(words[0].upper() if words else "")
        if wanted is None:
            self.send("504 5.7.4 Unrecognized authentication type")
            return
        for prompt in ("VXNlcm5hbWU6", "UGFzc3dvcmQ6")[: wanted - len(words[1:])]:
            self.send(f"334 {prompt if words[0].upper() == 'LOGIN' else ''}")
            self.lines.readline()
        self.known = self.say("AUTH")

    def data(self):
        if self.say("DATA"):
            while (line := self.lines.readline()) and line != b".\r\n":
                pass
            self.say("END")


class Server(socketserver.ThreadingTCPServer):
    address_family = socketserver.socket.AF_INET6  # IPv4 too: Linux maps it
    allow_reuse_address = daemon_threads = True


def log(text):
    with open("/var/log/relay/mail.log", "a", encoding="utf-8") as file:
        print(time.strftime("%b %e %H:%M:%S"), "relay scripted:", text, file=file)


with open(sys.argv[2], encoding="utf-8") as script:
    REPLIES = dict(line.rstrip("\n").split(" ", 1) for line in script)
servers = [Server(("::", int(port)), Session) for port in sys.argv[1].split()]
if os.fork() == 0:
    os.setsid()
    for server in servers[1:]:
        socketserver.threading.Thread(target=server.serve_forever, daemon=True).start()
    servers[0].serve_forever()
