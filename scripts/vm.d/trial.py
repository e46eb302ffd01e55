"""What a scenario is given: a machine, a relay, and a way to say what was shown. Prints one line for each check."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

from machine import PATIENCE, Failed, Machine


class Relay:
    """The lab's relay of this namespace. It is not there before start()."""

    def __init__(self):
        self.root = os.environ['VM_RELAY_ROOT']
        self.mailbox = os.path.join(self.root, 'lab/mailbox')

    def start(self, name='submission'):
        script = os.path.join(os.environ['LAB_D'], 'relay.sh')
        done = subprocess.run([script, 'start', name, self.root], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            raise Failed(f'the relay {name} did not start: {done.stdout}')

    def stop(self):
        """Ends all that runs in the relay's tree."""
        for name in os.listdir('/proc'):
            try:
                if name.isdigit() and os.path.samefile(f'/proc/{name}/root', self.root):
                    os.kill(int(name), signal.SIGKILL)
            except OSError:
                pass
        time.sleep(0.2)

    def messages(self):
        """The texts of what is in the mailbox, by file name."""
        texts = {}
        for part in ('new', 'cur'):
            directory = os.path.join(self.mailbox, part)
            for name in os.listdir(directory) if os.path.isdir(directory) else ():
                with open(os.path.join(directory, name), errors='replace') as file:
                    texts[name] = file.read()
        return texts

    def await_messages(self, number, having='', seconds=20):
        """The messages with HAVING in them, when there are that many; what there is, when the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            found = {name: text for name, text in self.messages().items() if having in text}
            if len(found) >= number or time.monotonic() > deadline:
                return found
            time.sleep(0.1)


class Receiver:
    """A receiver of webhooks by HTTPS, at the relay's address and not of the relay: it goes on when that dies."""

    PORT = 8443

    def __init__(self, directory):
        self.address = f'{os.environ["LAB_RELAY4"]}:{self.PORT}'
        self.file = os.path.join(directory, 'webhooks')
        certificates = os.path.join(os.environ['LAB_CACHE'], 'ca')
        program = os.path.join(os.environ['LAB_TOP'], 'tests/lab/scripts/webhook.py')
        subprocess.Popen([sys.executable, '-B', program, self.address, f'{certificates}/server.pem',
                          f'{certificates}/server.key', self.file], stdin=subprocess.DEVNULL)

    def events(self):
        """What it was told, by field."""
        if not os.path.exists(self.file):
            return []
        with open(self.file) as file:
            return [json.loads(json.loads(line)['body']) for line in file]


class Trial:
    """One scenario's course."""

    def __init__(self, box, payload, state=None):
        self.box, self.payload, self.state = box, payload, state
        # The state that is kept has the disk's name in it, so it is made in its place.
        self.directory = os.environ.get('VM_KEEP') or os.environ['VM_DIR']
        self.relay = Relay()
        # More words for the kernel of each machine.
        self.parameters = ''
        self.vm = None
        self.passed = self.failed = 0
        self.since = time.monotonic()

    def check(self, text, good, detail=''):
        """A line of what was shown, or of what was not; DETAIL is for the latter."""
        now = time.monotonic()
        word = 'ok  ' if good else 'FAIL'
        print(f'   {word}  {text}  ({now - self.since:.1f} s)', flush=True)
        self.since = now
        if good:
            self.passed += 1
        else:
            self.failed += 1
            for line in str(detail).rstrip().splitlines():
                print(f'         {line}', flush=True)
        return good

    def fact(self, text):
        for line in text.splitlines():
            print(f'         {line}', flush=True)

    note = fact

    def heading(self, text):
        print(f'   {text}:', flush=True)

    def machine(self, disk=None):
        """A machine that is off: with the box's disk, or another."""
        return self.new(disk or f'{self.box}/disk.raw', 'raw')

    def new(self, disk, form):
        self.vm = Machine(self.directory, f'{self.box}/kernel', f'{self.box}/initrd', parameters=self.parameters)
        self.vm.add_disk(disk, form)
        self.vm.add_disk(self.payload)
        return self.vm

    def booted(self):
        """A machine that has booted: from the state that main.py has kept, which takes a second instead of a boot."""
        self.resumed()
        self.mount_payload()
        self.guest('provision.sh')
        return self.vm

    def resumed(self):
        """A machine as it was where this scenario begins: at the end of another one, or when the box had booted."""
        self.new(f'{self.state}/disk0.qcow2', 'qcow2').resume(f'{self.state}/memory')
        # A kept state has the time of its making, and keys and certificates may be younger.
        self.vm.run(f'date -s @{time.time():.3f}')
        return self.vm

    def keep(self):
        """Keeps the machine as it is, for the scenarios that begin where this one ends, and ends it."""
        self.vm.run('sync; echo 3 >/proc/sys/vm/drop_caches')
        self.vm.suspend(f'{self.directory}/memory')

    def mount_payload(self):
        self.vm.run('mountpoint -q /lab/payload || mount /lab/payload')

    def boot(self, *options):
        """Starts the machine and waits for its agent; returns the seconds."""
        begin = time.monotonic()
        self.vm.start(*options)
        self.vm.await_agent()
        return time.monotonic() - begin

    def install_offline(self, how):
        """A disk with a system into which the package was installed while it was off."""
        disk = os.path.join(os.path.dirname(self.payload), f'{how}-{os.getpid()}-{time.monotonic_ns()}.raw')
        script = os.path.join(os.path.dirname(__file__), 'offline.sh')
        done = subprocess.run([script, how, self.box, os.path.join(os.path.dirname(self.payload), 'payload'), disk],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.shown(done.stdout)
        if done.returncode != 0:
            raise Failed(f'{how}: exit status {done.returncode}\n{done.stderr}')
        return disk

    def guest_facts(self, script, *words):
        """Runs one of vagrant/'s scripts; what it shows is counted, and the rest is returned."""
        facts = []
        self.guest(script, *words, on_fact=facts.append)
        return facts

    def times(self, word):
        """The three numbers of cut.sh prepare, or of times."""
        facts = self.guest_facts('tests/cut.sh', word)
        for line in facts:
            if line.startswith('times '):
                return tuple(float(word) for word in line.split()[1:])
        raise Failed('cut.sh has not said how long it takes\n' + '\n'.join(facts))

    def guest(self, script, *words, on_fact=None):
        """Runs one of vagrant/'s scripts in the guest, and counts what it shows."""
        line = ' '.join([f'/lab/payload/{script}', *words])
        starved = self.vm.starved()
        # The script has limits of its own, and main.py one for the whole scenario.
        status, out, errors = self.vm.run(f'RELAYHOST_PATIENCE={PATIENCE} /bin/bash {line}', seconds=300 * PATIENCE, check=False)
        failures = self.shown(out, self.vm.starved() - starved, on_fact)
        if status != 0 and failures == 0:
            self.check(f'{line} ends with exit status {status}', False, errors)

    def shown(self, out, starved=0.0, on_fact=None):
        """Counts the lines of a test script: `ok` or `FAIL` first; `ms` is a time that must be within a minute, without what
        the machine was kept waiting for a processor. The number of failures.
        """
        failures = 0
        for text in out.splitlines():
            word, _, rest = text.partition(' ')
            if word == 'ms':
                took = int(rest) / 1000
                waited = f', {starved:.0f} of them for a processor' if starved >= 1 else ''
                failures += not self.check(f'within a minute: {took:.0f} s{waited}', took - starved <= 60)
            elif word in ('ok', 'FAIL'):
                failures += not self.check(rest.strip(), word == 'ok')
            else:
                (on_fact or self.fact)(text)
        return failures

    def finish(self):
        """Ends the machine and prints the sums, and the seconds of a processor that all of it took; for main.py to read."""
        if self.vm and self.vm.process and self.vm.process.poll() is None:
            self.vm.cut()
        times = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(f'sum {self.passed} {self.failed} {times.ru_utime + times.ru_stime:.1f}', flush=True)


def conduct(work, trial):
    """Does a scenario's work; what that did not foresee is a failure, shown with the machine's console."""
    try:
        work()
    except Failed as error:
        trial.check(str(error).splitlines()[0], False, '\n'.join(str(error).splitlines()[1:]))
        if trial.vm:
            trial.fact('console: ' + trial.vm.console()[-1500:].replace('\n', '\n         '))
    finally:
        trial.finish()
