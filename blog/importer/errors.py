"""Turns an error that stops an import, such as a full disk, into a one-sentence `Refusal`."""

from sqlalchemy.exc import DBAPIError

from blog.config import N_
from blog.models.base import Refusal

FAULTS = (OSError, DBAPIError)


def refusal(fault: OSError | DBAPIError) -> Refusal:
    """Return the `Refusal` for an error of the file system or of the database."""
    reason = fault.orig if isinstance(fault, DBAPIError) else fault.strerror
    return Refusal(
        N_(
            "The import stopped: %(why)s. What has been imported is kept; run the command "
            "again to continue."
        ),
        why=str(reason or fault).partition("\n")[0],
    )
