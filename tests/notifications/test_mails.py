"""Who is told what: each kind of mail, decided when it leaves."""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, update

from taskapi.accounts.models import User
from taskapi.clock import DAY, HOUR, now
from taskapi.handlers import HANDLERS
from taskapi.jobs import OutboxRow
from taskapi.letters import catalogue_of
from taskapi.mail import Written, written_mails
from taskapi.outbox import Outbox
from taskapi.parts import Parts
from taskapi.sessions.models import LoginSession
from tests.conftest import ENGINES
from tests.people import PASSWORD, Answer, Api, Person, make_person, new_address, set_disabled

FRESH = "a fresh and good password"
SUBJECTS = {kind: words["subject"] for kind, words in catalogue_of("en")["letters"].items()}
KIND_OF = {subject: kind for kind, subject in SUBJECTS.items()}


@dataclass
class Post:
    """An application whose mails are files, and the worker that writes them."""

    app: Flask

    @property
    def parts(self) -> Parts:
        parts: Parts = self.app.extensions["taskapi"]
        return parts

    def sent(self) -> list[Written]:
        """What was sent since it was asked last, the oldest first."""
        worker = Outbox(self.parts, HANDLERS)
        worker.do_due()
        with self.parts.database.reader() as session:
            undone = session.rows(OutboxRow.__table__.select().where(OutboxRow.done_at.is_(None)))
        assert [row.last_error for row in undone] == []
        folder = self.parts.settings.home / "mail"
        found = sorted(written_mails(folder), key=lambda one: one.id)
        shutil.rmtree(folder, ignore_errors=True)
        return found

    def told(self) -> list[tuple[str, str]]:
        """The kinds and addresses of what was sent."""
        return [(KIND_OF[one.subject], one.address) for one in self.sent()]

    def change(self, person: Person, **values: object) -> None:
        with self.parts.database.writer() as session:
            session.run(update(User).where(User.id == person.id).values(**values))

    def age(self, milliseconds: int) -> None:
        """Let what waits have been waiting for so long."""
        with self.parts.database.writer() as session:
            session.run(
                update(OutboxRow)
                .where(OutboxRow.done_at.is_(None))
                .values(created_at=OutboxRow.created_at - milliseconds)
            )

    def call(self, path: str, body: object) -> Answer:
        return Api(self.app).post(path, body)


@pytest.fixture(scope="module", params=ENGINES)
def whole(request: pytest.FixtureRequest, make_app: Callable[..., Flask]) -> Flask:
    return make_app(request.param, TASKAPI_PUBLIC_URL="https://tasks.example.com")


@pytest.fixture
def post(whole: Flask) -> Post:
    made = Post(whole)
    with made.parts.database.writer() as session:
        session.run(delete(OutboxRow))
    return made


@pytest.fixture
def eve(post: Post) -> Person:
    return make_person(post.app)


def link(written: Written) -> tuple[str, str]:
    """The page and the token of the link in a mail."""
    (found,) = re.findall(r"^https://tasks\.example\.com/(verify|reset)#(\S+)$", written.text, re.MULTILINE)
    page, token = found
    return page, token


def log_in(person: Person, password: str = PASSWORD, **more: Any) -> Answer:
    return Api(person.app).post("/auth/login", {"email": person.email, "password": password}, **more)


def test_the_mail_of_a_new_account_proves_its_address(post: Post) -> None:
    email = new_address()
    post.call("/auth/register", {"email": email, "password": PASSWORD, "language": "de-AT", "name": "Eva"})
    (written,) = post.sent()
    assert (written.address, written.subject) == (email, "Bestätige deine Adresse")
    assert written.text.startswith("Hallo,\n")
    page, token = link(written)
    assert page == "verify"
    assert post.call("/auth/email/verify", {"token": token}).status_code == 204
    post.call("/auth/email/resend", {"email": email})
    assert post.told() == []


def test_a_name_is_said_to_nobody_whose_address_is_not_proved(post: Post) -> None:
    email, words = new_address(), "You have won: https://evil.example"
    for _ in range(2):
        post.call("/auth/register", {"email": email, "password": PASSWORD, "name": words})
    post.call("/auth/password/forgot", {"email": email})
    told = post.sent()
    assert [KIND_OF[one.subject] for one in told] == ["verify_email", "already_registered", "reset_password"]
    assert not [one.subject for one in told if words in one.text]
    # Whoever has the mail has the address: from here on it is their own name.
    post.call("/auth/password/reset", {"token": link(told[2])[1], "password": FRESH})
    (changed,) = post.sent()
    assert words in changed.text
    # Nor does the owner of a proved address put words into mails to others.
    grant = post.call("/auth/login", {"email": email, "password": FRESH}).json
    other = new_address()
    Api(post.app, grant["access_token"]).post("/me/email", {"password": FRESH, "email": other})
    assert [(one.address, words in one.text) for one in post.sent() if "address" in one.subject] == [
        (other, False),
        (email, True),
    ]


