"""`taskapi` with waits that a test can sit out, and a planted death: SIGKILL between the 250 and the mark.

    python -m tests.chaos.mailing_server serve --port 5001

CRASH_AFTER says after which mail it dies; 0 lets it live.
"""

import os
import signal
from itertools import count

from taskapi import claims, outbox
from taskapi.__main__ import main
from taskapi.exports import service as exports
from taskapi.mail import ByHost, Mail

CRASH_NEVER = {"CRASH_AFTER": "0"}
LEASE_MILLISECONDS = 1500
BACK_OFF = (50, 100, 200, 400)


def plant() -> None:
    claims.LEASE_MILLISECONDS = int(os.environ.get("LEASE_MILLISECONDS", LEASE_MILLISECONDS))
    outbox.BACK_OFF = BACK_OFF
    exports._TOLD_SECONDS = float(os.environ.get("EXPORT_TOLD_SECONDS", exports._TOLD_SECONDS))
    deliver, sent, last = ByHost.deliver, count(1), int(os.environ["CRASH_AFTER"])

    def dying(self: ByHost, mail: Mail) -> None:
        deliver(self, mail)
        if next(sent) == last:
            os.kill(os.getpid(), signal.SIGKILL)

    ByHost.deliver = dying  # type: ignore[method-assign]


if __name__ == "__main__":
    plant()
    main()
