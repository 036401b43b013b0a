"""The settings that say who runs the site: a new one is declared here."""

from dataclasses import dataclass

from blog.config import N_
from blog.models.settings import identity
from blog.models.settings.setting import setting


@dataclass(frozen=True)
class IdentitySettings:
    """Settings for profiles on other sites and for reports of security problems."""

    profiles: str = setting(
        "",
        "site",
        N_("Profiles on other sites"),
        N_(
            "Your addresses elsewhere, one per line, such as https://social.example/@ann. The "
            "front page names them as yours (rel=me), so that Mastodon and others can verify them."
        ),
        kind="lines",
        most=4000,
        check=identity.check_profiles,
    )
    security_contacts: str = setting(
        "",
        "site",
        N_("Contact for security reports"),
        N_(
            "Email addresses or https addresses, one per line, most important first. They are "
            "published at /.well-known/security.txt. If empty, there is no such file."
        ),
        kind="lines",
        most=4000,
        check=identity.check_security_contacts,
    )

    @property
    def own_profiles(self) -> tuple[str, ...]:
        """The addresses of the profiles."""
        return identity.read_profiles(self.profiles)

    @property
    def security_uris(self) -> tuple[str, ...]:
        """The security contacts as URIs."""
        return identity.read_security_contacts(self.security_contacts)