def test_a_redo_is_the_same_mail(post: Post) -> None:
    post.call("/auth/register", {"email": new_address(), "password": PASSWORD})
    (first,) = post.sent()
    with post.parts.database.writer() as session:
        session.run(update(OutboxRow).values(done_at=None))
    assert post.sent() == [first]


def test_somebody_who_registers_a_known_address_is_told_by_mail_alone(post: Post, eve: Person) -> None:
    post.call("/auth/register", {"email": eve.email.upper(), "password": FRESH})
    (written,) = post.sent()
    assert (written.address, written.subject) == (eve.email, SUBJECTS["already_registered"])
    assert "https://tasks.example.com/reset\n" in written.text


def test_nobodys_letter_box_is_filled_by_registering_them(make_app: Callable[..., Flask]) -> None:
    post = Post(make_app("sqlite", TASKAPI_LIMITS="", TASKAPI_PUBLIC_URL="https://tasks.example.com"))
    eve = make_person(post.app)
    body = {"email": eve.email, "password": FRESH}
    assert {post.call("/auth/register", body).status_code for _ in range(8)} == {202}
    assert post.told() == [("already_registered", eve.email)] * 5


def test_a_reset_mail_resets_and_then_the_owner_is_told(post: Post, eve: Person) -> None:
    post.call("/auth/password/forgot", {"email": eve.email})
    (written,) = post.sent()
    assert written.address == eve.email
    page, token = link(written)
    assert page == "reset"
    assert post.call("/auth/password/reset", {"token": token, "password": FRESH}).status_code == 204
    assert post.told() == [("password_changed", eve.email)]
    assert log_in(eve, FRESH).status_code == 200


@pytest.mark.parametrize("path", ["/auth/password/forgot", "/auth/email/resend"])
def test_an_unknown_address_gets_no_mail(post: Post, path: str) -> None:
    post.call(path, {"email": new_address()})
    assert post.told() == []


def test_who_cannot_get_in_is_sent_no_link(post: Post) -> None:
    disabled, gone = make_person(post.app), make_person(post.app)
    for person in (disabled, gone):
        post.call("/auth/password/forgot", {"email": person.email})
        post.call("/auth/email/resend", {"email": person.email})
        post.call("/auth/register", {"email": person.email, "password": PASSWORD})
    with post.parts.database.writer() as session:
        set_disabled(session, disabled.email, disabled=True)
    post.change(gone, delete_after=now() - 1)
    assert post.told() == []


def test_a_link_whose_time_was_over_before_it_was_sent_is_a_fresh_one(post: Post, eve: Person) -> None:
    post.call("/auth/password/forgot", {"email": eve.email})
    post.age(2 * HOUR)
    (written,) = post.sent()
    _, token = link(written)
    assert post.call("/auth/password/reset", {"token": token, "password": FRESH}).status_code == 204


def change_address(person: Person) -> str:
    wanted = new_address()
    answer = person.api.post("/me/email", {"password": PASSWORD, "email": wanted})
    assert answer.status_code == 202
    return wanted


def test_a_change_of_address_is_confirmed_at_the_new_one_and_told_to_the_old_one(
    post: Post, eve: Person
) -> None:
    wanted = change_address(eve)
    sent = {KIND_OF[one.subject]: one for one in post.sent()}
    assert {kind: one.address for kind, one in sent.items()} == {
        "change_email": wanted,
        "change_asked": eve.email,
    }
    assert wanted in sent["change_asked"].text
    page, token = link(sent["change_email"])
    assert page == "verify"
    assert post.call("/auth/email/verify", {"token": token}).status_code == 204
    (told,) = post.sent()
    assert (KIND_OF[told.subject], told.address) == ("address_changed", eve.email)
    assert wanted in told.text
    assert eve.email in told.text


def test_a_change_that_was_replaced_by_another_is_not_told_of(post: Post, eve: Person) -> None:
    change_address(eve)
    wanted = change_address(eve)
    assert sorted(post.told()) == [("change_asked", eve.email), ("change_email", wanted)]


def test_the_owner_of_a_wanted_address_learns_that_it_was_wanted(post: Post, eve: Person) -> None:
    other = make_person(post.app)
    eve.api.post("/me/email", {"password": PASSWORD, "email": other.email})
    assert sorted(post.told()) == [("already_registered", other.email), ("change_asked", eve.email)]


def test_a_reset_makes_a_waiting_change_of_address_void(post: Post, eve: Person) -> None:
    change_address(eve)
    sent = {KIND_OF[one.subject]: one for one in post.sent()}
    _, thief = link(sent["change_email"])
    post.call("/auth/password/forgot", {"email": eve.email})
    (written,) = post.sent()
    post.call("/auth/password/reset", {"token": link(written)[1], "password": FRESH})
    assert post.call("/auth/email/verify", {"token": thief}).status_code == 422


