#!/usr/bin/python3
"""Types at a program on a terminal, as a person would: waits for words, then answers.

type.py COLUMNS STEPS-FILE CMD…   runs CMD on a terminal of its own

Each step is a line `WORDS<TAB>ANSWER`: when WORDS have come (since the last answer), ANSWER and Enter are typed. In an answer
\\x stands for an escape of Python; one that begins with ! is typed without Enter, and one that begins with kill sends that
signal; one that begins with run gives all that the program wrote to that command, and what the command writes
is typed. WORDS are looked for when the program asks (`>`); with ~ in front, at any time. What the program wrote goes to standard output; then come lines of our own on how it ended and on how it left the
terminal.
"""
import fcntl, os, pty, re, select, signal, struct, subprocess, sys, termios, time


def main():
    columns, steps = int(sys.argv[1]), []
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            words, _, answer = line.rstrip("\n").partition("\t")
            steps.append((words, answer.encode("latin-1", "backslashreplace").decode("unicode_escape").encode("latin-1")))
    # One end stays open here, so that the terminal's state can be read when the program has ended.
    master, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    child = os.fork()
    if child == 0:
        os.close(master)
        # Whoever started us may have had them ignored (nohup), and a program inherits that.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.login_tty(terminal) if hasattr(os, "login_tty") else login(terminal)
        os.execvp(sys.argv[3], sys.argv[3:])
    whole, seen, hidden, deadline = "", "", "", time.monotonic() + 60
    while True:
        if time.monotonic() > deadline:
            print(f"\n== stuck before {steps[:1]}")
            os.kill(child, signal.SIGKILL)
        ready, _, _ = select.select([master], [], [], 0.05)
        if ready:
            text = os.read(master, 65536).decode("utf-8", "replace")
            whole, seen = whole + text, seen + text
            sys.stdout.write(text)
            continue
        # All that was written has come: now the terminal is as the program wants it.
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            break
        # Words are found wherever the lines were broken.
        flat = " ".join(seen.split())
        words = steps[0][0] if steps else ""
        if steps and re.search(words.removeprefix("~"), flat) and (flat.endswith(">") or words.startswith("~")):
            _, answer = steps.pop(0)
            seen = ""
            if not termios.tcgetattr(terminal)[3] & termios.ECHO:
                hidden += "hidden "
            if answer.startswith(b"kill "):
                os.kill(child, int(answer[5:]))
            elif answer.startswith(b"run "):
                done = subprocess.run(["bash", "-c", answer[4:].decode()], input=whole, stdout=subprocess.PIPE, text=True, timeout=50)
                os.write(master, done.stdout.encode())
            else:
                os.write(master, answer[1:] if answer.startswith(b"!") else answer + b"\n")
    ended = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit {os.WEXITSTATUS(status)}"
    flags = termios.tcgetattr(terminal)[3]
    print(f"\n== ended\n{ended}\nleft over: {len(steps)}\n{hidden}\necho {bool(flags & termios.ECHO)}, "
          f"lines {bool(flags & termios.ICANON)}, signals {bool(flags & termios.ISIG)}")


def login(terminal):
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    for fd in range(3):
        os.dup2(terminal, fd)


main()
