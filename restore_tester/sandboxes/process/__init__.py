"""The `process` sandbox: a command runs in a jail of namespaces on this very machine, with no daemon and no image.

provider    what a restore needs → an open sandbox
workspace   the folder of one sandbox: made, locked, found dead, removed
sandbox     `contracts.Sandbox`: runs commands, seals, keeps
dialogue    one command's streams: fed, drained, ended
link        requests to the jail, and why it was lost
frames      how a request looks on the wire
machine     what this machine (or its control group) has to give
trees       disk use and removal of folders whose content is hostile
jail/       the program on the other side, in its own process
"""
