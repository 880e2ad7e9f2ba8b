"""Rows and where they come from: Source, Partition, Block, and the View that a scan walks.

This room knows how to read; it does not know what is computed from the rows.
"""
