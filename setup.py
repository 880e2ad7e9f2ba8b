"""Build the kernels: each is translated to C once and compiled once per SIMD level.

Everything declarative lives in ``pyproject.toml``; this file exists because one C file becomes
two extension modules, ``onebox._kernels.baseline.<name>`` and ``onebox._kernels.v3.<name>``.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from pathlib import Path

import numpy as np
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PURE = Path("onebox/_kernels/pure")
GENERATED = Path("build/kernels")
SELECTOR = "cpu"  # decides which level to load, so it exists at the baseline only
# Cython's memoryviews, compiled once for all kernels instead of into each of them.
SHARED = "onebox._kernels.baseline.shared"
DIRECTIVES = {
    "language_level": 3,
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "infer_types": False,
}
# The single relaxations that let reductions vectorise. Not -ffast-math: it assumes away NaN and
# infinity, and at link time it switches the whole process to flushing subnormals to zero.
GNU_FLAGS = [
    "-O3",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fassociative-math",
    "-fno-signed-zeros",
]
MSVC_FLAGS = ["/O2"]
# Kernels that promise another library's bits: nothing reordered, no multiply-add fused.
STRICT = {"all_pairs", "graph_linkage", "histogram", "pair_chain", "prim"}
STRICT_GNU_FLAGS = ["-O3", "-fno-math-errno", "-ffp-contract=off"]
# -g0, because debugging symbols would be most of a wheel.
GNU_LEVELS = {"baseline": ["-g0"], "v3": ["-g0", "-march=x86-64-v3"]}
MSVC_LEVELS = {"baseline": [], "v3": ["/arch:AVX2"]}


class BuildKernels(build_ext):
    """Compile on all cores, with the flags of the compiler that is actually used."""

    def finalize_options(self) -> None:
        """Compile several files at once unless the command line says how many."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def build_extension(self, ext: Extension) -> None:
        """Add the flags of the level that the extension's package is named after."""
        msvc = self.compiler.compiler_type == "msvc"
        level, name = ext.name.split(".")[-2:]
        gnu_flags = STRICT_GNU_FLAGS if name in STRICT else GNU_FLAGS
        flags, levels = (MSVC_FLAGS, MSVC_LEVELS) if msvc else (gnu_flags, GNU_LEVELS)
        ext.extra_compile_args = flags + levels[level]
        super().build_extension(ext)


def simd_levels() -> list[str]:
    """List the levels to build for the machine that the extensions will run on."""
    is_x86 = platform.machine().lower() in {"x86_64", "amd64"} and sys.maxsize > 2**32
    # Not on macOS, where one build can make code for two architectures.
    return ["baseline", "v3"] if is_x86 and sys.platform != "darwin" else ["baseline"]


def kernel_extensions() -> list[Extension]:
    """Translate every kernel to C and list one extension a kernel and level."""
    sources = sorted(path for path in PURE.glob("*.py") if path.name != "__init__.py")
    translated = cythonize(
        [Extension(f"onebox._kernels.pure.{path.stem}", [path.as_posix()]) for path in sources]
        + [Extension(SHARED, ["onebox/_kernels/baseline/shared.c"])],
        build_dir=GENERATED.as_posix(),
        nthreads=(os.cpu_count() or 1) if sys.platform == "linux" else 0,  # by forking
        compiler_directives=DIRECTIVES,
        shared_utility_qualified_name=SHARED,
    )
    extensions = []
    for module in translated:
        name = module.name.rpartition(".")[2]
        for level in simd_levels():
            if (name == SELECTOR or module.name == SHARED) and level != "baseline":
                continue
            # Object files are named after their source: one copy a level keeps them apart.
            copy = GENERATED / level / f"{name}.c"
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(module.sources[0], copy)
            extensions.append(
                Extension(
                    f"onebox._kernels.{level}.{name}",
                    [copy.as_posix()],
                    include_dirs=[PURE.as_posix(), np.get_include()],
                    depends=[header.as_posix() for header in PURE.glob("*.h")],
                )
            )
    return extensions


setup(ext_modules=kernel_extensions(), cmdclass={"build_ext": BuildKernels})
