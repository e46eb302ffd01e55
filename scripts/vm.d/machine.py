"""One virtual machine on plain qemu: starts and kills it, pulls its cable, and runs commands in it.

Commands go through qemu's guest agent (docs/interop/qemu-ga-ref), over a virtio serial line: it needs no network in the
guest, no login and no terminal, and gives exit status, output and errors apart.
"""

import base64
import contextlib
import json
import os
import socket
import subprocess
import time


# How many times as long as a machine of its own an emulated one may take. What it waited for a processor is taken off.
PATIENCE = 3
# Where a machine finds how many seconds that was, while a command is run in it.
STARVED = '/run/lab-starved'


class Failed(Exception):
    """The machine did not do what it should; a scenario's failure."""


class Line:
    """JSON over one of qemu's sockets, one message a line (QMP and the guest agent alike)."""

    def __init__(self, path, deadline):
        self.buffer = b''
        while True:
            self.socket = socket.socket(socket.AF_UNIX)
            try:
                self.socket.connect(path)
                return
            except OSError:
                self.socket.close()
                if time.monotonic() > deadline:
                    raise Failed(f'qemu does not open {path}') from None
                time.sleep(0.02)

    def send(self, message):
        self.socket.settimeout(10)
        try:
            self.socket.sendall(json.dumps(message).encode() + b'\n')
        except OSError as error:
            raise Failed(f'the machine does not take {message}: {error}') from None

    def receive(self, deadline):
        """The next message; None if none came in time."""
        while b'\n' not in self.buffer:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.socket.settimeout(left)
            try:
                piece = self.socket.recv(65536)
            except TimeoutError:
                return None
            except OSError as error:
                raise Failed(f'the machine is gone: {error}') from None
            if not piece:
                raise Failed('the machine is gone')
            self.buffer += piece
        line, _, self.buffer = self.buffer.partition(b'\n')
        # 0xff: the agent's mark that what came before is to be forgotten.
        return json.loads(line.rpartition(b'\xff')[2])

    def call(self, command, arguments=None, seconds=30 * PATIENCE):
        """The answer to a command. What comes without being asked for is left out."""
        message = {'execute': command}
        if arguments:
            message['arguments'] = arguments
        self.send(message)
        deadline = time.monotonic() + seconds
        while True:
            answer = self.receive(deadline)
            if answer is None:
                raise Failed(f'no answer to {command} after {seconds} s')
            if 'error' in answer:
                raise Failed(f'{command}: {answer["error"]["desc"]}')
            if 'return' in answer:
                return answer['return']


