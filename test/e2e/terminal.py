"""Runs a program on a pseudo-terminal, as a shell does, and hangs it up.

    terminal.py tell|disown PROGRAM [ARGUMENT...]

tell: the program is in the foreground. When the terminal hangs up, it and what it has started are sent SIGHUP, as a
shell sends it to its jobs. disown: the program is in the background, and is sent none.
What the program prints goes to standard output. "pid N" and "ended CODE" go to standard error; a signal is a negative
code. Each line of standard input is an order: "hang up". When standard input ends, so does the program.
"""
import os
import pty
import select
import signal
import sys


def shell(tells, command, facts):
    """Leads the session of the terminal. It ends when its program does, and not by the terminal's end."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    program = os.fork()
    if program == 0:
        os.close(facts)
        os.setpgid(0, 0)
        if tells:
            os.tcsetpgrp(0, os.getpid())
        signal.signal(signal.SIGTTOU, signal.SIG_DFL)
        os.execvp(command[0], command)

    def told(number, _frame):
        if number == signal.SIGTERM:
            os.killpg(program, signal.SIGKILL)
        elif tells:
            os.killpg(program, number)

    signal.signal(signal.SIGHUP, told)
    signal.signal(signal.SIGTERM, told)
    os.write(facts, b"pid %d\n" % program)
    _, status = os.waitpid(program, 0)
    os.write(facts, b"ended %d\n" % os.waitstatus_to_exitcode(status))


def main():
    heard, facts = os.pipe()
    leader, terminal = pty.fork()
    if leader == 0:
        os.close(heard)
        shell(sys.argv[1] == "tell", sys.argv[2:], facts)
        os._exit(0)
    os.close(facts)
    outputs = {terminal: 1, heard: 2}
    ended = False
    while not ended:
        for ready in select.select([0, *outputs], [], [])[0]:
            if ready == 0:
                if b"hang up" not in os.read(0, 4096):
                    os.kill(leader, signal.SIGTERM)
                    return
                outputs.pop(terminal)
                os.close(terminal)
                break
            try:
                said = os.read(ready, 65536)
            except OSError:  # Nobody has the terminal open any more.
                said = b""
            if said == b"":
                outputs.pop(ready)
                ended = ready == heard
                break
            os.write(outputs[ready], said)


main()
