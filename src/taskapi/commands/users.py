"""Accounts, as whoever runs the service sees and changes them."""

from typing import get_args

import click

from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.admin import service as admin
from taskapi.admin.schemas import Role, UserChange, UserList, UserSort
from taskapi.commands.database import operator, reader, transaction
from taskapi.commands.tables import as_json, print_fields, print_rows
from taskapi.db import Session
from taskapi.errors import Invalid
from taskapi.parsing import checked
from taskapi.passwords import PasswordHashing

_COLUMNS = {"id": 36, "role": 5, "standing": 8, "email": 1}


@click.command("create-admin")
@click.option("--email", prompt=True, help="The admin's address.")
@click.option(
    "--password",
    prompt=True,
    hide_input=True,
    confirmation_prompt=True,
    envvar="TASKAPI_ADMIN_PASSWORD",
    help="12 to 256 characters; asked for where it is not given.",
)
@click.option("--name", default="", help="How the admin is called.")
def create_admin(email: str, password: str, name: str) -> None:
    """Make an admin, or make an existing account one.

    An account whose address was never proved may be a stranger's: it gets the password given here.

    \b
    Examples:
      taskapi create-admin --email ann@example.test
      TASKAPI_ADMIN_PASSWORD='…' taskapi create-admin --email ann@example.test --name Ann
    """
    wanted = _checked_account(email, password, name)
    with transaction() as session:
        made = accounts.make_admin(session, operator(), wanted, PasswordHashing().hash(wanted.password))
    if made == "made":
        click.echo(f"{email} was made an account and is an admin now.")
    elif made == "promoted":
        click.echo(f"{email} is an admin now; its password and name stay as they were.")
    else:
        click.echo(
            f"{email} is an admin now, with the password given here: somebody had made the account and never"
            " proved the address. They are logged out."
        )


@click.group()
def users() -> None:
    """Look at accounts, and change who may do what.

    An account is named by its mail address. What is done here is remembered (`taskapi audit list`).
    """


@users.command("list")
@click.argument("words", nargs=-1)
@click.option("--role", type=click.Choice(get_args(Role)), help="Those with this role alone.")
@click.option(
    "--disabled/--active", default=None, help="Those that are shut out alone, or those that are not."
)
@click.option(
    "--sort",
    type=click.Choice(get_args(UserSort)),
    default="created_at",
    show_default=True,
    help="Their order.",
)
@as_json
def list_users(
    words: tuple[str, ...], role: Role | None, disabled: bool | None, sort: UserSort, as_json: bool
) -> None:
    """List accounts, all or those with WORDS in name or address.

    \b
    Examples:
      taskapi users list
      taskapi users list ann example --role admin --json
    """
    wanted = UserList(q=" ".join(words), role=role, disabled=disabled, sort=sort, limit=200)
    with reader() as session:
        rows = (
            user if as_json else user | {"standing": "disabled" if user["disabled"] else "active"}
            for user in admin.every_user(session, wanted)
        )
        print_rows(rows, _COLUMNS, as_json)


@users.command("show")
@click.argument("email")
@as_json
def show_user(email: str, as_json: bool) -> None:
    """Show one account.

    \b
    Examples:
      taskapi users show ann@example.test
    """
    with reader() as session:
        user = admin.get_user(session, _id_of(session, email))
    print_fields(user.json, as_json)


@users.command("disable")
@click.argument("email")
def disable_user(email: str) -> None:
    """Shut an account out: its sessions end and it cannot log in.

    \b
    Examples:
      taskapi users disable ann@example.test
    """
    _change(email, UserChange(disabled=True), "disabled")


@users.command("enable")
@click.argument("email")
def enable_user(email: str) -> None:
    """Let a disabled account log in again.

    \b
    Examples:
      taskapi users enable ann@example.test
    """
    _change(email, UserChange(disabled=False), "enabled")


@users.command("promote")
@click.argument("email")
def promote_user(email: str) -> None:
    """Make an account an admin.

    \b
    Examples:
      taskapi users promote ann@example.test
    """
    _change(email, UserChange(role="admin"), "an admin")


@users.command("demote")
@click.argument("email")
def demote_user(email: str) -> None:
    """Make an admin a user like others; the last one stays an admin.

    \b
    Examples:
      taskapi users demote ann@example.test
    """
    _change(email, UserChange(role="user"), "no admin")


@users.command("logout")
@click.argument("email")
def log_user_out(email: str) -> None:
    """End all sessions of an account.

    \b
    Examples:
      taskapi users logout ann@example.test
    """
    with transaction() as session:
        admin.log_out(session, operator(), _id_of(session, email))
    click.echo(f"{email} is logged out everywhere.")


@users.command("reset-password")
@click.argument("email")
def reset_password(email: str) -> None:
    """Have the service send the mail by which a new password can be set.

    \b
    Examples:
      taskapi users reset-password ann@example.test
    """
    with transaction() as session:
        admin.send_reset(session, operator(), _id_of(session, email))
    click.echo(f"{email} gets a mail, as soon as the service runs.")


def _change(email: str, wanted: UserChange, become: str) -> None:
    with transaction() as session:
        admin.change_user(session, operator(), _id_of(session, email), wanted, None)
    click.echo(f"{email} is {become} now.")


def _id_of(session: Session, email: str) -> str:
    user_id = accounts.id_of(session, email)
    if user_id is None:
        raise click.ClickException(f"There is no account with the address {email}.")
    return user_id


def _checked_account(email: str, password: str, name: str) -> NewAccount:
    try:
        return checked(NewAccount, {"email": email, "password": password, "name": name})
    except Invalid as error:
        fault = (error.errors or [{}])[0]
        raise click.ClickException(f"{fault['pointer'].strip('/')}: {fault['detail']}") from None
