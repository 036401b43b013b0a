"""What ends a move before its end, such as a full disk, told in one sentence."""

from sqlalchemy.exc import DBAPIError

from blog.config import N_
from blog.models.base import Refusal

FAULTS = (OSError, DBAPIError)


def refusal(fault: OSError | DBAPIError) -> Refusal:
    """Whether a picture or the database found the disk full."""
    said = fault.orig if isinstance(fault, DBAPIError) else fault.strerror
    return Refusal(
        N_(
            "The import stopped: %(why)s. What has been imported is kept; run the command "
            "again to continue."
        ),
        why=str(said or fault).partition("\n")[0],
    )
