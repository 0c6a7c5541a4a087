"""typist.py: runs a program on a terminal of its own and types what it asks for; shows what the terminal showed.

ASKED has what is waited for and what is typed then: [["password: ", "secret"], ..]. Ends as the program does.
"""
import json
import os
import pty
import sys


def main():
    asked = [(prompt.encode(), text.encode()) for prompt, text in json.loads(os.environ["ASKED"])]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(sys.argv[1], sys.argv[1:])
    shown, seen = b"", 0
    while True:
        try:
            piece = os.read(terminal, 4096)
        except OSError:  # The program has ended (Linux says EIO).
            break
        if not piece:
            break
        shown += piece
        if asked and asked[0][0] in shown[seen:] and silent(terminal):
            seen = len(shown)
            os.write(terminal, asked.pop(0)[1] + b"\n")
    _, status = os.waitpid(child, 0)
    sys.stdout.buffer.write(shown)
    sys.exit(os.waitstatus_to_exitcode(status))


def silent(terminal):
    """Waits until the terminal no longer shows what is typed, and has thrown away what was typed before."""
    import termios
    import time

    for _ in range(1000):
        if not termios.tcgetattr(terminal)[3] & termios.ECHO:
            return True
        time.sleep(0.005)
    return False


main()
