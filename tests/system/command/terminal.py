"""Runs a program in a pseudo-terminal, as somebody who types.

Usage: terminal.py STEPS PROGRAM [ARGUMENT...]

STEPS is a JSON list. ["type", TEXT] types; ["expect", TEXT] waits until the program has shown TEXT;
["close", ""] closes the terminal's window. After the last step it waits for the program's end. Prints one JSON object: what was shown up to the end of each TEXT
that was expected, what was shown after the last, and the exit code (the signal's number, negative, if one
ended it).
"""

import json
import os
import pty
import select
import sys
import time

PATIENCE_SECONDS = 60


class Terminal:
    def __init__(self, program):
        self.unread = b""
        self.pid, self.screen = pty.fork()
        if self.pid == 0:
            os.execv(program[0], program)

    def read(self, deadline):
        """Reads what is there; False at the program's end."""
        ready, _, _ = select.select([self.screen], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            sys.exit(f"nothing more came after {self.unread!r}")
        try:
            data = os.read(self.screen, 65536)
        except OSError:  # Linux tells the end of the other side so.
            data = b""
        self.unread += data
        return bool(data)

    def expect(self, text):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while text not in self.unread:
            if not self.read(deadline):
                sys.exit(f"it ended and did not show {text!r}: {self.unread!r}")
        end = self.unread.index(text) + len(text)
        shown, self.unread = self.unread[:end], self.unread[end:]
        return shown

    def close(self):
        os.close(self.screen)
        self.screen = None

    def rest(self):
        if self.screen is None:
            return self.unread
        deadline = time.monotonic() + PATIENCE_SECONDS
        while self.read(deadline):
            pass
        return self.unread


def main():
    steps, program = json.loads(sys.argv[1]), sys.argv[2:]
    terminal = Terminal(program)
    shown = []
    for what, text in steps:
        if what == "type":
            os.write(terminal.screen, text.encode())
        elif what == "close":
            terminal.close()
        else:
            shown.append(terminal.expect(text.encode()).decode(errors="replace"))
    rest = terminal.rest().decode(errors="replace")
    code = os.waitstatus_to_exitcode(os.waitpid(terminal.pid, 0)[1])
    json.dump({"shown": shown, "rest": rest, "code": code}, sys.stdout)


main()
