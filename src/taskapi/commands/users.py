"""Accounts, as whoever runs the service sees and changes them."""

import click

from taskapi.accounts import service as accounts
from taskapi.accounts.schemas import NewAccount
from taskapi.commands.database import transaction
from taskapi.errors import Invalid
from taskapi.parsing import checked
from taskapi.passwords import PasswordHashing


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
    """Make an admin, or make an existing account one."""
    wanted = _checked_account(email, password, name)
    with transaction() as session:
        made = accounts.make_admin(session, wanted, PasswordHashing().hash(wanted.password))
    if made:
        click.echo(f"{email} was made an account and is an admin now.")
    else:
        click.echo(f"{email} is an admin now; its password and name stay as they were.")


@click.group()
def users() -> None:
    """Look at accounts, shut them out or let them in."""


@users.command("list")
def list_users() -> None:
    """All accounts, the oldest first."""
    with transaction() as session:
        for user in accounts.list_all(session):
            click.echo(
                f"{user.id}  {user.role:5}  {'disabled' if user.disabled_at else 'active':8}  {user.email}"
            )


@users.command("disable")
@click.argument("email")
def disable_user(email: str) -> None:
    """Shut an account out: its sessions end and it cannot log in."""
    _set_disabled(email, True)


@users.command("enable")
@click.argument("email")
def enable_user(email: str) -> None:
    """Let a disabled account log in again."""
    _set_disabled(email, False)


def _set_disabled(email: str, disabled: bool) -> None:
    with transaction() as session:
        found = accounts.set_disabled(session, email, disabled)
    if not found:
        raise click.ClickException(f"There is no account with the address {email}.")
    click.echo(f"{email} is {'disabled' if disabled else 'enabled'} now.")


def _checked_account(email: str, password: str, name: str) -> NewAccount:
    try:
        return checked(NewAccount, {"email": email, "password": password, "name": name})
    except Invalid as error:
        fault = (error.errors or [{}])[0]
        raise click.ClickException(f"{fault['pointer'].strip('/')}: {fault['detail']}") from None
