"""Joins the settings of all groups (`group_*.py`), which are stored as JSON in the site's row.

To add a setting, declare it with `setting()` in the module of its group (`group_*.py`); the
settings page shows it without further changes. Read it as `site.facts(session).settings.x`, in a
view as `request.ctx.site.settings.x`, in a template as `site.settings.x`.
"""

from dataclasses import dataclass
from typing import Self

from blog.config import N_
from blog.models.base import JSONObject, Refusal
from blog.models.settings.group_appearance import AppearanceSettings, LegalSettings
from blog.models.settings.group_backups import BackupSettings
from blog.models.settings.group_comments import CommentSettings
from blog.models.settings.group_identity import IdentitySettings
from blog.models.settings.group_reading import ReadingSettings
from blog.models.settings.setting import Setting, declared, setting

__all__ = ["GROUPS", "OWN_PAGE", "Settings", "setting"]

# Group -> heading, in the order of the settings page.
GROUPS = {
    "site": N_("The blog"),
    "reading": N_("Reading"),
    "comments": N_("Comments"),
    "look": N_("Appearance"),
    "mail": N_("Mail"),
    "keeping": N_("Maintenance"),
}
# Groups with their own page: the appearance is at /admin/look (blog/admin/sections/appearance.py).
OWN_PAGE = {"look"}


@dataclass(frozen=True)
class Settings(
    CommentSettings,
    ReadingSettings,
    AppearanceSettings,
    LegalSettings,
    IdentitySettings,
    BackupSettings,
):
    """The settings that have no column of their own; they are stored in `Site.choices`."""

    docs: bool = setting(
        False,
        "keeping",
        N_("Handbook"),
        N_("Show the handbook at /docs to everybody who can sign in."),
    )

    @classmethod
    def from_json(cls, stored: JSONObject) -> Self:
        """Read stored settings.

        A setting that is missing or has become invalid gets its default, so that no page breaks.
        """
        names = [setting.name for setting in declared(Settings) if _is_valid(setting, stored)]
        return cls(**{name: stored[name] for name in names})


def _is_valid(setting: Setting, stored: JSONObject) -> bool:
    if setting.name not in stored:
        return False
    try:
        setting.refuse(stored[setting.name])
    except Refusal:
        return False
    return True
