"""The command `blog deploy`: sets up nginx and system services for a site, or removes them.

It shows all changes and asks before it writes them. Each file has a marker line, and `--remove`
deletes only files with it.
"""

import argparse
import contextlib
import difflib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from blog.config import N_, Config, UserError
from blog.deploy.config_files import SHARED, Deployment
from blog.deploy.existing_files import exists, is_our_link, is_ours, other_sites, text_of
from blog.server.startup import say

DOMAIN = re.compile(
    r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\Z"
)
# The path is written without quoting into nginx's configuration, two units and a script.
HOME = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
UNITS = ("blog", "blog-tick")


def run(config: Config, arguments: argparse.Namespace) -> int:
    """Run the command and return its exit code. Raises `UserError`."""
    target = deployment(config, arguments)
    if arguments.remove:
        return remove(target, is_sure=arguments.yes)
    _refuse_unusable_paths(target)
    _refuse_foreign_files(target)
    changes = list(changed_files(target))
    steps = commands(target)
    show(target, changes, steps)
    if not (arguments.yes or _confirmed()):
        return 1
    write(target)
    for step in steps:
        _execute(target, step)
    _print_next_steps(target)
    return 0


def deployment(config: Config, arguments: argparse.Namespace) -> Deployment:
    """Return what to deploy, from the arguments. Raises `UserError` for invalid ones."""
    domain = _ascii_domain(arguments.domain)
    if not DOMAIN.match(domain):
        raise UserError(
            N_("“%(name)s” is not a domain, such as example.org."), name=arguments.domain
        )
    if not HOME.fullmatch(str(arguments.home)):
        raise UserError(
            N_("%(path)s is not a valid folder. Use an absolute path such as /srv/blog."),
            path=arguments.home,
        )
    return Deployment(
        domain=domain,
        installed=config.installed,
        shipped=config.shipped,
        programs=Path(sys.executable).parent,
        workers=min(4, 1 + (os.cpu_count() or 1)),
        port=config.port,
        home=arguments.home,
        root=arguments.root,
    )


def _ascii_domain(name: str) -> str:
    """Return a domain as nginx and certificates need it: xn--9krq6q.xn--fiqs8s for 博客.中国."""
    with contextlib.suppress(UnicodeError):
        return name.encode("idna").decode().lower()
    return name


def _refuse_unusable_paths(target: Deployment) -> None:
    """Raise `UserError` if the services could not run from the folders, or if we are not root."""
    for folder in (target.installed, target.programs):
        if (
            set("\"'\\") & set(str(folder)) or not str(folder).isprintable()
        ):  # a unit cannot contain these
            raise UserError(
                N_(
                    "The path %(folder)s has characters that a service cannot use. Install "
                    "the blog in /opt/blog."
                ),
                folder=folder,
            )
    if target.root == Path("/") and os.geteuid() != 0:
        raise UserError(N_("This command writes to /etc. Run it as root, with sudo."))
    interpreter = (target.programs / "python").resolve()
    for folder in (
        target.installed,
        *target.installed.parents,
        *target.programs.parents,
        *interpreter.parents,
    ):
        if target.root == Path("/") and not folder.stat().st_mode & 0o001:
            raise UserError(
                N_("The service's user cannot access %(folder)s. Install the blog in /opt/blog."),
                folder=folder,
            )


def _refuse_foreign_files(target: Deployment) -> None:
    """Raise `UserError` if a file is not ours, or if another site of the blog is set up.

    nginx refuses a second site with the same upstream and cache names.
    """
    files = (path for path in target.files() if text_of(target, path) and not is_ours(target, path))
    links = (
        path for path in target.links() if exists(target, path) and not is_our_link(target, path)
    )
    for path in (*files, *links):
        raise UserError(
            N_("%(path)s was not written by blog deploy. Move it away first."),
            path=target.below_root(path),
        )
    for name in other_sites(target):
        message = N_(
            "The blog is already set up here as %(name)s. First run blog deploy %(name)s --remove."
        )
        raise UserError(message, name=name)


class FileChange(NamedTuple):
    """A file to write, with its present text ("" if there is none) and its new text."""

    path: Path
    before: str
    after: str


def changed_files(target: Deployment) -> Iterator[FileChange]:
    """Yield each file whose text changes."""
    for path, text in target.files().items():
        current = text_of(target, path)
        if current != text:
            yield FileChange(path, current, text)


