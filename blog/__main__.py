"""The `blog` command: parses the arguments, runs a command, and reports its errors in one line."""

import blog.dependencies  # noqa: F401 -- must come first: reports missing packages

# isort: split
import io
import sys

from blog.cli.parser import parser
from blog.config import N_, Config, UserError
from blog.models.base import Refusal
from blog.server import startup
from blog.server.startup import say


def main(argv: list[str] | None = None) -> int:
    """Run the command in `argv` (by default the process arguments) and return its exit code."""
    arguments = parser().parse_args(argv)
    try:
        code = int(arguments.run(Config.from_env(), arguments) or 0)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # as in `blog doctor | head`
        sys.stdout = io.StringIO()  # so that nothing fails when the interpreter flushes stdout
        return 1
    except (UserError, Refusal, OSError) as error:
        print(startup.error_message(error), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(say(N_("Interrupted. Run the command again to continue.")), file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
