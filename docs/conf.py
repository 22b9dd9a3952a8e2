"""Sphinx configuration: MyST pages, numpydoc reference, one theme."""

import re
from pathlib import Path

from docutils import nodes
from latex2mathml.converter import convert

project = "tabular-marl"
author = copyright = "The tabular-marl authors"
extensions = ["myst_parser", "sphinx.ext.autodoc", "numpydoc"]
myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 2
html_theme = "furo"
html_math_renderer = "mathml"
html_static_path = ["_static"]
exclude_patterns = ["_build"]
numpydoc_show_class_members = False
autodoc_typehints = "none"  # docstrings give shapes and units, which types do not
suppress_warnings = ["myst.header", "ref.python"]


_KEPT = re.compile(r"(``[^`]*``|:\w+:`[^`]*`|`[^`]*`)")
_MARKUP = re.compile(r"([*|]|(?<=\w)_(?=\W|$))")


def plain_equations(app, what, name, obj, options, lines):
    """Docstrings write equations as plain text: indented runs in modules become literal blocks,
    and elsewhere stars, bars and trailing underscores stay themselves."""
    told, literal = [], False
    for line in lines:
        if line == ".." or "processed by numpydoc" in line:
            continue
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


def write_equation_map(app):
    """docs/equations.md, from the docstrings and the ledger."""
    from tabular_marl.verification.equations import equation_map
    from tabular_marl.verification.reports.equation_map import render

    page = Path(app.srcdir) / "equations.md"
    text = render(equation_map())
    if not page.exists() or page.read_text(encoding="utf-8") != text:
        page.write_text(text, encoding="utf-8")


def inline_math(translator, node):
    """MathML, which browsers draw by themselves, without a network."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def display_math(translator, node):
    """The same, on a line of its own."""
    told = node.astext().replace("{aligned}", "{align*}")  # the converter's name for it
    if "&" in told and r"\begin" not in told:
        told = rf"\begin{{align*}}{told}\end{{align*}}"
    translator.body.append(f"<div>{convert(told, display='block')}</div>")
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline_math, None), (display_math, None))
    app.connect("builder-inited", write_equation_map)
    app.connect("autodoc-process-docstring", plain_equations)