class Machine:
    """A machine with a disk of its own over the box's, which outlives power cuts; DIRECTORY is for its files. PARAMETERS are
    more words for the kernel.
    """

    def __init__(self, directory, kernel, initrd, memory=512, parameters=''):
        self.directory = directory
        self.kernel, self.initrd, self.memory = kernel, initrd, memory
        self.parameters = parameters
        self.process = self.agent = self.monitor = None
        self.waited, self.told = 0, None
        self.disks = []
        self.boots = 0

    def add_disk(self, base, form='raw'):
        """A disk that shows BASE and keeps what is written in a file of its own; nothing reaches BASE."""
        path = os.path.join(self.directory, f'disk{len(self.disks)}.qcow2')
        run('qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', form, path)
        self.disks.append(path)

    def arguments(self, options):
        socket_of = lambda name: f'{name},path={self.directory}/{name},server=on,wait=off'
        all_of = [
            'qemu-system-x86_64', '-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35',
            # Hosts with KVM would be quicker; software is the same everywhere, and enough.
            # Nehalem is what EL9 asks for; wider vectors only cost time in emulation.
            '-accel', 'tcg', '-cpu', 'Nehalem', '-smp', '1', '-m', str(self.memory),
            '-kernel', self.kernel, '-initrd', self.initrd,
            # What systemd gives a unit to start is 90 seconds: times three, like every limit here.
            '-append', ('console=ttyS0 root=/dev/vda mitigations=off quiet systemd.show_status=0 '
                        f'systemd.default_timeout_start_sec=270 {self.parameters}').rstrip(),
            '-serial', f'file:{self.directory}/console.{self.boots}',
            '-device', 'virtio-rng-pci', '-device', 'virtio-serial',
            '-chardev', 'socket,id=' + socket_of('agent'),
            '-device', 'virtserialport,chardev=agent,name=org.qemu.guest_agent.0',
            '-chardev', 'socket,id=' + socket_of('monitor'), '-mon', 'chardev=monitor,mode=control',
            # The guest reaches what this network namespace reaches: the relay, and nothing else.
            '-netdev', 'user,id=net', '-device', 'virtio-net-pci,netdev=net,id=nic,romfile=',
        ]
        for disk in self.disks:
            # writeback: what the guest has not flushed may be lost, and what it has is not. Killing qemu is then what
            # pulling the plug is: its own cache of where things are on the disk is lost too.
            all_of += ['-drive', f'file={disk},if=virtio,format=qcow2,cache=writeback']
        return all_of + list(options)

    def start(self, *options):
        self.boots += 1
        for name in ('agent', 'monitor'):
            if os.path.exists(f'{self.directory}/{name}'):
                os.unlink(f'{self.directory}/{name}')
        self.process = subprocess.Popen(self.arguments(options), stdin=subprocess.DEVNULL)
        self.waited, self.told = 0, None
        deadline = time.monotonic() + 20
        self.monitor = Line(f'{self.directory}/monitor', deadline)
        self.monitor.receive(deadline)
        self.monitor.call('qmp_capabilities')
        self.agent = Line(f'{self.directory}/agent', deadline)

    def resume(self, memory):
        """Starts from a state that suspend() has written."""
        self.start('-incoming', f'exec:cat {memory}')
        deadline = time.monotonic() + 60
        while self.monitor.call('query-status')['status'] == 'inmigrate':
            if time.monotonic() > deadline:
                raise Failed('the machine does not go on from its kept state')
            time.sleep(0.05)
        self.monitor.call('cont')
        self.await_agent()

    def suspend(self, memory):
        """Writes its state to MEMORY, and ends. The disk is then as the state knows it."""
        self.monitor.call('stop')
        self.monitor.call('migrate', {'uri': f'exec:cat >{memory}'})
        deadline = time.monotonic() + 60
        while (status := self.monitor.call('query-migrate').get('status')) != 'completed':
            if status == 'failed' or time.monotonic() > deadline:
                raise Failed(f'the state of the machine cannot be kept: {status}')
            time.sleep(0.1)
        self.monitor.send({'execute': 'quit'})
        self.process.wait(30)

    def await_agent(self, seconds=None):
        """Waits until the guest agent answers. What is sent before it listens waits for it, and takes room, so a question now
        and then is enough: ever more rarely, since a machine that gets little of our processor may take many minutes.
        """
        seconds = seconds or 80 * PATIENCE
        deadline = self.clock() + seconds
        mark = 0
        while self.clock() < deadline:
            mark += 1
            self.agent.send({'execute': 'guest-sync', 'arguments': {'id': mark}})
            until = time.monotonic() + min(5 * mark, 60)
            while (answer := self.agent.receive(until)) is not None:
                if answer.get('return') == mark:
                    return
            if self.process.poll() is not None:
                raise Failed('qemu has ended')
        raise Failed(f'the guest has not come up after {seconds} s:\n{self.console()}')

    def console(self):
        with open(f'{self.directory}/console.{self.boots}', errors='replace') as file:
            return file.read()[-4000:]

    def begin(self, command):
        """Starts a shell command in the guest and does not wait for it."""
        self.agent.call('guest-exec', {'path': '/bin/bash', 'arg': ['-c', command]})

    def run(self, command, seconds=None, check=True, data=None):
        """Runs a shell command in the guest: (status, output, errors)."""
        seconds = seconds or 20 * PATIENCE
        arguments = {'path': '/bin/bash', 'arg': ['-c', command], 'capture-output': True}
        if data is not None:
            arguments['input-data'] = base64.b64encode(data.encode()).decode()
        self.tell()
        pid = self.agent.call('guest-exec', arguments)['pid']
        deadline = self.clock() + seconds
        pause = 0.05
        while True:
            self.tell()
            state = self.agent.call('guest-exec-status', {'pid': pid})
            if state['exited']:
                break
            if self.clock() > deadline:
                raise Failed(f'not done after {seconds} s, without those in which it had no processor: {command}')
            time.sleep(pause)
            pause = min(pause * 1.5, 0.5)
        text = lambda key: base64.b64decode(state.get(key, '')).decode(errors='replace')
        status = state.get('exitcode', 128 + state.get('signal', 0))
        if check and status != 0:
            raise Failed(f'exit status {status}: {command}\n{text("out-data")}{text("err-data")}'.rstrip())
        return status, text('out-data'), text('err-data')

    def starved(self):
        """How many seconds the machine's processor was ready and had none of ours (proc_pid_schedstat)."""
        tasks = f'/proc/{self.process.pid}/task'
        # Threads for the disk come and go; the processor's stays as long as qemu runs.
        with contextlib.suppress(OSError):
            for task in os.listdir(tasks):
                with contextlib.suppress(OSError), open(f'{tasks}/{task}/schedstat') as file:
                    self.waited = max(self.waited, int(file.read().split()[1]) / 1e9)
        return self.waited

    def clock(self):
        """Seconds for limits: those in which the machine was ready and had no processor do not count."""
        return time.monotonic() - self.starved()

    def tell(self):
        """Tells the guest how long it had no processor since it started, where that is seconds more than it knows, for limits
        that are kept there. A kept state has the number of another start, so the first time it is told in any case.
        """
        starved = int(self.starved())
        if self.told is not None and starved < self.told + 2:
            return
        self.told = starved
        data = base64.b64encode(f'{starved}\n'.encode()).decode()
        # Where SELinux keeps the agent from writing, the guest's limits stay as they are.
        with contextlib.suppress(Failed):
            handle = self.agent.call('guest-file-open', {'path': STARVED, 'mode': 'w'})
            self.agent.call('guest-file-write', {'handle': handle, 'buf-b64': data})
            self.agent.call('guest-file-close', {'handle': handle})

    def cut(self):
        """Pulls the plug."""
        self.process.kill()
        self.process.wait()

    def link(self, up):
        """Plugs the network cable in, or pulls it."""
        self.monitor.call('set_link', {'name': 'nic', 'up': up})

    def shut_down(self, seconds=None):
        seconds = seconds or 80 * PATIENCE
        self.begin('systemctl poweroff')
        deadline = self.clock() + seconds
        while self.process.poll() is None:
            if self.clock() > deadline:
                raise Failed(f'the guest has not shut down after {seconds} s:\n{self.console()}')
            time.sleep(0.2)


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f'{" ".join(command)}: exit status {done.returncode}\n{done.stdout}{done.stderr}')
    return done.stdout
