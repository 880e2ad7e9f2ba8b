"""Processes that run tasks: one nursery that forks them, and one socket for each of them.

The *nursery* is a fresh, single-threaded Python that has imported numpy and nothing of the user's. It
forks workers on request, tells how they ended, and ends all of them, and itself, when the process
that it serves is gone. A *worker* runs one task at a time and knows nothing of other workers.
"""
