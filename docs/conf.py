"""The documentation site: ``sphinx-build -W docs build/site``."""

from __future__ import annotations

import shutil
from pathlib import Path

from fractura.version import __version__

HERE = Path(__file__).parent

project = "fractura"
author = "The fractura maintainers"
release = version = __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
html_theme = "furo"
html_title = f"fractura {__version__}"
myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "off"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
copybutton_prompt_text = r"\$ |>>> "
copybutton_prompt_is_regexp = True

# Sphinx reads only what lies in its folder; the notebook belongs to the examples.
(HERE / "start").mkdir(exist_ok=True)
shutil.copyfile(HERE.parent / "examples/train_and_compare.ipynb", HERE / "start/notebook.ipynb")
