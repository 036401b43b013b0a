"""Prepares WordPress with MariaDB and PHP-FPM from Debian's packages, with the posts of this blog.

python -m bench.rivals.wordpress.prepare PACKAGES SITE

Unpacks the packages into PACKAGES without installing them, so that none of their daemons is
started, and creates the site in SITE.
"""

import getpass
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
WORDPRESS = ["wordpress", "wordpress-theme-twentytwentythree", "php-getid3", "libjs-underscore"]
PHP = [f"php8.2-{part}" for part in ("cli", "common", "fpm", "mysql", "opcache")]
MARIADB = [f"mariadb-{part}" for part in ("server", "server-core", "client-core", "common")]
PACKAGES = [*WORDPRESS, *PHP, *MARIADB, "mysql-common", "libaio1", "liburing2"]
POSTS = """
    SELECT p.id, p.publish_at AS at, p.title, p.slug, p.tags, r.body_html AS body
    FROM post p JOIN revision r ON r.id = p.live_revision_id ORDER BY p.id
"""
COMMENTS = "SELECT post_id, name, body, created_at AS at FROM comment ORDER BY id"


def main(packages: Path, site: Path) -> None:
    unpack(packages)
    ours = Path(os.environ["BENCH_DATABASE"])
    done, world_stamp = site / "done", ours.with_name("made-by")
    if done.exists() and done.stat().st_mtime > world_stamp.stat().st_mtime:
        return
    shutil.rmtree(site, ignore_errors=True)
    shutil.copytree(packages / "usr/share/wordpress", site / "www", symlinks=True)
    shutil.copy(HERE / "wp-config.php", site / "www")
    dump(ours, site / "posts.json")
    make_database(packages, site)
    fill(packages, site)
    done.touch()


def unpack(packages: Path) -> None:
    if packages.joinpath("unpacked").exists():
        return
    debs = packages / "debs"
    debs.mkdir(parents=True, exist_ok=True)
    subprocess.run(["apt-get", "download", "--quiet", *PACKAGES], cwd=debs, check=True)
    for deb in debs.glob("*.deb"):
        subprocess.run(["dpkg", "-x", str(deb), str(packages)], check=True)
    packages.joinpath("unpacked").touch()


def dump(ours: Path, file: Path) -> None:
    connection = sqlite3.connect(ours)
    connection.row_factory = sqlite3.Row
    queries = {"posts": POSTS, "comments": COMMENTS}
    rows = {
        name: [dict(row) for row in connection.execute(query)] for name, query in queries.items()
    }
    file.write_text(json.dumps(rows))


def make_database(packages: Path, site: Path) -> None:
    command = [str(packages / "usr/bin/mariadb-install-db"), "--no-defaults"]
    command += [f"--basedir={packages}/usr", f"--datadir={site}/mysql", "--skip-test-db"]
    command += ["--auth-root-authentication-method=normal", f"--user={getpass.getuser()}"]
    libraries = {"LD_LIBRARY_PATH": f"{packages}/usr/lib/x86_64-linux-gnu"}
    subprocess.run(command, env=os.environ | libraries, check=True)


def fill(packages: Path, site: Path) -> None:
    socket = site / "socket"
    server = [str(HERE / "mariadb"), str(packages), str(site), str(socket)]
    database = subprocess.Popen(server)
    try:
        while not socket.exists():
            assert database.poll() is None, "MariaDB did not start"
            time.sleep(0.1)
        env = os.environ | {"BENCH_SOCKET": str(socket)}
        php = [str(HERE / "php"), str(packages), "php8.2", str(HERE / "fill.php"), str(site)]
        subprocess.run(php, env=env, check=True)
    finally:
        database.terminate()
        database.wait()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
