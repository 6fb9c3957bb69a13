"""What MkDocs cannot do by itself: formulas without JavaScript, and reference pages made from the program."""

import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from netsparse.registry import Registry

ROOT = Path(__file__).parents[1]
# A function stands apart from what is before it, and from an argument without brackets.
FUNCTIONS = re.compile(
    r"(?<!<msup>)(?<!<msub>)<m[io]>(ln|log|cos|sin|arcosh|cosh|sinh)</m[io]>(?!<mo stretchy=\"false\">&#x00028;)"
)
THIN = "<mspace width='0.17em'/>"
NAMES = re.compile(r"^\{names of ([\w.]+)\}$", re.M)


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Take in all pages of concepts, in the order of their index."""
    index = (ROOT / "docs" / "concepts" / "index.md").read_text("utf-8")
    pages = dict.fromkeys(re.findall(r"\]\((\w[\w-]*\.md)\)", index))
    for entry in config.nav or []:
        if "Concepts" in entry:
            entry["Concepts"] = ["concepts/index.md", *(f"concepts/{page}" for page in pages)]
    return config


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Put in the command line's options, and the public names of a package."""
    if page.file.src_uri == "command-line.md":
        return markdown + _commands()
    return NAMES.sub(lambda found: "\n\n".join(_names(found[1])), markdown)


def _commands() -> str:
    """Tell all commands; typer cuts their summaries short, which stand in full below."""
    command = [sys.executable, "-m", "typer", "netsparse.cli", "utils", "docs", "--name", "netsparse"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    summaries = dict(re.findall(r"^## `netsparse (\w+)`\n\n(.+)$", told, re.M))
    told = re.sub(r"^\* `(\w+)`: .*\.\.\.$", lambda cut: f"* `{cut[1]}`: {summaries[cut[1]]}", told, flags=re.M)
    return told.replace("# `netsparse`\n", "", 1)


def _names(package: str) -> Iterator[str]:
    """Give what shows each public name: mkdocstrings does functions and classes, from where they are defined."""
    for name in sorted(_public(package), key=str.isupper):  # constants last
        value: Any = getattr(importlib.import_module(package), name)
        if inspect.ismodule(value):
            page = f"{name}.md"
            if (ROOT / "docs" / "api" / page).exists():
                yield f"## {name} {{ #{package}.{name} }}\n\nA package: [{package}.{name}]({page})."
            else:
                yield f"## {name} {{ #{package}.{name} }}\n\nA package. Its names:"
                yield from _names(f"{package}.{name}")
        elif getattr(value, "__name__", None) == name:
            yield f"::: {value.__module__}.{name}"
        else:
            yield f"## {name} {{ #{package}.{name} }}\n\n{_comment(name, value)}\n\n{_content(value)}"


def _public(package: str) -> list[str]:
    return list(importlib.import_module(package).__all__)


def _content(constant: Any) -> str:
    """Say what a constant holds."""
    if isinstance(constant, Registry):
        return f"By name, each a {constant.kind}: {', '.join(f'`{name}`' for name in constant)}."
    if isinstance(constant, (tuple, set)):
        ordered = sorted(constant) if isinstance(constant, set) else constant
        return f"Names: {', '.join(f'`{name}`' for name in ordered)}."
    return f"`{constant}`"


def _comment(name: str, constant: Any) -> str:
    """Give the comment above a constant, where it is defined."""
    for module in [module for key, module in sys.modules.items() if key.startswith("netsparse.")]:
        if getattr(module, name, None) is constant:
            found = re.search(rf"^((?:# .*\n)+){name}\b.* = ", inspect.getsource(module), re.M)
            if found:
                told = " ".join(found[1].replace("# ", "").split())
                return f"{told[0].upper()}{told[1:].rstrip('.')}."
    return ""


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn formulas into MathML, which browsers show by themselves; miss no public name."""
    for package in NAMES.findall(Path(page.file.abs_src_path or "").read_text("utf-8")):
        missing = [name for name in _public(package) if not re.search(rf'id="netsparse[\w.]*\.{name}"', html)]
        if missing:
            raise PluginError(f"{page.file.src_uri}: not shown: {', '.join(missing)}")

    def mathml(found: re.Match[str]) -> str:
        text = unescape(found[2]).strip()
        display = text.startswith(r"\[")
        try:
            made = convert(text[2:-2].strip(), display="block" if display else "inline")
        except Exception as error:
            raise PluginError(f"{page.file.src_uri}: formula {text!r}: {error}") from error
        made = FUNCTIONS.sub(rf"{THIN}<mi>\1</mi><mo>&#x2061;</mo>{THIN}", made)
        if ">&<" in made or "\\" in made:
            raise PluginError(f"{page.file.src_uri}: formula {text!r}: latex2mathml does not know all of it")
        return f"<{found[1]} class='formula'>{made}</{found[1]}>"

    return re.sub(r'<(span|div) class="arithmatex">(.*?)</\1>', mathml, html, flags=re.S)


def on_nav(nav: Navigation, config: MkDocsConfig, files: Files) -> Navigation:
    """Refuse a page that no menu leads to."""
    lost = [file.src_uri for file in files.documentation_pages() if file.page and file.page not in nav.pages]
    if lost:
        raise PluginError(f"not in the navigation: {', '.join(lost)}")
    return nav


def on_post_build(config: MkDocsConfig) -> None:
    """Refuse a page that would ask another host for something."""
    asked = re.compile(
        r"""<(?:script|img|iframe)[^>]*\bsrc=["']?(?:https?:)?//[^>]*>|<link[^>]*\bhref=["']?(?:https?:)?//[^>]*>"""
    )
    for page in Path(config.site_dir).rglob("*.html"):
        found = asked.search(page.read_text("utf-8"))
        if found and "canonical" not in found[0]:
            raise PluginError(f"{page.name} asks another host: {found[0]}")
