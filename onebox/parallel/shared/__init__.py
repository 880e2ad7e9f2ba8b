"""Large arrays between processes: written once, mapped by who needs them, gone with the last array.

Memory is shared by open descriptors that travel over sockets. Nothing has a name, so that nothing can
be left behind: the system frees a segment when nobody maps it and no descriptor of it is open,
whatever ended the processes that did.
"""
