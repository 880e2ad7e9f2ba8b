"""What touches the disk, one file a concern.

Atomic files and folders, content hashes, the container format of saved objects, a folder for
spilled blocks and a small store of cached facts. Nothing here knows of datasets or estimators.
"""
