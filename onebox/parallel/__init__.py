"""Loops in parallel: one task for each input, on threads or in processes of our own.

`onebox.parallel.pmap` is the door, `loop` the loop behind it. It hands chunks of tasks to one of the
`backends` and takes outcomes back. `workers` are the processes, and how to talk to them; `shared` is
the memory in which large arrays travel.
"""
