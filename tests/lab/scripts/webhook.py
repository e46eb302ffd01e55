#!/usr/bin/env python3
"""A receiver of webhooks by HTTPS: `webhook.py [ADDRESS:]PORT CERTIFICATE KEY FILE`, at 127.0.0.1 unless told. Writes each request as a JSON line to FILE, and
answers by the first word of its path: /ok 204, /slow after two minutes, /fail 500 with words of several lines, /huge 200 and a
body without end, /drip 200 and a body that comes byte by byte, /elsewhere a redirect to /stolen."""

import http.server
import json
import ssl
import sys
import time

at, certificate, key, file = sys.argv[1:]
address, _, port = at.rpartition(":")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers["Content-Length"])
        body = self.rfile.read(length)
        if len(body) < length:
            return  # the sender has died
        body = body.decode()
        with open(file, "a") as requests:
            requests.write(json.dumps({"path": self.path, "type": self.headers["Content-Type"], "key": self.headers["X-Key"], "body": body}) + "\n")
        getattr(self, self.path.split("/")[1])()

    do_GET = do_POST

    def ok(self):
        self.send_response(204)
        self.end_headers()

    def stolen(self):
        self.ok()

    def slow(self):
        time.sleep(120)
        self.ok()

    def fail(self):
        # What is told back is the whole address, as some receivers do.
        words = f"no\r\nsuch hook \x1b[2J: {self.path} {self.headers['X-Key']}\n".encode()
        self.send_response(500)
        self.send_header("Content-Length", str(len(words)))
        self.end_headers()
        self.wfile.write(words)

    def huge(self):
        self.send_response(200)
        self.end_headers()
        while True:
            self.wfile.write(b"x" * 65536)

    def drip(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        while True:
            self.wfile.write(b"x")
            time.sleep(0.2)

    def elsewhere(self):
        self.send_response(302)
        self.send_header("Location", f"https://{self.headers['Host']}/stolen")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        pass  # a client that has gone


server = Server((address or "127.0.0.1", int(port)), Receiver)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
server.serve_forever()
