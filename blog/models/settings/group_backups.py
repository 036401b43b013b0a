"""The settings for backups and maintenance: a new one is declared here."""

from dataclasses import dataclass

from blog.config import N_
from blog.models.settings.setting import setting


@dataclass(frozen=True)
class BackupSettings:
    """Settings for backups."""

    backup_every: int = setting(
        24,
        "keeping",
        N_("Backup interval"),
        N_(
            "Hours between two backups; 0 turns them off. Backups are stored in the folder "
            "backups of the data folder. Copy them to another machine regularly."
        ),
        most=24 * 31,
    )
    backup_keep: int = setting(
        3,
        "keeping",
        N_("Backups to keep"),
        N_("Older backups are deleted. Each one is about as large as all pictures together."),
        least=1,
        most=1000,
    )
