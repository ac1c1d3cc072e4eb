"""What MkDocs calls while it builds the site: it adds the pages that are made from the code."""

import sys
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "docs")]

import notebook_page  # noqa: E402
import reference_pages  # noqa: E402

COPIED = {"CHANGELOG.md": "changelog.md", "CONTRIBUTING.md": "contributing.md"}
"""Files of the repository's root that are pages of the site, too."""


def on_config(config: Any) -> Any:
    """Put the pages of the config groups into the navigation, where it says GROUPS."""
    for section in config.nav:
        for entry in section.get("Reference", []) if isinstance(section, dict) else []:
            if isinstance(entry, dict) and "Config groups" in entry:
                entry["Config groups"] = [{g: f"reference/configs/{g}.md"} for g in reference_pages.groups()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the generated pages, and the pages that are files of the repository's root."""
    for path, content in reference_pages.pages().items():
        files.append(File.generated(config, path, content=content))
    for name, path in COPIED.items():
        content = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, path, content=content))
    for file in sorted((ROOT / "docs").rglob("*.ipynb")):
        page = file.relative_to(ROOT / "docs").with_suffix(".md").as_posix()
        files.append(File.generated(config, page, content=notebook_page.markdown(file)))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Fill in the table of config groups, and lead links to files of the repository's root to their pages."""
    for name, path in COPIED.items():
        markdown = markdown.replace(f"](../{name}", f"]({path}")
    return (
        markdown.replace("GROUP_TABLE", reference_pages.group_table())
        if page.file.src_uri == "reference/index.md"
        else markdown
    )
