"""What MkDocs cannot do by itself: formulas without JavaScript, and reference pages made from the program."""

import importlib
import re
import subprocess
import sys
from html import unescape
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[1]


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
        command = [sys.executable, "-m", "typer", "netsparse.cli", "utils", "docs", "--name", "netsparse"]
        told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
        return markdown + told.replace("# `netsparse`\n", "", 1)
    return re.sub(r"^\{names of ([\w.]+)\}$", lambda found: _names(found[1]), markdown, flags=re.M)


def _names(package: str) -> str:
    """Give a line for mkdocstrings for each public function and class, from where it is defined."""
    module = importlib.import_module(package)
    found = []
    for name in module.__all__:
        value: Any = getattr(module, name)
        home = getattr(value, "__module__", None)
        if home is not None and home.startswith("netsparse") and getattr(value, "__name__", None) == name:
            found.append(f"::: {home}.{name}")
    return "\n\n".join(found)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn formulas into MathML, which browsers show by themselves."""

    def mathml(found: re.Match[str]) -> str:
        text = unescape(found[2]).strip()
        display = text.startswith(r"\[")
        try:
            made = convert(text[2:-2].strip(), display="block" if display else "inline")
        except Exception as error:
            raise PluginError(f"{page.file.src_uri}: formula {text!r}: {error}") from error
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
