"""Writes a release's example database for migration tests: `python -m tests.tools.keep_release`."""

import tempfile
from pathlib import Path

from blog import __version__
from blog.config import Config
from blog.db import Database
from blog.db.migrate import migrate
from tests.support import cast
from tests.support.paths import RELEASES


def keep() -> Path:
    """Write the example data, as this version stores it, to one compact file."""
    target = RELEASES / f"{__version__}.sqlite3"
    target.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        config = Config(data_dir=Path(folder))
        migrate(config)
        database = Database(config)
        cast.fill(database)
        with database.writing.connect() as connection:
            raw = connection.connection.dbapi_connection
            raw.execute("VACUUM INTO ?", (str(target),))
        database.close()
    return target


if __name__ == "__main__":
    print(keep())
