"""`python tethered.py PARENT COMMAND...` becomes the command, which is killed when the process PARENT ends, however it ends."""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2); it stays set when the process becomes another program

if __name__ == "__main__":
    parent, *command = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != int(parent):
        sys.exit("the parent has ended")
    os.execvp(command[0], command)
