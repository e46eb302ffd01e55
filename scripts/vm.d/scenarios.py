"""The scenarios. Each is given a Trial, and says by it what it shows. What they have the guest do is in vagrant/tests, which
Vagrant's machines run too; here is what needs a hand on the machine: boots, cuts, cables, and the relay.
"""

import json
import random
import re
import time
from datetime import datetime

from trial import Receiver


class Scenario:
    """A scenario, and the jobs that it is made of: lists of words for conduct(). BEGINS names the one at whose end it begins: that is
    a single job, above in the list, and done once, whoever asks for how many that begin there. One that mostly waits is light; one
    that takes many minutes is long, and one that shows again what two others show together is, too: left out unless it is asked for.
    """

    def __init__(self, title, conduct, begins=None, light=False, long=False, jobs=None):
        self.title, self.conduct, self.begins, self.light, self.long = title, conduct, begins, light, long
        self.jobs = jobs or (lambda cuts, seed: [()])


def delivered(trial, number=1):
    """Checks the relay's mailbox."""
    messages = trial.relay.await_messages(number)
    text = '\n'.join(messages.values())
    trial.check(f"the relay's mailbox has {number} message{'s' if number > 1 else ''}, sent with a login",
                len(messages) == number and text.count('Authenticated sender: ') == number,
                f'{len(messages)} messages\n{text}')


def configured(trial):
    """Relayhost is installed, with all that it needs, and has done its work."""
    trial.relay.start()
    trial.booted()
    trial.guest('tests/configured.sh')
    delivered(trial)


def dnf(trial):
    trial.relay.start()
    trial.booted()
    trial.guest('tests/install.sh', 'dnf')
    delivered(trial)
    trial.heading('and somebody removes cyrus-sasl-plain')
    trial.guest('tests/erase.sh')
    delivered(trial, 2)


def rpm(trial):
    trial.relay.start()
    trial.booted()
    trial.guest('tests/install.sh', 'rpm')
    delivered(trial)
    trial.heading('and the journal')
    trial.guest('tests/journal.sh')


def offline(trial, how):
    """Installed into a disk that is off; the first boot does it, the second nothing."""
    trial.relay.start()
    disk = trial.install_offline(how)
    trial.machine(disk)
    trial.fact(f'first boot: {trial.boot():.0f} s')
    trial.mount_payload()
    trial.guest('tests/boot.sh', 'first')
    delivered(trial)
    trial.vm.shut_down()
    trial.fact(f'second boot: {trial.boot():.0f} s')
    trial.mount_payload()
    trial.guest('tests/boot.sh', 'second')
    delivered(trial)


def late(trial):
    """The first boot has no network, and later no relay."""
    disk = trial.install_offline('chroot')
    vm = trial.machine(disk)
    vm.start()
    vm.link(False)
    vm.await_agent()
    trial.mount_payload()
    trial.guest('tests/late.sh', 'no-network')
    vm.link(True)
    trial.relay.start('closed')
    trial.guest('tests/late.sh', 'no-relay')
    trial.relay.stop()
    trial.relay.start()
    trial.guest('tests/late.sh', 'there')
    delivered(trial)


def logs(trial):
    trial.relay.start('greylist')
    trial.resumed()
    trial.heading('without rsyslog')
    trial.guest('tests/logs.sh', 'journal')
    trial.heading('with rsyslog')
    trial.guest('tests/logs.sh', 'maillog')


def tokens(trial):
    """An access token of 90 seconds: the timer renews it, and the next boot finds one that has ended."""
    trial.relay.start('xoauth2')
    trial.booted()
    facts = trial.guest_facts('tests/tokens.sh', 'renewed')
    ends = next((int(line.split()[1]) for line in facts if line.startswith('ends ')), 0)
    trial.vm.shut_down()
    time.sleep(max(0, ends - time.time()))
    trial.fact(f'boot with a token that has ended: {trial.boot():.0f} s')
    trial.mount_payload()
    trial.guest('tests/tokens.sh', 'ended')
    delivered(trial, 3)