def commands(target: Deployment) -> list[list[str]]:
    """Return the commands to run. They can be repeated safely."""
    data = target.home / "data"
    make_user = [
        "useradd",
        "--system",
        "--home-dir",
        str(target.home),
        "--shell",
        "/usr/sbin/nologin",
    ]
    steps = [] if _user_exists(target) else [[*make_user, target.user]]
    owner = ["install", "-d", "-o", target.user, "-g", SHARED]
    steps += [[*owner, "-m", "0750", str(target.home)], [*owner, "-m", "0710", str(data)]]
    steps += [["install", "-d", "-m", "0755", str(target.home / "acme")]]
    if target.below_root(Path("/etc/nginx/sites-enabled/default")).is_symlink():
        steps += [["rm", "/etc/nginx/sites-enabled/default"]]
    return [
        *steps,
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", "--quiet", *UNITS],
        ["systemctl", "restart", *UNITS],
        ["nginx", "-t", "-q"],
        ["systemctl", "reload-or-restart", "nginx"],
    ]


def _user_exists(target: Deployment) -> bool:
    passwd = target.below_root(Path("/etc/passwd"))
    return passwd.exists() and f"\n{target.user}:" in "\n" + passwd.read_text()


def show(target: Deployment, changes: list[FileChange], steps: list[list[str]]) -> None:
    """Print a diff of each file, and the links and commands."""
    for path, before, after in changes:
        if before:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), str(path), str(path), lineterm="", n=1
            )
            print("\n".join(lines))
        else:
            print(f"+ {path}")
            print("".join(f"    {line}\n" for line in after.splitlines()))
    for path, linked in target.links().items():
        if not exists(target, path):
            print(f"+ {path} → {linked}")
    for step in steps:
        print("$", *step)


def _confirmed() -> bool:
    try:
        answer = input(say(N_("Proceed? [y/N]")) + " ")
    except EOFError:
        print()
        raise UserError(
            N_("No answer, so nothing was done. Use --yes to skip the question.")
        ) from None
    return answer.strip().lower() in ("y", "yes", "是", "好")


def write(target: Deployment) -> None:
    """Write all files and links, each atomically and with its final permissions."""
    for path, text in target.files().items():
        destination = target.below_root(path)
        destination.parent.mkdir(parents=True, exist_ok=True)
        draft = destination.with_name(f".{destination.name}.new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)  # others must never be able to read the mail server's password
        draft.write_text(text)
        draft.chmod({"blog.env": 0o640, "blog": 0o755}.get(path.name, 0o644))
        draft.replace(destination)
    for path, linked in target.links().items():
        destination = target.below_root(path)
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.unlink(missing_ok=True)
        destination.symlink_to(linked)


def _execute(target: Deployment, step: list[str]) -> None:
    """Run a command on this machine. If its program is not installed, report that and go on."""
    if target.root != Path("/"):
        return
    if shutil.which(step[0]) is None:
        print(say(N_("%(program)s is not installed, so it was skipped."), program=step[0]))
        return
    process = subprocess.run(step, check=False)  # noqa: S603 -- our own arguments; the domain is checked
    if process.returncode:
        raise UserError(N_("“%(command)s” failed; see the output above."), command=" ".join(step))


def _print_next_steps(target: Deployment) -> None:
    if target.root != Path("/"):
        message = N_(
            "The files were written below %(folder)s. The commands were not run; run them on "
            "the target machine."
        )
        print(say(message, folder=target.root))
        return
    print(say(N_("The blog is available at %(address)s"), address=target.address))
    if not target.has_certificate:
        print(say(N_("To enable https, request a certificate, then run `blog deploy` again:")))
        print(f"    certbot certonly --webroot -w {target.home}/acme -d {target.domain}")


def remove(target: Deployment, *, is_sure: bool) -> int:
    """Undo the setup, except for the data folder and settings that the site owner added."""
    # The file of settings stays if it has added lines, such as the mail server's password.
    kept_files = {target.settings} if target.added_settings() else set()
    is_last = not other_sites(target)  # otherwise the services belong to the other site
    files = [path for path in target.files() if is_last or path == target.site]
    ours = [path for path in files if path not in kept_files and is_ours(target, path)]
    links = [path for path in target.links() if is_our_link(target, path)]
    stop_commands = [["systemctl", "disable", "--now", *UNITS]] if ours and is_last else []
    for path in (*links, *ours):
        print(f"- {path}")
    for step in stop_commands:
        print("$", *step)
    if not ours and not links:
        print(say(N_("Nothing on this machine was set up by `blog deploy`.")))
        return 0
    if not (is_sure or _confirmed()):
        return 1
    for step in stop_commands:
        _execute(target, step)
    for path in (*links, *ours):
        target.below_root(path).unlink()
    for step in (["systemctl", "daemon-reload"], ["systemctl", "reload-or-restart", "nginx"]):
        _execute(target, step)
    print(say(N_("The data is kept in %(folder)s."), folder=target.home / "data"))
    return 0
