"""job.py WHAT BOX PAYLOAD STATE [WORD…]: one scenario, in the namespaces that world.sh has made; or `state`, or `run`."""

import os
import sys

import scenarios
from machine import Failed
from trial import Trial, conduct


def keep_state(trial):
    """Boots the box once and keeps the machine as it is then, for the scenarios that begin on a running host."""
    trial.machine()
    seconds = trial.boot()
    trial.vm.run('systemctl is-system-running --wait')
    trial.vm.suspend(f'{trial.state}/memory')
    print(f'{seconds:.1f}')


def whole(trial, scenario, words):
    scenario.conduct(trial, *words)
    if 'VM_KEEP' in os.environ and not trial.failed:
        trial.keep()


def run_command(trial, relay, command):
    """For people: a command on a booted machine with a relay beside it."""
    trial.relay.start(relay)
    trial.booted()
    status, out, errors = trial.vm.run(command, seconds=3600, check=False)
    sys.stdout.write(out)
    sys.stderr.write(errors)
    trial.vm.cut()
    return status


def main():
    what, box, payload, state = sys.argv[1:5]
    words = sys.argv[5:]
    trial = Trial(box, payload, state)
    try:
        if what == 'state':
            keep_state(trial)
        elif what == 'run':
            return run_command(trial, *words)
        else:
            scenario = scenarios.ALL[what]
            conduct(lambda: whole(trial, scenario, words), trial)
    except Failed as error:
        print(f'vm: error: {error}', file=sys.stderr)
        return 125
    return 0


sys.exit(main())