def watch(trial):
    """A night: the relay dies after 03:00 of the guest's clock, the machine is started again meanwhile, and the relay comes
    back. The receiver of webhooks is beside the relay, and not of it.
    """
    trial.relay.start()
    receiver = Receiver(trial.directory)
    trial.resumed()
    trial.guest('tests/watch.sh', 'evening', receiver.address)
    trial.relay.stop()
    trial.relay.start('closed')
    trial.guest('tests/watch.sh', 'dead')
    # The machine's own clock, which a boot reads, is qemu's: it is that of the night.
    clock = trial.vm.run('date -u +%Y-%m-%dT%H:%M:%S')[1].strip()
    trial.vm.shut_down()
    trial.fact(f'boot: {trial.boot("-rtc", f"base={clock}"):.0f} s')
    trial.mount_payload()
    trial.guest('tests/watch.sh', 'booted')
    trial.relay.stop()
    trial.relay.start()
    facts = trial.guest_facts('tests/watch.sh', 'back')
    trial.fact('\n'.join(facts))
    untaken = next((int(line.split()[1]) for line in facts if line.startswith('untaken ')), 0)
    every = receiver.events()
    text = json.dumps(every, indent=1)
    # As docs/watch.md has it: a receiver drops what it has by its name and number. An answer that came too late is why it is told
    # again, and no other reason counts.
    events = list({(event['id'], event['sequence']): event for event in every}.values())
    opened, closed = [*events, {}, {}][:2]
    trial.check('the webhook was told twice, of one incident',
                [(event['event'], event['sequence']) for event in events] == [('opened', '1'), ('closed', '2')]
                and opened['id'] == closed['id'], text)
    trial.check('and nothing again that it took', len(every) - len(events) <= untaken, text)
    since, told = (datetime.fromisoformat(opened.get(key, '1970-01-01T00:00:00+00:00')) for key in ('since', 'opened'))
    took = (told - since).total_seconds()
    trial.check(f'the incident opened after three to ten minutes: {took:.0f} s', 180 <= took <= 600, text)
    trial.fact(f'it was told with {opened.get("waiting")} messages that waited')
    messages = '\n'.join(trial.relay.await_messages(5, 'Subject: alert').values())
    found = sorted(re.findall(r'^Subject: (alert \d)$', messages, re.MULTILINE))
    trial.check('the relay has each of the five alerts once', found == [f'alert {n}' for n in range(1, 6)], messages)


def burst(trial):
    trial.relay.start()
    trial.resumed()
    trial.guest('tests/burst.sh')


def upgrade(trial):
    trial.relay.start()
    trial.booted()
    trial.guest('tests/configured.sh', 'previous')
    trial.guest('tests/upgrade.sh')


def labels(trial):
    trial.relay.start()
    trial.resumed()
    trial.guest('tests/labels.sh')


def selinux(trial, seed):
    """The whole job on a machine that enforces SELinux's policy from its first process on, and a power cut."""
    trial.parameters = 'selinux=1 security=selinux'
    trial.relay.start()
    vm = trial.machine()
    trial.fact(f'boot: {trial.boot():.0f} s')
    trial.mount_payload()
    trial.guest('provision.sh')
    trial.guest('tests/install.sh', 'dnf')
    delivered(trial)
    trial.guest('tests/selinux.sh', 'work')
    trial.heading('and a power cut in relayhost apply, with a request that waits for the boot')
    vm.begin('/bin/bash /lab/payload/tests/selinux.sh cut')
    time.sleep(random.Random(f'selinux {seed}').uniform(2, 8))
    vm.cut()
    trial.fact(f'boot: {trial.boot():.0f} s')
    trial.mount_payload()
    trial.guest('tests/selinux.sh', 'after')


