"""Where numpy puts large arrays: into memory that is offered for them, if some fits.

What is offered belongs to who offers it, and must stay mapped until it has been withdrawn.
"""
# ruff: noqa: F821 (ALIGNMENT and onebox_* are declared in placement.pxd)

import cython
from cython.cimports.libc.stdint import uintptr_t


def install() -> None:
    """Let arrays that this thread makes from now on take what is offered."""
    onebox_install()


def offer(address: uintptr_t, capacity: cython.size_t):
    """Offer memory for one array of at least half its size.

    Parameters
    ----------
    address : int
        A multiple of 2 MB.
    capacity : int
        Bytes.

    Returns
    -------
    is_offered : bool
        False when there are 16 offers already, or the address is none that can be.
    """
    if address == 0 or address % ALIGNMENT:
        return False
    return onebox_offer(address, capacity)


def withdraw(address: uintptr_t):
    """Take an offer back.

    Returns
    -------
    is_free : bool
        False while an array lies there: then the offer stays.
    """
    return onebox_withdraw(address)
