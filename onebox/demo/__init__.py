"""The demo: what `onebox demo` learns from, what it learns, and the picture that it draws.

The data are every overlapping 12 x 12 colour patch of two photographs, 904 MB as float32, made
block by block. It is the main job of onebox in small: more data than memory, described, reduced,
clustered.
"""

from onebox.demo.drawing import draw
from onebox.demo.learning import N_CENTERS, N_COMPONENTS, centers, components, overview
from onebox.demo.patches import PATCH, Patches, photographs

__all__ = [
    "N_CENTERS",
    "N_COMPONENTS",
    "PATCH",
    "Patches",
    "centers",
    "components",
    "draw",
    "overview",
    "photographs",
]
