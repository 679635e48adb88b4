"""Which mail each kind of job sends."""

from taskapi.jobs import Handler
from taskapi.mailing import mailing
from taskapi.notifications import service

MAILS: dict[str, Handler] = {
    "mail.verify_email": mailing(service.verify_email),
    "mail.resend_verification": mailing(service.verify_email),
    "mail.already_registered": mailing(service.already_registered),
    "mail.reset_password": mailing(service.reset_password),
    "mail.change_email": mailing(service.change_email),
    "mail.change_asked": mailing(service.change_asked),
    "mail.address_changed": mailing(service.address_changed),
    "mail.password_changed": mailing(service.password_changed),
    "mail.new_device": mailing(service.new_device),
    "mail.session_stolen": mailing(service.session_stolen),
    "mail.account_going": mailing(service.account_going),
}
