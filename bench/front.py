"""nginx before a target, or instead of one: a site of bench/nginx/, or the one that is shipped."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from tests.support.live_server import ROOT, program

SITES = Path(__file__).parent / "nginx"
SHIPPED = "shipped"


def nginx(site: str, words: Mapping[str, object]) -> list[str]:
    """The command that serves it; `words` are the ports and places to fill in."""
    folder = Path(str(words["scratch"]))
    conf = _shipped(words) if site == SHIPPED else _filled(SITES / f"{site}.conf", words)
    folder.joinpath("site.conf").write_text(conf)
    # Started by root its workers change to another user, who may not read a data folder.
    user = "user root;" if os.geteuid() == 0 else ""
    main = _filled(SITES / "main.conf", {**words, "user": user})
    folder.joinpath("nginx.conf").write_text(main)
    return [str(program("nginx")), "-c", f"{folder}/nginx.conf", "-e", f"{folder}/nginx.log"]


def _filled(conf: Path, words: Mapping[str, object]) -> str:
    return re.sub(r"@(\w+)@", lambda found: str(words[found[1]]), conf.read_text())


def _shipped(words: Mapping[str, object]) -> str:
    """The configuration of the project, on our ports and in our folders."""
    text = re.sub(r"(?m)^ *listen \[::\].*\n", "", ROOT.joinpath("nginx.conf").read_text())
    text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{words['asked']}", text)
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{words['port']}")
    text = text.replace("blog.example.org", "127.0.0.1")
    text = text.replace("/var/log/nginx", str(words["scratch"]))
    text = text.replace("/var/cache/nginx-blog", f"{words['scratch']}/kept")
    return text.replace("/srv/blog/data", str(words["data"]))
