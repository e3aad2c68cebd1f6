"""Build the documentation: ``build_site.py [FOLDER]`` writes the English site, and the Chinese one into ``zh/`` in it.

The reference is generated from the code at each build. The build needs no network, and fails on a dead link.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from reference import PAGES

DOCS = Path(__file__).resolve().parent
ZENSICAL = str(Path(sys.executable).with_name("zensical"))
ABOVE = re.compile(r"\]\((\.\./[^)#]+)\.md")
"""A link from a translated page to an English one."""
LINE_BREAK = re.compile(r"(?<=[\u3000-\u9fff\uff00-\uffef])\n(?=[\u3000-\u9fff])")
"""A line break inside Chinese text, which a browser would show as a space."""
LANGUAGES = ({"name": "English", "lang": "en"}, {"name": "中文", "lang": "zh"})


def main() -> None:
    """Build both languages; exit with an error if there are dead links."""
    site = Path(sys.argv[1] if sys.argv[1:] else DOCS.parent / "build" / "site").resolve()
    shutil.rmtree(site, ignore_errors=True)
    settings = tomllib.loads((DOCS / "zensical.toml").read_text("utf-8"))["project"]
    build(settings, "en", site)
    build(settings | tomllib.loads((DOCS / "zh" / "zensical.toml").read_text("utf-8")), "zh", site / "zh")
    if wrong := dead_links(site):
        sys.exit("\n".join(["These links lead nowhere:", *wrong]))
    print(f"{len(list(site.rglob('*.html')))} pages in {site}; begin with index.html.")


def build(settings: dict[str, Any], language: str, site: Path) -> None:
    """Build the pages of one language into a folder."""
    sources = site.parent / f".pages-{language}"
    shutil.rmtree(sources, ignore_errors=True)
    if language == "en":
        shutil.copytree(DOCS, sources / "docs", ignore=shutil.ignore_patterns("zh", "*.py", "*.toml", "__pycache__"))
        (sources / "docs" / "reference").mkdir()
        for name, text in PAGES.items():
            (sources / "docs" / "reference" / f"{name}.md").write_text(text(), "utf-8")
        home = "./"
    else:
        shutil.copytree(DOCS / language, sources / "docs", ignore=shutil.ignore_patterns("*.toml"))
        for page in (sources / "docs").glob("*.md"):
            text = LINE_BREAK.sub("", page.read_text("utf-8"))
            page.write_text(ABOVE.sub(r"](\1.html", text), "utf-8")
        home = "../"
    links = [each | {"link": home if each["lang"] == "en" else f"{home}{each['lang']}/"} for each in LANGUAGES]
    project = settings | {
        "docs_dir": "docs",
        "site_dir": "site",
        "theme": settings["theme"] | {"language": language},
        "extra": {"generator": False, "alternate": links},
    }
    # Zensical reads mkdocs.yml too: JSON is valid YAML, and the standard library cannot write TOML.
    (sources / "mkdocs.yml").write_text(json.dumps(project, ensure_ascii=False), "utf-8")
    done = subprocess.run([ZENSICAL, "build", "--strict"], cwd=sources, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr or done.stdout)
    shutil.move(sources / "site", site)
    shutil.rmtree(sources)


class Page(HTMLParser):
    """The links, loaded resources and anchors of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: set[str] = set()
        self.loads: set[str] = set()
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        """Collect the link, the resource and the anchor of a tag."""
        values = {name: value for name, value in attributes if value}
        self.ids.update(filter(None, (values.get("id"), values.get("name"))))
        if "href" in values:
            self.links.add(values["href"])
        if tag in {"script", "img", "iframe"} and "src" in values:
            self.loads.add(values["src"])
        if tag == "link" and values.get("rel") not in {"canonical", "alternate"}:
            self.loads.add(values["href"] or "")


def dead_links(site: Path) -> list[str]:
    """Return each link whose file or anchor is missing, and each resource that is loaded from another host."""
    pages = {path: Page(path.read_text("utf-8")) for path in site.rglob("*.html") if path.name != "404.html"}
    wrong = []
    for path, page in pages.items():
        for link in sorted(page.links | page.loads):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                if link in page.loads and parts.scheme != "data":
                    wrong.append(f"{path.relative_to(site)}: loads {link}")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            known = pages[target].ids if target in pages else set()
            if not target.is_file() or (parts.fragment and target in pages and unquote(parts.fragment) not in known):
                wrong.append(f"{path.relative_to(site)}: {link}")
    return wrong


if __name__ == "__main__":
    main()
