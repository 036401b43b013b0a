"""The single row of the table `site` (title, address, time zone …) and its validation."""

import zoneinfo
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, Session, mapped_column

from blog.config import LANGUAGES, N_, is_site_address
from blog.models.audit.action import action
from blog.models.base import Base, ColumnValues, JSONList, JSONObject, Refusal
from blog.models.settings.settings import Settings

SITE_ID = 1  # the id of the only row


class Site(Base):
    """The site and its settings: the basic ones in columns, the others in `choices`."""

    __tablename__ = "site"
    __table_args__ = (CheckConstraint("id = 1", name="one_row"),)

    id: Mapped[int] = mapped_column(primary_key=True, default=SITE_ID)
    title: Mapped[str] = mapped_column(String(200))
    tagline: Mapped[str] = mapped_column(String(400), default="")
    address: Mapped[str] = mapped_column(String(300), default="")
    language: Mapped[str] = mapped_column(String(10), default="en")
    timezone: Mapped[str] = mapped_column(String(64), default="UTC")
    navigation: Mapped[JSONList] = mapped_column(default=list)  # pairs of label and target
    posts_per_page: Mapped[int] = mapped_column(default=10)
    uid: Mapped[str] = mapped_column(String(64))
    set_up_at: Mapped[datetime | None]
    # Values of the settings in `Settings`; a setting that is missing has its default.
    choices: Mapped[JSONObject] = mapped_column(default=dict)

    audit_whole = frozenset({"tagline", "navigation", "choices"})  # logged in full, to be restored
    audit_by_columns = True  # the log names the changed settings, because there is only one row

    @classmethod
    def change_tags(cls, session: Session, values: ColumnValues, changed: set[str]) -> set[str]:
        """Return the tag of everything that depends on the site's settings."""
        return {"site"}


@dataclass(frozen=True)
class SiteFacts:
    """The site as pages need it, detached from the database. `set_up`: it has been set up."""

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
    """Return the site and its settings, or the defaults if it has no row yet."""
    site = session.get(Site, SITE_ID)
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
    """Raise `Refusal` for the first invalid value."""
    check_title(title)
    if language not in LANGUAGES:
        raise Refusal(N_("Choose one of the languages."), "language")
    check_address(address)
    check_timezone(timezone)


def check_title(title: str) -> None:
    """Raise `Refusal` for an empty title."""
    if not title.strip():
        raise Refusal(N_("The site needs a title."), "title")


def check_address(address: str) -> None:
    """Raise `Refusal` unless it is an http(s) address without a path."""
    if not is_site_address(address):
        raise Refusal(
            N_("Enter an address such as https://example.org, without a path."), "address"
        )


def check_timezone(timezone: str) -> None:
    """Raise `Refusal` for a name that is not in the time zone database."""
    if timezone not in zoneinfo.available_timezones():
        raise Refusal(N_("Choose a time zone, such as Asia/Shanghai."), "timezone")


def read_navigation(text: str) -> list[list[str]]:
    """Parse lines of `Label /address` into pairs. Raises `Refusal` for a line without an address.

    Returns at most 20 pairs.
    """
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
    """Return whether a link target is a path on this site or an http(s) address."""
    is_local = target.startswith("/") and not target.startswith(("//", "/\\"))
    return is_local or target.startswith(("https://", "http://"))


def navigation_text(navigation: tuple[tuple[str, str], ...]) -> str:
    """Return the navigation as the text that `read_navigation` parses."""
    return "\n".join(f"{label} {target}" for label, target in navigation)
