"""The settings for appearance, legal notices and links: a new one is declared here."""

from dataclasses import dataclass

from blog.config import N_
from blog.models.settings import blogroll as blogrolls
from blog.models.settings import legal
from blog.models.settings import theme_css as looks
from blog.models.settings.setting import setting


@dataclass(frozen=True)
class AppearanceSettings:
    """Settings of the group "look", which have their own page in the admin area."""

    accent: str = setting(
        looks.ACCENT,
        "look",
        N_("Accent colour"),
        N_(
            "Colour of links and buttons. Where it is hard to read, the nearest readable "
            "shade is used."
        ),
        kind="colour",
        check=looks.check_accent,
    )
    typeface: str = setting(
        "book",
        "look",
        N_("Fonts"),
        N_("Uses only fonts that readers have on their devices; no font files are loaded."),
        options=looks.TYPEFACES,
    )
    scheme: str = setting(
        "auto",
        "look",
        N_("Light or dark"),
        N_("Pages match the reader's device unless you choose one."),
        options=looks.SCHEMES,
    )
    front: str = setting(
        "list",
        "look",
        N_("Front page"),
        N_("Cards show the cover of each post; without a cover, the first letter of the title."),
        options=looks.FRONTS,
    )
    logo: str = setting("", "look", N_("Site icon"), "", kind="hidden")
    footer: str = setting(
        "",
        "look",
        N_("Footer"),
        N_("In Markdown, shown at the end of every page: a licence, an address, acknowledgements."),
        kind="text",
        most=4000,
    )
    footer_html: str = setting("", "look", N_("Footer"), "", kind="hidden")

    @property
    def look(self) -> looks.Theme:
        """The theme that these settings describe."""
        return looks.Theme(self.accent, self.typeface, self.scheme)


@dataclass(frozen=True)
class LegalSettings:
    """Settings for filing numbers, the blogroll, site verification and analytics."""

    icp: str = setting(
        "",
        "site",
        N_("ICP filing number"),
        N_("For a server in mainland China, such as 京ICP备12345678号-1; links to the registry."),
        most=60,
        check=legal.check_icp,
    )
    police: str = setting(
        "",
        "site",
        N_("Public security filing number"),
        N_("Also for mainland China, such as 京公网安备11010102001234号."),
        most=60,
        check=legal.check_police,
    )
    blogroll: str = setting(
        "",
        "site",
        N_("Blogroll"),
        N_("One blog per line: its name, its address and a short description. Shown at /links."),
        kind="lines",
        check=blogrolls.check_blogroll,
    )
    verification: str = setting(
        "",
        "site",
        N_("Site verification"),
        N_(
            "Tags that search engines look for on the front page: one name and content per "
            "line, such as google-site-verification abc123, or the complete tag they gave "
            "you."
        ),
        kind="lines",
        most=4000,
        check=legal.check_verification,
    )
    analytics: str = setting(
        "",
        "site",
        N_("Analytics script"),
        N_(
            "An https address, such as https://stats.example.org/script.js website-id=1234. "
            "It affects your readers' privacy: whoever runs that host learns who reads what "
            "and when, and could change your pages. Only public pages load the script, and "
            "never while you are signed in. If empty, no other host learns anything."
        ),
        most=1000,
        check=legal.check_analytics,
    )

    @property
    def friends(self) -> tuple[blogrolls.Friend, ...]:
        """The blogs of the blogroll."""
        return blogrolls.read_blogroll(self.blogroll)

    @property
    def verifications(self) -> tuple[tuple[str, str], ...]:
        """Names and contents of the verification tags."""
        return legal.read_verification(self.verification)

    @property
    def script(self) -> legal.Script | None:
        """The analytics script, if one is set."""
        return legal.read_analytics(self.analytics)

    @property
    def police_link(self) -> str:
        """The address of the official registry entry for the public security filing number."""
        return legal.police_link(self.police)
