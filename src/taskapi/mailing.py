"""Jobs that send a mail: read, put into words, send. The mark that it is done is written afterwards.

Nothing is written in their transactions, so none is open while a mail host takes its time.
"""

from collections.abc import Callable

from taskapi.db import Session
from taskapi.jobs import Handler, Job
from taskapi.letters import Letter, worded
from taskapi.mail import Mail
from taskapi.parts import Parts

# What a job comes to when its mail is to leave; None means that nothing is sent.
Compose = Callable[[Parts, Session, Job], Letter | None]


def mailing(compose: Compose) -> Handler:
    """The handler that sends what is composed."""

    def handle(parts: Parts, _session: Session, job: Job) -> None:
        with parts.database.reader() as reading:
            letter = compose(parts, reading, job)
        if letter is not None:
            parts.mailer.deliver(_mail(letter, job, parts.settings.public_url))

    return handle


def _mail(letter: Letter, job: Job, service_url: str) -> Mail:
    said = worded(letter, service_url)
    return Mail(
        id=job.id,
        moment=job.created_at,
        address=letter.address,
        subject=said.subject,
        text=said.text,
        html=said.html,
        language=said.language,
        # Only those are worth a line in the log that lead to a form by a token.
        link=letter.link if letter.has_token else "",
        unsubscribe=letter.unsubscribe,
    )
