"""The kernels compiled for any processor of the architecture."""
