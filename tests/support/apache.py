"""Runs a real Apache with the shipped site file, changed only in paths, port and host name."""

import os
import tempfile
from pathlib import Path
from typing import Self

from tests.support.live_server import ROOT, Site, free_port, program
from tests.support.nginx_server import HOST, Front

MODULES = Path("/usr/lib/apache2/modules")
# The modules that Debian enables by default, and those that the file's first lines require.
ENABLED = "mpm_event authz_core authz_host alias deflate filter mime reqtimeout"
REQUIRED = "proxy proxy_http headers"
MAIN = """
ServerRoot {folder}
PidFile {folder}/pid
ErrorLog {folder}/error.log
Listen 127.0.0.1:{port}
ServerName localhost
{user}
TypesConfig {folder}/types
{modules}
Include {folder}/blog.conf
"""


class Apache(Front):
    """`with Apache(site) as front: front.ask("/")`."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="apache-"))
        self.folder.chmod(0o755)
        names = [*ENABLED.split(), *REQUIRED.split()]
        modules = [f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in names]
        # Started by root, Apache must answer as another user.
        user = "User www-data\nGroup www-data" if os.geteuid() == 0 else ""
        main = MAIN.format(
            folder=self.folder, port=self.port, user=user, modules="\n".join(modules)
        )
        self.folder.joinpath("logs").mkdir()
        self.folder.joinpath("apache2.conf").write_text(main)
        self.folder.joinpath("types").write_text("text/css css\nimage/jpeg jpg\n")
        self.folder.joinpath("blog.conf").write_text(self.config_text())

    def config_text(self) -> str:
        """Return the shipped file with our port, host and folder in the lines to be edited."""
        text = ROOT.joinpath("deploy/apache.conf").read_text()
        text = text.replace("*:80>", f"127.0.0.1:{self.port}>").replace("blog.example.org", HOST)
        text = text.replace("127.0.0.1:8000", f"127.0.0.1:{self.site.port}")
        return text.replace("/srv/blog/data", str(self.site.config.data_dir))

    def __enter__(self) -> Self:
        command = [str(program("apache2")), "-d", str(self.folder), "-f", "apache2.conf"]
        return self.run([*command, "-D", "FOREGROUND"])
