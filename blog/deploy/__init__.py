"""`blog deploy example.org`: a site of its own on this machine, shown before it is written.

Whatever is written bears a line that says so; `--remove` takes back what bears it.
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

from blog.config import N_, Config, UserError
from blog.deploy.written import MARK, SHARED, Deployment
from blog.server.startup import say

DOMAIN = re.compile(
    r"(?=.{4,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]\Z"
)
# It is written as it is into nginx's configuration, two units and a script.
HOME = re.compile(r"(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+")
UNITS = ("blog", "blog-tick")


def run(config: Config, given: argparse.Namespace) -> int:
    to = deployment(config, given)
    if given.remove:
        return remove(to, is_sure=given.yes)
    _refuse_what_cannot_work(to)
    _refuse_what_is_anothers(to)
    changes = list(changed_files(to))
    steps = commands(to)
    show(to, changes, steps)
    if not (given.yes or _agrees()):
        return 1
    write(to)
    for step in steps:
        _do(to, step)
    _say_what_is_next(to)
    return 0


def deployment(config: Config, given: argparse.Namespace) -> Deployment:
    domain = _as_dns_has_it(given.domain)
    if not DOMAIN.match(domain):
        raise UserError(N_("“%(name)s” is not a domain, such as example.org."), name=given.domain)
    if not HOME.fullmatch(str(given.home)):
        raise UserError(
            N_("%(path)s is not a valid folder. Use an absolute path such as /srv/blog."),
            path=given.home,
        )
    return Deployment(
        domain=domain,
        installed=config.installed,
        shipped=config.shipped,
        programs=Path(sys.executable).parent,
        workers=min(4, 1 + (os.cpu_count() or 1)),
        port=config.port,
        home=given.home,
        root=given.root,
    )


def _as_dns_has_it(name: str) -> str:
    """博客.中国 is xn--9krq6q.xn--fiqs8s to nginx and to certificates."""
    with contextlib.suppress(UnicodeError):
        return name.encode("idna").decode().lower()
    return name


def _refuse_what_cannot_work(to: Deployment) -> None:
    for folder in (to.installed, to.programs):
        if set("\"'\\") & set(str(folder)) or not str(folder).isprintable():  # no unit takes these
            raise UserError(
                N_(
                    "The path %(folder)s has characters that a service cannot use. Install "
                    "the blog in /opt/blog."
                ),
                folder=folder,
            )
    if to.root == Path("/") and os.geteuid() != 0:
        raise UserError(N_("This command writes to /etc. Run it as root, with sudo."))
    interpreter = (to.programs / "python").resolve()
    for folder in (to.installed, *to.installed.parents, *to.programs.parents, *interpreter.parents):
        if to.root == Path("/") and not folder.stat().st_mode & 0o001:
            raise UserError(
                N_("The service's user cannot access %(folder)s. Install the blog in /opt/blog."),
                folder=folder,
            )


def _refuse_what_is_anothers(to: Deployment) -> None:
    """Nothing but our own is written over; and nginx would take no second site of ours."""
    files = (path for path in to.files() if _text(to, path) and not _is_ours(to, path))
    links = (path for path in to.links() if _stands(to, path) and not _is_our_link(to, path))
    for path in (*files, *links):
        raise UserError(
            N_("%(path)s was not written by blog deploy. Move it away first."), path=to.there(path)
        )
    for name in other_sites(to):
        message = N_(
            "The blog is already set up here as %(name)s. First run blog deploy %(name)s --remove."
        )
        raise UserError(message, name=name)


def other_sites(to: Deployment) -> list[str]:
    """The names under which `blog deploy` has set the blog up, but for this one."""
    sites = to.there(to.site.parent)
    names = sorted(path.name for path in sites.iterdir()) if sites.is_dir() else []
    return [name for name in names if name != to.domain and _is_ours(to, to.site.with_name(name))]


def changed_files(to: Deployment) -> Iterator[tuple[Path, str, str]]:
    """Path, what stands there, what will stand there."""
    for path, text in to.files().items():
        now = _text(to, path)
        if now != text:
            yield path, now, text


def commands(to: Deployment) -> list[list[str]]:
    """Safe to do again."""
    data = to.home / "data"
    make_user = ["useradd", "--system", "--home-dir", str(to.home), "--shell", "/usr/sbin/nologin"]
    steps = [] if _is_known(to) else [[*make_user, to.user]]
    owner = ["install", "-d", "-o", to.user, "-g", SHARED]
    steps += [[*owner, "-m", "0750", str(to.home)], [*owner, "-m", "0710", str(data)]]
    steps += [["install", "-d", "-m", "0755", str(to.home / "acme")]]
    if to.there(Path("/etc/nginx/sites-enabled/default")).is_symlink():
        steps += [["rm", "/etc/nginx/sites-enabled/default"]]
    return [
        *steps,
        ["systemctl", "daemon-reload"],
        ["systemctl", "enable", "--quiet", *UNITS],
        ["systemctl", "restart", *UNITS],
        ["nginx", "-t", "-q"],
        ["systemctl", "reload-or-restart", "nginx"],
    ]


def _is_known(to: Deployment) -> bool:
    known = to.there(Path("/etc/passwd"))
    return known.exists() and f"\n{to.user}:" in "\n" + known.read_text()


def show(to: Deployment, changes: list[tuple[Path, str, str]], steps: list[list[str]]) -> None:
    for path, before, after in changes:
        if before:
            lines = difflib.unified_diff(
                before.splitlines(), after.splitlines(), str(path), str(path), lineterm="", n=1
            )
            print("\n".join(lines))
        else:
            print(f"+ {path}")
            print("".join(f"    {line}\n" for line in after.splitlines()))
    for path, target in to.links().items():
        if not _stands(to, path):
            print(f"+ {path} → {target}")
    for step in steps:
        print("$", *step)


def _agrees() -> bool:
    try:
        said = input(say(N_("Proceed? [y/N]")) + " ")
    except EOFError:
        print()
        raise UserError(
            N_("No answer, so nothing was done. Use --yes to skip the question.")
        ) from None
    return said.strip().lower() in ("y", "yes", "是", "好")


def write(to: Deployment) -> None:
    for path, text in to.files().items():
        place = to.there(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        draft = place.with_name(f".{place.name}.new")
        draft.unlink(missing_ok=True)
        draft.touch(mode=0o600)  # at no moment may others read the mail server's password
        draft.write_text(text)
        draft.chmod({"blog.env": 0o640, "blog": 0o755}.get(path.name, 0o644))
        draft.replace(place)
    for path, target in to.links().items():
        place = to.there(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.unlink(missing_ok=True)
        place.symlink_to(target)


def _do(to: Deployment, step: list[str]) -> None:
    """On this machine only; where a program is missing, it is said and gone on."""
    if to.root != Path("/"):
        return
    if shutil.which(step[0]) is None:
        print(say(N_("%(program)s is not installed, so it was skipped."), program=step[0]))
        return
    done = subprocess.run(step, check=False)  # noqa: S603 -- our own words; the name is checked
    if done.returncode:
        raise UserError(N_("“%(command)s” failed; see the output above."), command=" ".join(step))


def _say_what_is_next(to: Deployment) -> None:
    if to.root != Path("/"):
        said = N_(
            "The files were written below %(folder)s. The commands were not run; run them on "
            "the target machine."
        )
        print(say(said, folder=to.root))
        return
    print(say(N_("The blog is available at %(address)s"), address=to.address))
    if not to.has_certificate:
        print(say(N_("To enable https, request a certificate, then run `blog deploy` again:")))
        print(f"    certbot certonly --webroot -w {to.home}/acme -d {to.domain}")


def remove(to: Deployment, *, is_sure: bool) -> int:
    """Everything but the data folder and the settings that the keeper added."""
    # Settings with somebody's own words, such as the mail server's password, stay.
    staying = {to.settings} if to.added_settings() else set()
    is_last = not other_sites(to)  # else the services are the other's
    files = [path for path in to.files() if is_last or path == to.site]
    ours = [path for path in files if path not in staying and _is_ours(to, path)]
    links = [path for path in to.links() if _is_our_link(to, path)]
    stopping = [["systemctl", "disable", "--now", *UNITS]] if ours and is_last else []
    for path in (*links, *ours):
        print(f"- {path}")
    for step in stopping:
        print("$", *step)
    if not ours and not links:
        print(say(N_("Nothing on this machine was set up by `blog deploy`.")))
        return 0
    if not (is_sure or _agrees()):
        return 1
    for step in stopping:
        _do(to, step)
    for path in (*links, *ours):
        to.there(path).unlink()
    for step in (["systemctl", "daemon-reload"], ["systemctl", "reload-or-restart", "nginx"]):
        _do(to, step)
    print(say(N_("The data is kept in %(folder)s."), folder=to.home / "data"))
    return 0


def _text(to: Deployment, path: Path) -> str:
    """What stands there, be it a program; "" if nothing does."""
    place = to.there(path)
    return place.read_text(errors="replace") if place.exists() else ""


def _is_ours(to: Deployment, path: Path) -> bool:
    with contextlib.suppress(OSError):
        return MARK in _text(to, path)
    return False


def _stands(to: Deployment, path: Path) -> bool:
    """Be it a link that leads nowhere."""
    return os.path.lexists(to.there(path))


def _is_our_link(to: Deployment, path: Path) -> bool:
    place = to.there(path)
    if not place.is_symlink():
        return False
    return os.path.normpath(path.parent / place.readlink()) == str(to.links()[path])
