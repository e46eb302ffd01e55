"""forge_line.py PAUSE TAG TEXT: as uid 65534, logs TEXT for each message of the queue, with its queue id for {id}; once, or
every PAUSE seconds if that is not 0. Knows queue ids by postqueue(1), and by the log where it may read it. In TEXT {why} is the
reason that the queue shows."""

import json
import os
import re
import socket
import subprocess
import sys
import time

PAUSE, TAG, TEXT = float(sys.argv[1]), sys.argv[2], sys.argv[3]
assert os.getuid() == 65534


def messages():
    queue = subprocess.run(['postqueue', '-j'], capture_output=True, text=True, check=False).stdout
    for line in queue.splitlines():
        try:
            message = json.loads(line)
        except ValueError:
            continue
        reasons = [one.get('delay_reason', '') for one in message['recipients']]
        yield message['queue_id'], (reasons or [''])[0]
    try:
        with open('/var/log/maillog', errors='replace') as log:
            for queue_id in re.findall(r'cleanup\[\d+\]: (\w+): message-id', log.read()):
                yield queue_id, ''
    except OSError:
        pass


said, number = {}, 4000
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
    log.connect('/dev/log')
    while True:
        for queue_id, why in messages():
            if '{why}' in TEXT and not why:
                continue
            last = said.get(queue_id)
            if last is not None and (not PAUSE or time.monotonic() - last < PAUSE):
                continue
            said[queue_id], number = time.monotonic(), number + 1
            text = TEXT.replace('{id}', queue_id).replace('{why}', why)
            log.send(f'<22>{TAG}[{number}]: {text}'.encode())
        time.sleep(0.03)
