"""The one row that says what the site is called, where it stands and how it counts time."""

import zoneinfo
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import LANGUAGES, N_, is_site_address
from blog.models.audit.action import action
from blog.models.base import Base, Refusal
from blog.models.settings.settings import Settings

THE_ONE = 1


class Site(Base):
    """The settings that a keeper changes in the office, each column typed."""

    __tablename__ = "site"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=THE_ONE)
    title: Mapped[str] = mapped_column(String(200))
    tagline: Mapped[str] = mapped_column(String(400), default="")
    address: Mapped[str] = mapped_column(String(300), default="")
    language: Mapped[str] = mapped_column(String(10), default="en")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    navigation: Mapped[list[Any]] = mapped_column(default=list)
    posts_per_page: Mapped[int] = mapped_column(default=10)
    uid: Mapped[str] = mapped_column(String(64))
    set_up_at: Mapped[datetime | None]
    # What `Settings` declares; a setting that is not in it has its default.
    choices: Mapped[dict[str, Any]] = mapped_column(default=dict)

    audit_whole = frozenset({"tagline", "navigation", "choices"})  # each can be put back
    audit_by_columns = True  # there is one row; what is told is which of its settings changed

    @classmethod
    def change_tags(cls, session: Session, values: dict[str, Any], changed: set[str]) -> set[str]:
        return {"site"}


@dataclass(frozen=True)
class SiteFacts:
    """What pages need of the site, without the row. `set_up` is false on an empty blog."""

    title: str = "inkhouse"
    tagline: str = ""
    address: str = ""
    language: str = "en"
    timezone: str = "UTC"
    navigation: tuple[tuple[str, str], ...] = ()
    posts_per_page: int = 10
    uid: str = ""
    set_up: bool = False
    settings: Settings = Settings()


@action("site.read")
def facts(session: Session) -> SiteFacts:
    site = session.get(Site, THE_ONE)
    if site is None:
        return SiteFacts()
    return SiteFacts(
        title=site.title,
        tagline=site.tagline,
        address=site.address,
        language=site.language,
        timezone=site.timezone,
        navigation=tuple((label, target) for label, target in site.navigation),
        posts_per_page=site.posts_per_page,
        uid=site.uid,
        set_up=site.set_up_at is not None,
        settings=Settings.from_json(site.choices),
    )


def check(*, title: str, address: str, language: str, timezone: str) -> None:
    check_title(title)
    if language not in LANGUAGES:
        raise Refusal(N_("Choose one of the languages."), "language")
    check_address(address)
    check_timezone(timezone)


def check_title(title: str) -> None:
    if not title.strip():
        raise Refusal(N_("The site needs a title."), "title")


def check_address(address: str) -> None:
    if not is_site_address(address):
        raise Refusal(
            N_("Enter an address such as https://example.org, without a path."), "address"
        )


def check_timezone(timezone: str) -> None:
    if timezone not in zoneinfo.available_timezones():
        raise Refusal(N_("Choose a time zone, such as Asia/Shanghai."), "timezone")


def read_navigation(text: str) -> list[list[str]]:
    """Lines of `Label /address` as pairs; raises `Refusal` for a line without an address."""
    pairs = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        label, _, target = line.rpartition(" ")
        if not label or not is_target(target):
            raise Refusal(
                N_("“%(line)s” must be a label followed by an address."), "navigation", line=line
            )
        pairs.append([label.strip()[:60], target])
    return pairs[:20]


def is_target(target: str) -> bool:
    inside = target.startswith("/") and not target.startswith(("//", "/\\"))
    return inside or target.startswith(("https://", "http://"))


def navigation_text(navigation: tuple[tuple[str, str], ...]) -> str:
    return "\n".join(f"{label} {target}" for label, target in navigation)
