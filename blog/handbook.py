"""The handbook in `docs/`: reads its chapters in both languages and renders each once."""

import re
from dataclasses import dataclass
from pathlib import Path

import aiofiles

from blog.config import Config
from blog.markup.parser import PREFIX
from blog.sandbox import Sandbox

CONTENTS = "README"
NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
PICTURE = re.compile(r"[a-z0-9-]+\.(png|webp|jpg)\Z")
LINK = re.compile(r"\]\(([^)\s#]+)(#[^)\s]*)?\)")
HEADING = re.compile(r"(?m)^# +(.+)$")


@dataclass(frozen=True)
class Chapter:
    """One page of the handbook."""

    name: str
    language: str
    title: str
    body_html: str
    outline: list[tuple[int, str, str]]

    @property
    def address(self) -> str:
        """The URL path of the chapter."""
        return address(self.language, self.name)

    @property
    def other_language(self) -> str:
        """The code of the language in which this chapter is also available."""
        return "en" if self.language == "zh" else "zh"

    @property
    def other(self) -> str:
        """The address of the same chapter in the other language."""
        return address(self.other_language, self.name)


class Handbook:
    """The rendered chapters, kept by each worker. English is in the folder, Chinese in `zh`."""

    def __init__(self, config: Config) -> None:
        self.folder = config.docs
        self._chapters: dict[tuple[str, str], Chapter] = {}

    async def chapter(self, sandbox: Sandbox, language: str, name: str) -> Chapter:
        """Return a chapter, rendered on first use. `name` is its file name without the suffix.

        The name "" is the table of contents. Raises `LookupError`.
        """
        if (language, name) not in self._chapters:
            self._chapters[language, name] = await self._render(sandbox, language, name)
        return self._chapters[language, name]

    async def _render(self, sandbox: Sandbox, language: str, name: str) -> Chapter:
        if name and not NAME.match(name):
            raise LookupError(name)
        path = self._folder(language) / f"{name or CONTENTS}.md"
        try:
            async with aiofiles.open(path, encoding="utf-8") as file:
                text = await file.read()
        except OSError as error:
            raise LookupError(name) from error
        title = HEADING.search(text)
        body = HEADING.sub("", text, count=1)
        rendered = await sandbox.render(body, self._links(path, text))
        heading = title[1] if title else name
        return Chapter(name, language, heading, rendered.html, rendered.outline)

    async def picture(self, name: str) -> bytes:
        """Return the bytes of a picture of the handbook. Raises `LookupError`."""
        if not PICTURE.match(name):
            raise LookupError(name)
        try:
            async with aiofiles.open(self.folder / "pictures" / name, "rb") as file:
                return await file.read()
        except OSError as error:
            raise LookupError(name) from error

    def _folder(self, language: str) -> Path:
        return self.folder / "zh" if language == "zh" else self.folder

    def _links(self, path: Path, text: str) -> dict[str, str]:
        """Map each relative link in a chapter to the address where the blog serves its target."""
        links: dict[str, str] = {}
        for target, anchor in LINK.findall(text):
            linked_path = Path(re.sub(r"[^/]+/\.\./", "", str(path.parent / target)))
            if ":" not in target and linked_path.is_relative_to(self.folder):
                relative = str(linked_path.relative_to(self.folder))
                fragment = anchor.replace(
                    "#", f"#{PREFIX}", 1
                )  # the prefix of the ids in rendered text
                links[target + anchor] = _address_of_file(relative) + fragment
        return links


def _address_of_file(relative: str) -> str:
    """Return the URL path of a file, given by its path relative to the handbook's folder."""
    if not relative.endswith(".md"):
        return f"/docs/{relative}"
    in_chinese = relative.startswith("zh/")
    name = relative.removeprefix("zh/").removesuffix(".md")
    return address("zh" if in_chinese else "en", "" if name == CONTENTS else name)


def address(language: str, name: str) -> str:
    """Return the URL path of a chapter. The name "" is the table of contents."""
    return f"/docs/zh/{name}".rstrip("/") if language == "zh" else f"/docs/{name}".rstrip("/")
