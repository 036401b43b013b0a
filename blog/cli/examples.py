"""Examples of each command, shown at the end of its `--help`."""

from blog.config import N_

# Command -> what an example does, and its command line. "" is the help of `blog` itself.
EXAMPLES: dict[str, tuple[tuple[str, str], ...]] = {
    "": (
        (N_("Check the installation"), "blog doctor"),
        (N_("See what importing a blog would do"), "blog import ~/old-blog --dry-run"),
        (N_("Make a backup"), "blog backup"),
        (N_("List the options of a command"), "blog import --help"),
    ),
    "import": (
        (N_("See what would be imported"), "blog import ~/old-blog --dry-run"),
        (
            N_("Import a blog whose addresses contain the date"),
            "blog import ~/old-blog --permalink '/:year/:month/:day/:title/'",
        ),
        (
            N_("Turn links to the old site into links to this one"),
            "blog import ~/old-blog --old-url https://old.example.org",
        ),
    ),
    "deploy": (
        (N_("Show the changes and ask before making them"), "blog deploy blog.example.org"),
        (N_("Undo the setup, but keep the data"), "blog deploy blog.example.org --remove"),
    ),
    "backup": (
        (N_("Write a new file in the data folder and keep five"), "blog backup --keep 5"),
        (N_("Write to a file on another disk"), "blog backup /mnt/backups/blog.tar.gz"),
    ),
    "restore": (
        (N_("Restore into an empty data folder"), "blog restore /mnt/backups/blog.tar.gz"),
    ),
    "export": ((N_("Write Markdown files, pictures and lists"), "blog export ~/blog-export"),),
    "mail-test": ((N_("Send a test email to yourself"), "blog mail-test ann@example.org"),),
    "create-admin": (
        (N_("Create an admin; the password is asked for"), "blog create-admin ann"),
        (
            N_("Give the admin an email address"),
            "blog create-admin ann --email ann@example.org",
        ),
    ),
    "reset-password": ((N_("Print a link for Ann"), "blog reset-password ann@example.org"),),
    "settings": (
        (N_("List all settings"), "blog settings"),
        (N_("Use the settings in a file"), "BLOG_ENV_FILE=/etc/blog/blog.env blog settings"),
    ),
    "doctor": ((N_("Check the installation"), "blog doctor"),),
    "tick": ((N_("Run mail, backups and cleanup without a web server"), "blog tick"),),
    "collect": ((N_("Collect the files and print their hash"), "blog collect"),),
    "completion": (
        (
            N_("Complete commands in bash"),
            "blog completion bash > ~/.local/share/bash-completion/completions/blog",
        ),
        (
            N_("Complete commands in zsh; the folder must be in fpath"),
            "blog completion zsh > ~/.zfunc/_blog",
        ),
    ),
}
