"""What each process knows of its admins."""

from taskapi.admin.service import admins
from taskapi.parts import Parts


def know_admins(parts: Parts) -> None:
    """Look up whom Server-Timing is for; who is no admin any more is told it for some seconds still."""
    with parts.database.reader(patient=False) as session:
        parts.timing.admins = admins(session)
