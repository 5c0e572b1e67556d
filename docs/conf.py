"""How Sphinx builds these pages: `python -m sphinx -W docs docs/_build`. Nothing is fetched."""

import sys
from pathlib import Path

_HERE = Path(__file__).parent
sys.path[:0] = [str(_HERE / "extensions"), str(_HERE.parent)]

from cl_anomaly.version import __version__  # noqa: E402

project = "cl-anomaly"
author = "the authors of cl-anomaly"
version = release = __version__
copyright = author  # noqa: A001

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "repository_links",
    "reference_pages",
]
exclude_patterns = ["_build"]
# The words of the house stand in single backticks, as in Markdown.
default_role = "code"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
napoleon_use_rtype = False

toc_object_entries_show_parents = "hide"

html_theme = "pydata_sphinx_theme"
html_title = "cl-anomaly"
html_show_copyright = False
# Pages that belong to no section have nothing to show beside them.
html_sidebars = {name: [] for name in ("index", "tutorial", "installing", "concepts")}
html_theme_options = {
    "navigation_with_keys": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "header_links_before_dropdown": 7,
    "footer_start": ["sphinx-version"],
    "footer_end": ["theme-version"],
}
