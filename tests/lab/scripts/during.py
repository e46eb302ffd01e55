"""during.py SIGNAL SECONDS|WORDS|?SCRIPT CMD…: sends the signals (with commas between) after that time, once the words are in
the output, or once the shell script succeeds, and prints the output, the exit status and how long the end took."""
import signal
import subprocess
import sys
import time

import ending

name, words, command = sys.argv[1], sys.argv[2], sys.argv[3:]
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_DFL)
with open("/root/out", "wb") as out, open("/root/err", "wb") as err:
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=err)
end = time.monotonic() + 60
read = lambda: open("/root/out").read() + open("/root/err").read()
def heeded():
    # Before that the program is only being loaded, and a signal ends it as it ends any program.
    caught = [line for line in open(f"/proc/{process.pid}/status") if line.startswith("SigCgt:")]
    return caught and int(caught[0].split()[1], 16) & 1 << getattr(signal, "SIG" + name.split(",")[0]) - 1
while not heeded() and process.poll() is None and time.monotonic() < end:
    time.sleep(0.002)
if words.replace(".", "").isdigit():
    time.sleep(float(words))
else:
    is_time = lambda: subprocess.call(["bash", "-c", words[1:]]) == 0 if words.startswith("?") else words in read()
    while not is_time() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.01)
begin = time.monotonic()
for one in name.split(","):
    process.send_signal(getattr(signal, "SIG" + one))
    time.sleep(0.05)
status, took = ending.wait(process, begin, 15)
sys.stdout.write(open("/root/out").read())
sys.stderr.write(open("/root/err").read())
print(f"{status}, {'at once' if took < 4 else f'after {took:.1f} s'}")
