"""Configures nginx as a proxy before a target or as the target itself.

The site is a file of bench/nginx/ or the nginx.conf of this project.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from tests.support.live_server import ROOT, program

SITES = Path(__file__).parent / "nginx"
SHIPPED = "shipped"


def nginx(site: str, words: Mapping[str, object]) -> list[str]:
    """Write the configuration of a site and return the command that starts nginx.

    `words` are the values of the @placeholders@: ports and paths.
    """
    folder = Path(str(words["scratch"]))
    conf = _shipped(words) if site == SHIPPED else _filled(SITES / f"{site}.conf", words)
    folder.joinpath("site.conf").write_text(conf)
    # When root starts nginx, its workers switch to a user who cannot read the data folder.
    user = "user root;" if os.geteuid() == 0 else ""
    main = _filled(SITES / "main.conf", {**words, "user": user})
    folder.joinpath("nginx.conf").write_text(main)
    return [str(program("nginx")), "-c", f"{folder}/nginx.conf", "-e", f"{folder}/nginx.log"]


def _filled(conf: Path, words: Mapping[str, object]) -> str:
    return re.sub(r"@(\w+)@", lambda placeholder: str(words[placeholder[1]]), conf.read_text())


def _shipped(words: Mapping[str, object]) -> str:
    """Return the project's nginx.conf with the ports and folders of this run."""
    text = re.sub(r"(?m)^ *listen \[::\].*\n", "", ROOT.joinpath("nginx.conf").read_text())
    text = re.sub(r"listen 80\b", f"listen 127.0.0.1:{words['asked']}", text)
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{words['port']}")
    text = text.replace("blog.example.org", "127.0.0.1")
    text = text.replace("/var/log/nginx", str(words["scratch"]))
    text = text.replace("/var/cache/nginx-blog", f"{words['scratch']}/cache")
    return text.replace("/srv/blog/data", str(words["data"]))
