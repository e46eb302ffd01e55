"""main.py: runs the scenarios, two at a time, each in namespaces of its own, and shows each when it has ended.

Nothing outlives this process: what it starts dies with it (prctl(2), PR_SET_PDEATHSIG; pid_namespaces(7)), and the
machines' disks are on file systems of their namespaces.
"""

import argparse
import hashlib
import os
import queue
import random
import shutil
import signal
import subprocess
import sys
import threading
import time

import scenarios
from machine import Machine

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
# As scripts/box.d/tree.sh has it.
DEFAULT = 'el9-next'
GENERATION = os.environ.get('VM_GENERATION', DEFAULT)
BOX = f'{TOP}/target/box' + ('' if GENERATION == DEFAULT else f'-{GENERATION}')
STATE = f'{BOX}/state'
WORK = f'{TOP}/target/vm'
PREVIOUS = f'{TOP}/target/rpm/previous'
# After a scenario's name, where its machines are not of the default generation.
BESIDE = '' if GENERATION == DEFAULT else f' ({GENERATION})'
# No scenario may take longer, in seconds, whatever happens in it; a second in which this machine has more to do than processors
# counts for that much less.
LIMIT = 900


def say(text):
    print(f'vm: {text}', file=sys.stderr, flush=True)


def limited(process):
    """Kills PROCESS when its time is over."""
    used = 0
    while used < LIMIT:
        try:
            process.wait(5)
            return
        except subprocess.TimeoutExpired:
            used += 5 / max(1, os.getloadavg()[0] / os.cpu_count())
    process.kill()


def world(*words):
    """The command line of a job in namespaces that die with it."""
    return ['setpriv', '--pdeathsig', 'KILL', 'unshare', '--mount', '--pid', '--net', '--ipc', '--uts', '--fork',
            '--kill-child=KILL', '--propagation', 'private', '--', 'bash', f'{HERE}/world.sh',
            sys.executable, '-B', f'{HERE}/job.py', *words]


def payload():
    """A disk with what the guest is to have: the packages, the tests, the relay's CA."""
    tree, disk = f'{WORK}/payload', f'{WORK}/payload.raw'
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(WORK)
    shutil.copytree(f'{TOP}/vagrant', tree, ignore=shutil.ignore_patterns('.vagrant', 'Vagrantfile'))
    shutil.copytree(f'{TOP}/examples', f'{tree}/examples')
    shutil.copytree(f'{TOP}/tests/oauth', f'{tree}/oauth')
    shutil.copytree(f'{TOP}/target/rpm/repo', f'{tree}/packages')
    if os.path.isdir(PREVIOUS):
        shutil.copytree(PREVIOUS, f'{tree}/previous')
    shutil.copy(f'{os.environ["LAB_CACHE"]}/ca/ca.pem', tree)
    subprocess.run(['mke2fs', '-q', '-t', 'ext4', '-O', '^has_journal', '-L', 'payload', '-d', tree, disk, '64M'],
                   check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    return disk


def ready_state(disk):
    """Has the state of a booted machine there, which is made once for a box, this qemu and these options of it."""
    version = subprocess.run(['qemu-system-x86_64', '--version'], capture_output=True, check=True).stdout
    # The very disk, by its path, not one like it: the state has half of the file system in its memory, and names the disk.
    made = os.stat(f'{BOX}/disk.raw')
    options = ' '.join(Machine('/', 'kernel', 'initrd').arguments(()))
    facts = f'{options} {BOX} {made.st_ino} {made.st_mtime_ns} {os.stat(f"{BOX}/kernel").st_mtime_ns}'
    stamp = hashlib.sha256(version + facts.encode()).hexdigest()
    try:
        with open(f'{STATE}/stamp') as file:
            if file.read() == stamp:
                return
    except OSError:
        pass
    begin = time.monotonic()
    part = f'{STATE}.part'
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    environment = dict(os.environ, VM_KEEP=part)
    done = subprocess.run(world('state', BOX, disk, part), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          text=True, env=environment)
    if done.returncode != 0:
        sys.exit('vm: error: the box does not boot')
    with open(f'{part}/stamp', 'w') as file:
        file.write(stamp)
    shutil.rmtree(STATE, ignore_errors=True)
    os.rename(part, STATE)
    say(f'the box booted in {done.stdout.strip()} s; its state is kept: {time.monotonic() - begin:.0f} s in all')


class Job(threading.Thread):
    """A scenario, or a part of it. It begins where the job BEFORE has ended, or else from the state of the booted box; KEPT is where
    its own end is kept, if others begin from that. The queue ENDED gets it when it is over.
    """

    def __init__(self, name, words, disk, before, kept, ended):
        super().__init__(daemon=True)
        self.name, self.title = name, ' '.join((scenarios.ALL[name].title, *words[:2]))
        self.light = scenarios.ALL[name].light
        self.before, self.kept, self.ended = before, kept, ended
        self.command = world(name, BOX, disk, before.kept if before else STATE, *words)
        self.lines, self.passed, self.failed, self.seconds, self.used = [], 0, 0, 0.0, 0.0
        self.over = False

    def run(self):
        begin = time.monotonic()
        try:
            if self.before and self.before.failed:
                self.failed = 1
                self.lines.append(f'   FAIL  it begins where {self.before.name} ends, and that has failed')
            else:
                self.conduct()
            self.seconds = time.monotonic() - begin
            self.show()
        except Exception:
            self.failed += 1
            raise
        finally:
            self.ended.put(self)

    def conduct(self):
        environment = dict(os.environ)
        if self.kept:
            os.makedirs(self.kept)
            environment['VM_KEEP'] = self.kept
        # pdeathsig is for the death of the thread that starts it: this one, which waits.
        process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True, env=environment)
        threading.Thread(target=limited, args=(process,), daemon=True).start()
        for line in process.stdout:
            if line.startswith('sum '):
                passed, failed, used = line.split()[1:]
                self.passed, self.failed, self.used = int(passed), int(failed), float(used)
            else:
                self.lines.append(line.rstrip('\n'))
        status = process.wait()
        if self.passed + self.failed == 0 or status != 0:
            self.failed += 1
            self.lines.append(f'   FAIL  it did not end by itself (exit status {status}, limit {LIMIT} s, more under load)')

    def show(self):
        word = 'ok' if self.failed == 0 else 'FAILED'
        text = [f'\n== {self.name}{BESIDE}: {self.title}', *self.lines,
                f'-- {self.name}{BESIDE}: {word}, {self.passed} shown, {self.failed} failed, {self.seconds:.0f} s, '
                f'{self.used:.0f} s of a processor']
        print('\n'.join(text), flush=True)


