"""The kernels' sources, in Cython's pure Python mode; compiled into ``baseline`` and ``v3``."""
