"""What the machine has for this process: cores and memory, with the limits of its container.

Limits are those of Linux's control groups, of both versions: the tightest one on the way from the
process's own group to the root counts.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
LEAST_MEMORY = 64 * 2**20


def available_cores() -> int:
    """Count the cores this process may use: its affinity, and its container's quota."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    quota = _quota()
    return cores if quota is None else max(1, min(cores, int(quota)))


def available_memory() -> int:
    """Count the bytes that can be had without swapping: the machine's, and the container's."""
    free, left = _machine_memory(), cgroup_memory()
    return max(free if left is None else min(free, left), LEAST_MEMORY)


def cgroup_cores(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> float | None:
    """Tell how many cores a quota allows, None without one."""
    quotas = []
    for folder in _folders(groups, membership, "cpu"):
        match _words(folder / "cpu.max"):
            case [quota, period] if quota != "max":
                quotas.append(int(quota) / int(period))
        match _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us"):
            case [quota], [period] if int(quota) > 0:
                quotas.append(int(quota) / int(period))
    return min(quotas, default=None)


def cgroup_memory(groups: Path = GROUPS, membership: Path = MEMBERSHIP) -> int | None:
    """Tell how many bytes are left under the limits on memory, None without one."""
    left = []
    for folder in _folders(groups, membership, "memory"):
        for limit, usage, prefix in (
            ("memory.max", "memory.current", ""),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
        ):
            match _words(folder / limit), _words(folder / usage):
                case [allowed], [used] if allowed != "max":
                    # Pages of files count as used, but go when memory is asked for.
                    cached = _cached_files(folder / "memory.stat", prefix)
                    left.append(int(allowed) - int(used) + cached)
    return min(left, default=None)


@cache
def _quota() -> float | None:
    return cgroup_cores()  # read once: it takes longer than the rest of a small fit


def _folders(groups: Path, membership: Path, controller: str) -> Iterator[Path]:
    """List the folders of the groups that this process is in, from its own up to the root."""
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root = groups
        elif controller in controllers.split(","):
            root = groups / controller
        else:
            continue
        own = root / path.strip("/")
        # In a container the path may be one of the host's, of which the root is all that is seen.
        yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(root))


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []


def _cached_files(stat: Path, prefix: str) -> int:
    words = _words(stat)
    held = dict(zip(words[::2], words[1::2], strict=False))
    return sum(int(held.get(f"{prefix}{kind}_file", 0)) for kind in ("active", "inactive"))


def _machine_memory() -> int:
    words = _words(Path("/proc/meminfo"))
    if "MemAvailable:" in words:
        return int(words[words.index("MemAvailable:") + 1]) * 1024
    try:
        # macOS and others tell what they have, not what is free: assume half.
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 4 * 10**9
