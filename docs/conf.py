"""Sphinx configuration: MyST pages, numpydoc reference, one theme."""

import re

project = "tabular-marl"
author = "The tabular-marl authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "numpydoc"]
myst_enable_extensions = ["dollarmath", "amsmath"]
html_theme = "furo"
html_static_path = ["_static"]
exclude_patterns = ["_build"]
numpydoc_show_class_members = False
suppress_warnings = ["myst.header", "ref.python"]


_KEPT = re.compile(r"(``[^`]*``|:\w+:`[^`]*`|`[^`]*`)")
_MARKUP = re.compile(r"([*|]|(?<=\w)_(?=\W|$))")


def plain_equations(app, what, name, obj, options, lines):
    """Docstrings write equations as plain text: indented runs in modules become literal blocks,
    and elsewhere stars, bars and trailing underscores stay themselves."""
    told, literal = [], False
    for line in lines:
        indented = line.startswith(" ") if line else literal
        if what == "module" and indented:
            if not literal:
                told += ["", "::", ""]
        else:
            if literal and line:
                told.append("")
            if not line.lstrip().startswith((">>>", "...")):
                parts = _KEPT.split(line)
                parts[::2] = [_MARKUP.sub(r"\\\1", part) for part in parts[::2]]
                line = "".join(parts)
        literal = what == "module" and indented
        told.append(line)
    lines[:] = told


def setup(app):
    app.connect("autodoc-process-docstring", plain_equations)