def prepared(trial):
    """A second configuration works, too, and how long a change to it takes is known."""
    trial.relay.start()
    trial.resumed()
    first, last, whole = trial.times('prepare')
    trial.fact(f'an apply that is left alone: files from {first:.1f} to {last:.1f} s, done after {whole:.1f} s')


def cuts(trial, what, number, seed):
    """Power cuts at random instants of a change from one configuration to another; after each boot it is one of them."""
    trial.relay.start()
    draw = random.Random(f'{what} {seed}')
    counts = {'old': 0, 'new': 0, 'mixed': 0}
    silent = recovered = 0
    for cut in range(int(number)):
        vm = trial.resumed()
        first, last, whole = trial.times('times')
        # Every other one is aimed at the moment when files change, which is short.
        instant = draw.uniform(first - 1, last + 1) if cut % 2 else draw.uniform(0, whole)
        instant = max(instant, 0)
        vm.begin(f'/bin/bash /lab/payload/tests/cut.sh {what}')
        time.sleep(instant)
        vm.cut()
        boot = trial.boot()
        trial.mount_payload()
        facts = trial.guest_facts('tests/cut.sh', 'after')
        kind, status, cleared, waits = next(line.split()[1:] for line in facts if line.startswith('state '))
        counts[kind] += 1
        recovered += int(cleared)
        good = kind != 'mixed' and status == '0' and not (what == 'deferred' and waits != 'done')
        silent += not good
        trial.note(f'cut {cut + 1} after {instant:.2f} s, boot {boot:.0f} s: {kind}'
                   f'{", cleared up at boot" if int(cleared) else ""}, verify {status}')
        if not good:
            trial.note('\n'.join(facts))
        vm.cut()
    total = sum(counts.values())
    trial.check(f'{total} power cuts: {counts["old"]} old, {counts["new"]} new, {counts["mixed"]} mixed, '
                f'{recovered} cleared up at boot; mail flows after {total - silent}', silent == 0 and total == int(number))


def shares(cuts, seed):
    """Half of the cuts for a command, half for the unit, in lots that take about as long as another scenario."""
    jobs = []
    for what, number in (('apply', (cuts + 1) // 2), ('deferred', cuts // 2)):
        lots = -(-number // 8)
        for lot in range(lots):
            size = number // lots + (lot < number % lots)
            jobs.append((what, str(size), f'{seed}.{lot}'))
    return jobs


# The longest first, so that none is left over at the end, after those at whose ends others begin.
ALL = {
    'late': Scenario('first boot without network, the relay later still', late, light=True),
    'configured': Scenario('relayhost is installed and in order, where others begin', configured),
    'prepared': Scenario('two configurations, where power cuts begin', prepared, begins='configured'),
    'watch': Scenario('a night: the relay dies, and alarms tell it by other ways; a boot; it comes back', watch,
                      begins='configured'),
    'cuts': Scenario('power cuts', cuts, begins='prepared', jobs=shares),
    'rpm': Scenario('rpm -i --nodeps on a running host; the journal', rpm),
    'logs': Scenario('the mail log in the journal and in maillog, turned over', logs, begins='configured'),
    'dnf': Scenario('dnf install on a running host; dnf remove cyrus-sasl-plain', dnf),
    # `late` begins with the same installation and ends with the same message, and `installroot` boots a second time.
    'chroot': Scenario('installed in a chroot, first and second boot', lambda trial: offline(trial, 'chroot'), long=True),
    'installroot': Scenario('installed with --installroot, first and second boot',
                            lambda trial: offline(trial, 'installroot')),
    'tokens': Scenario('an access token, renewed by the timer and at a boot', tokens, light=True, long=True),
    'upgrade': Scenario('upgrade from the previous release', upgrade),
    'burst': Scenario('eight requests in a moment, and answers that come later', burst, begins='configured'),
    'selinux': Scenario('SELinux enforcing: the whole job, wrong labels, a power cut', selinux, long=True,
                        jobs=lambda cuts, seed: [(str(seed),)]),
    'labels': Scenario('SELinux labels of replaced files', labels, begins='configured'),
}
