"""Jobs that send a mail: read, put into words, send. The mark that it is done is written afterwards.

Nothing is written in their transactions, so none is open while a mail host takes its time.
"""

from collections.abc import Callable

from taskapi.db import Session
from taskapi.jobs import Handler, Job
from taskapi.letters import Letter, worded
from taskapi.mail import Mail
from taskapi.notifications import service
from taskapi.parts import Parts

Compose = Callable[[Parts, Session, Job], Letter | None]


def _mailing(compose: Compose) -> Handler:
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
        link=letter.link if "#" in letter.link else "",
    )


MAILS: dict[str, Handler] = {
    "mail.verify_email": _mailing(service.verify_email),
    "mail.resend_verification": _mailing(service.verify_email),
    "mail.already_registered": _mailing(service.already_registered),
    "mail.reset_password": _mailing(service.reset_password),
    "mail.change_email": _mailing(service.change_email),
    "mail.change_asked": _mailing(service.change_asked),
    "mail.address_changed": _mailing(service.address_changed),
    "mail.password_changed": _mailing(service.password_changed),
    "mail.new_device": _mailing(service.new_device),
    "mail.session_stolen": _mailing(service.session_stolen),
    "mail.account_going": _mailing(service.account_going),
}
