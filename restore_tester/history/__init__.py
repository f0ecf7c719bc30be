"""Drills remembered: what a drill was, what it saw and what it was judged, in SQLite or PostgreSQL alike.

`records.open_history` opens one, `nouns` are the values that go in and come out. Nothing is imported here: SQLAlchemy
costs half a second and is loaded only by who opens a history.
"""