def test_a_changed_password_makes_a_waiting_change_of_address_void(post: Post, eve: Person) -> None:
    change_address(eve)
    sent = {KIND_OF[one.subject]: one for one in post.sent()}
    _, thief = link(sent["change_email"])
    answer = eve.api.post("/me/password", {"current_password": PASSWORD, "new_password": FRESH})
    assert answer.status_code == 204
    assert post.call("/auth/email/verify", {"token": thief}).status_code == 422


def test_a_changed_password_and_a_closed_account_are_told(post: Post, eve: Person) -> None:
    eve.api.post("/me/password", {"current_password": PASSWORD, "new_password": FRESH})
    assert post.told() == [("password_changed", eve.email)]
    eve.api.delete("/me", {"password": FRESH})
    (written,) = post.sent()
    assert KIND_OF[written.subject] == "account_going"
    day = re.search(r"on (\d+) (\w+) (\d{4}) at \d\d:\d\d \(UTC\) it will be gone", written.text)
    assert day, written.text


def test_an_account_that_was_kept_after_all_is_not_told_that_it_goes(post: Post, eve: Person) -> None:
    eve.api.delete("/me", {"password": PASSWORD})
    log_in(eve)
    assert post.told() == []


def from_device(agent: str, address: str) -> dict[str, Any]:
    return {"headers": {"User-Agent": agent}, "environ_base": {"REMOTE_ADDR": address}}


def test_a_log_in_from_where_none_came_before_is_told(post: Post, eve: Person) -> None:
    agent = "Browser <b>1</b>\u200b " + "x" * 300
    log_in(eve, **from_device("known", "127.0.0.1"))
    assert post.told() == []
    log_in(eve, **from_device(agent.encode("ascii", "ignore").decode(), "203.0.113.9"))
    (written,) = post.sent()
    assert (KIND_OF[written.subject], written.address) == ("new_device", eve.email)
    assert "203.0.113.9" in written.text
    assert "Browser <b>1</b>" in written.text
    assert max(map(len, written.text.splitlines())) < 300
    log_in(eve, **from_device("whatever", "203.0.113.9"))
    assert post.told() == []


def test_the_first_log_in_of_a_new_account_is_nothing_to_warn_of(post: Post, eve: Person) -> None:
    with post.parts.database.writer() as session:
        session.run(delete(LoginSession).where(LoginSession.user_id == eve.id))
    log_in(eve, **from_device("first", "203.0.113.9"))
    assert post.told() == []


def test_a_log_in_after_a_long_absence_is_told_though_no_session_is_left(post: Post, eve: Person) -> None:
    with post.parts.database.writer() as session:
        session.run(delete(LoginSession).where(LoginSession.user_id == eve.id))
    post.change(eve, created_at=now() - 90 * DAY)
    log_in(eve, **from_device("first", "203.0.113.9"))
    assert post.told() == [("new_device", eve.email)]


def test_a_failed_log_in_leaves_no_job(post: Post, eve: Person) -> None:
    assert log_in(eve, FRESH, **from_device("strange", "203.0.113.9")).status_code == 401
    with post.parts.database.reader() as session:
        assert session.rows(OutboxRow.__table__.select()) == []


def test_a_stolen_session_is_told_with_its_device(post: Post, eve: Person) -> None:
    tokens = [eve.grant.refresh_token]
    for _ in range(2):
        answer = post.call("/auth/refresh", {"refresh_token": tokens[-1]})
        tokens.append(answer.json["refresh_token"])
    assert post.call("/auth/refresh", {"refresh_token": tokens[0]}).status_code == 401
    (written,) = post.sent()
    assert (KIND_OF[written.subject], written.address) == ("session_stolen", eve.email)
    assert "127.0.0.1" in written.text


def test_a_mail_about_an_account_that_is_gone_is_not_sent(post: Post, eve: Person) -> None:
    eve.api.post("/me/password", {"current_password": PASSWORD, "new_password": FRESH})
    with post.parts.database.writer() as session:
        session.run(delete(LoginSession).where(LoginSession.user_id == eve.id))
        session.run(delete(User).where(User.id == eve.id))
    assert post.told() == []


def test_times_are_those_of_the_readers_clock(post: Post, eve: Person) -> None:
    eve.api.patch("/me", {"timezone": "Asia/Tokyo", "language": "fr"})
    eve.api.post("/me/password", {"current_password": PASSWORD, "new_password": FRESH})
    (written,) = post.sent()
    assert "(Asia/Tokyo)" in written.text
    assert written.text.startswith("Bonjour,\n")