def with_beginnings(names):
    """NAMES, and the scenarios at whose ends these begin, in the order of the list."""
    found = set()
    for name in names:
        while name and name not in found:
            found.add(name)
            name = scenarios.ALL[name].begins
    return [name for name in scenarios.ALL if name in found]


def jobs_of(names, disk, ended, cuts, seed):
    """The jobs of the scenarios NAMES. One at whose end others begin is a single job, and before them in the list."""
    jobs, last = [], {}
    begun = {scenarios.ALL[name].begins for name in names}
    for name in names:
        before = last.get(scenarios.ALL[name].begins)
        kept = f'{WORK}/{name}' if name in begun else None
        for words in scenarios.ALL[name].jobs(cuts, seed):
            last[name] = Job(name, words, disk, before, kept, ended)
            jobs.append(last[name])
    return jobs


def run_all(jobs, ended, machines):
    """Runs JOBS, MACHINES at a time, and those that mostly wait beside them. Of those that can begin the first in the list is next."""
    waiting, running = list(jobs), []
    while waiting or running:
        for job in list(waiting):
            ready = not job.before or job.before.over
            if ready and (job.light or sum(not other.light for other in running) < machines):
                waiting.remove(job)
                running.append(job)
                job.start()
        job = ended.get()
        job.over = True
        running.remove(job)


def run_command(words):
    """scripts/vm run [RELAY] -- COMMAND…"""
    if '--' not in words or not words[words.index('--') + 1:] or words.index('--') > 1:
        sys.exit('usage: scripts/vm run [RELAY] -- COMMAND')
    at = words.index('--')
    disk = payload()
    ready_state(disk)
    relay = words[0] if at else 'submission'
    status = subprocess.run(world('run', BOX, disk, STATE, relay, ' '.join(words[at + 1:]))).returncode
    shutil.rmtree(WORK, ignore_errors=True)
    return status


def main():
    if sys.argv[1:2] == ['run']:
        return run_command(sys.argv[2:])
    names = list(scenarios.ALL)
    parser = argparse.ArgumentParser(prog='scripts/vm', description='Runs the VM tests on plain qemu.',
                                     epilog='scripts/vm run [RELAY] -- COMMAND: that command on a booted machine')
    parser.add_argument('scenario', nargs='*', help=f'which ones (all that are not for --full): {", ".join(names)}')
    parser.add_argument('--list', action='store_true', help='list them')
    parser.add_argument('--ready', action='store_true', help='make what they begin from where it is missing, and run none')
    parser.add_argument('--full', action='store_true', help='those that take many minutes or show something again, too')
    parser.add_argument('--cuts', type=int, default=5, help='power cuts, half of `apply`, half of the deferred run (5)')
    parser.add_argument('--seed', type=int, default=None, help='for the instants of the cuts; printed, to have them again')
    parser.add_argument('--generation', metavar='G', default=GENERATION,
                        help=f'what the machines are made of: el9, el9-next, el10 or fedora ({DEFAULT})')
    parser.add_argument('--machines', type=int, default=2, help='machines at the same time (2)')
    options = parser.parse_args()
    if options.list:
        for name, scenario in scenarios.ALL.items():
            print(f'{name:12} {scenario.title}')
        return 0
    if unknown := [name for name in options.scenario if name not in scenarios.ALL]:
        parser.error(f'there is no scenario {unknown[0]}; there are: {", ".join(names)}')
    begin = time.monotonic()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1_000_000)
    disk = payload()
    ready_state(disk)
    if options.ready:
        shutil.rmtree(WORK, ignore_errors=True)
        return 0
    usual = [name for name in names if options.full or not scenarios.ALL[name].long]
    wanted = with_beginnings(options.scenario or usual)
    skipped = [name for name in wanted if name == 'upgrade' and not os.path.isdir(PREVIOUS)]
    ended = queue.SimpleQueue()
    jobs = jobs_of([name for name in wanted if name not in skipped], disk, ended, options.cuts, seed)
    run_all(jobs, ended, options.machines)
    shutil.rmtree(WORK, ignore_errors=True)
    passed, failed = (sum(getattr(job, key) for job in jobs) for key in ('passed', 'failed'))
    for name in skipped:
        print(f'\n-- {name}: skipped, for want of a previous release (a shallow clone)')
    say(f'{time.monotonic() - begin:.0f} s, of machines {sum(job.seconds for job in jobs):.0f} s, of a processor '
        f'{sum(job.used for job in jobs):.0f} s; seed {seed}')
    print(f'{passed} passed, {failed} failed' + (f', {len(skipped)} skipped' if skipped else ''), flush=True)
    return 1 if failed else 0


if __name__ == '__main__':
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
