"""How the documentation is built: prose by hand, everything that can be run is run.

``sphinx-build -W docs <out>`` builds the pages, runs the gallery in ``examples/`` and the commands
on the pages; ``sphinx-build -W -b doctest docs <out>`` runs every ``>>>``, docstrings included.
"""

import sys
from doctest import DONT_ACCEPT_TRUE_FOR_1, ELLIPSIS, NORMALIZE_WHITESPACE
from importlib.metadata import version as installed_version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "onebox"
author = "onebox developers"
copyright = "onebox developers"
version = release = installed_version("onebox")

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_gallery.gen_gallery",
    "transcript",
]
templates_path = ["_templates"]
exclude_patterns = ["_build", "sg_execution_times.rst", "auto_examples/*.ipynb"]
default_role = "literal"

html_theme = "pydata_sphinx_theme"
html_title = "onebox"
html_static_path = ["_static"]
html_css_files = ["onebox.css"]
html_show_sourcelink = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "show_toc_level": 2,
    "footer_start": ["copyright"],
    "footer_end": [],
}
html_sidebars = {"*": []}  # pages without neighbours below them; "*" matches no slash

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_typehints = "none"
numpydoc_show_class_members = False
numpydoc_show_inherited_class_members = False

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "auto_examples",
    "filename_pattern": r"\.py$",
    "within_subsection_order": "FileNameSortKey",
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1000,
    "remove_config_comments": True,
    "doc_module": ("onebox",),
    "abort_on_example_error": True,
}

# Sphinx's own default does not compare the messages of exceptions.
doctest_default_flags = ELLIPSIS | NORMALIZE_WHITESPACE | DONT_ACCEPT_TRUE_FOR_1
# Doctests write files: each page in a folder of its own.
doctest_global_setup = """
import os as _os, tempfile as _tempfile
_folder = _tempfile.TemporaryDirectory(prefix="onebox-docs-")
_os.chdir(_folder.name)
_os.environ["COLUMNS"] = "90"
"""
doctest_global_cleanup = """
_os.chdir("/")
_folder.cleanup()
"""


def skip_inherited_from_sklearn(app, what, name, thing, skip, options):
    """Leave to scikit-learn's documentation what its base classes bring, as ``get_params``."""
    return skip or str(getattr(thing, "__module__", "")).startswith("sklearn.")


def setup(app):
    """Connect the hook."""
    app.connect("autodoc-skip-member", skip_inherited_from_sklearn)
