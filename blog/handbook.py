"""The handbook in `docs/`: its chapters in both languages, rendered once when first asked for."""

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
        return address(self.language, self.name)

    @property
    def other_language(self) -> str:
        return "en" if self.language == "zh" else "zh"

    @property
    def other(self) -> str:
        """The address of the same chapter in the other language."""
        return address(self.other_language, self.name)


class Handbook:
    """Of one worker. English chapters lie in the folder itself, Chinese ones in `zh`."""

    def __init__(self, config: Config) -> None:
        self.folder = config.docs
        self._kept: dict[tuple[str, str], Chapter] = {}

    async def chapter(self, crew: Sandbox, language: str, name: str) -> Chapter:
        """`name` without its ending; "" for the contents. Raises `LookupError`."""
        if (language, name) not in self._kept:
            self._kept[language, name] = await self._read(crew, language, name)
        return self._kept[language, name]

    async def _read(self, crew: Sandbox, language: str, name: str) -> Chapter:
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
        rendered = await crew.render(body, self._links(path, text))
        heading = title[1] if title else name
        return Chapter(name, language, heading, rendered.html, rendered.outline)

    async def picture(self, name: str) -> bytes:
        """Raises `LookupError`."""
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
        """What a chapter links to by its file, at the address where the blog serves it."""
        links: dict[str, str] = {}
        for target, anchor in LINK.findall(text):
            there = Path(re.sub(r"[^/]+/\.\./", "", str(path.parent / target)))
            if ":" not in target and there.is_relative_to(self.folder):
                inside = str(there.relative_to(self.folder))
                place = anchor.replace("#", f"#{PREFIX}", 1)  # as our Markdown calls it
                links[target + anchor] = _served(inside) + place
        return links


def _served(inside: str) -> str:
    if not inside.endswith(".md"):
        return f"/docs/{inside}"
    in_chinese = inside.startswith("zh/")
    name = inside.removeprefix("zh/").removesuffix(".md")
    return address("zh" if in_chinese else "en", "" if name == CONTENTS else name)


def address(language: str, name: str) -> str:
    return f"/docs/zh/{name}".rstrip("/") if language == "zh" else f"/docs/{name}".rstrip("/")
