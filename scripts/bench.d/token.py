"""Runs in a lab host with the identity provider, by scripts/bench: measures `relayhost token` with nothing due over the start of
the program, and what a mint takes over the round trips that it cannot do without: TCP, TLS, one question. Prints a table, and exits with 1 if a bound is
exceeded."""

import os
import re
import shutil
import socket
import ssl
import statistics
import sys
import time
import urllib.parse

from measure import run, table, within

RELAYHOST = "/usr/sbin/relayhost"
START = [RELAYHOST, "--version"]
TOKEN = [RELAYHOST, "token"]
MINT = [RELAYHOST, "token", "--force"]
ROUNDS = 20
NOTHING, OVER = 5, 20  # bounds, in ms
ANSWERS = "/etc/relayhost/answers.toml"
TOKENS = "/var/lib/relayhost/tokens"
HOST = "login.microsoftonline.com"
BUNDLES = ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem", "/etc/ssl/certs/ca-certificates.crt"]


def secret():
    """The answers' application proves itself with a secret: no signature is measured twice."""
    with open(ANSWERS) as file:
        text = file.read()
    text = re.sub(r"(?m)^flow .*", 'flow = "secret"', text)
    text = re.sub(r"(?m)^client_id .*", 'client_id = "12345678-90ab-cdef-1234-567890abcdef"', text)
    text = re.sub(r"(?m)^certificate .*", 'client_secret_file = "/etc/relayhost/client-secret"', text)
    with open(ANSWERS, "w") as file:
        file.write(text)
    tenant = re.search(r'(?m)^tenant *= "(.*?)"', text)[1]
    with open("/etc/relayhost/client-secret") as file:
        form = {"grant_type": "client_credentials", "client_id": "12345678-90ab-cdef-1234-567890abcdef",
                "client_secret": file.readline().strip(), "scope": "https://outlook.office365.com/.default"}
    body = urllib.parse.urlencode(form)
    return (f"POST /{tenant}/oauth2/v2.0/token HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Length: {len(body)}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n\r\n{body}").encode()


def question(context, words):
    """The same question, by nobody who reads the answer."""
    start = time.perf_counter()
    with socket.create_connection((HOST, 443)) as plain, context.wrap_socket(plain, server_hostname=HOST) as stream:
        stream.sendall(words)
        answer = b""
        while part := stream.recv(65536):
            answer += part
    if b"access_token" not in answer:
        sys.exit(f"bench: error: the identity provider says {answer[:300]}")
    return (time.perf_counter() - start) * 1000


def measure(context, words):
    times = {"start": [], "nothing": [], "floor": [], "mint": []}
    # Each mint leaves a former token, which is hidden in all output as long as it lives: a host has one or two.
    shutil.rmtree(TOKENS, ignore_errors=True)
    run(MINT)
    for _ in range(ROUNDS):
        times["start"].append(run(START))
        times["nothing"].append(run(TOKEN))
    for _ in range(ROUNDS):
        times["floor"].append(question(context, words))
        times["mint"].append(run(MINT))
    return {name: statistics.median(values) for name, values in times.items()}


def rows(t):
    return [
        ("floor: relayhost --version", t["start"], None, None),
        ("token, nothing due", t["nothing"], t["start"], t["start"] + NOTHING),
        ("floor: the question alone", t["floor"], None, None),
        ("token --force", t["mint"], t["floor"], t["floor"] + OVER),
    ]


bundle = ssl.create_default_context(cafile=next(path for path in BUNDLES if os.path.exists(path)))
asked = secret()
sys.exit(0 if within(lambda: table(rows(measure(bundle, asked)))) else 1)
