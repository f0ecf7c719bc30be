"""The other side of the process sandbox: a program of its own, started by `start.py`, whose processes are

    guardian     outside: watches disk and time, ends everything, reaps what is left
    supervisor   inside, process 1 of its own namespace where there is one: runs the commands it is sent

It imports the standard library sparingly (its start is part of every drill) and nothing at all once its root is private.
"""
