"""Sphinx configuration: MyST pages, numpydoc reference, one theme."""

project = "tabular-marl"
author = "The tabular-marl authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
myst_enable_extensions = ["dollarmath", "amsmath"]
html_theme = "furo"
html_static_path = ["_static"]
exclude_patterns = ["_build"]
numpydoc_show_class_members = False
suppress_warnings = ["myst.header"]
