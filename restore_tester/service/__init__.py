"""What is configured → drills done when due, remembered, watched and told.

`fleet` says which drills are meant, `crew` drills them under leases, `executors` are where they run. `serve` and the commands of a
fleet share all of it. Nothing is imported here: a command loads only what it uses.
"""
