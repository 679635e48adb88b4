"""What makes a shell complete our commands."""

import click
from click.shell_completion import get_completion_class

# The line that each shell reads it by, and the file such lines are in.
_LINES = {
    "bash": ('eval "$(taskapi completion bash)"', "~/.bashrc"),
    "zsh": ('eval "$(taskapi completion zsh)"', "~/.zshrc"),
    "fish": ("taskapi completion fish | source", "~/.config/fish/config.fish"),
}


@click.command()
@click.argument("shell", type=click.Choice(list(_LINES)))
def completion(shell: str) -> None:
    """Print what makes a shell complete our commands.

    The script begins with a comment that says where its one line belongs.

    \b
    Examples:
      echo 'eval "$(taskapi completion bash)"' >> ~/.bashrc
      echo 'eval "$(taskapi completion zsh)"' >> ~/.zshrc
      echo 'taskapi completion fish | source' >> ~/.config/fish/config.fish
    """
    line, file = _LINES[shell]
    click.echo(f"# To have it in every new {shell}, add this line to {file}:\n#   {line}")
    found = get_completion_class(shell)
    group = click.get_current_context().find_root().command
    if found is not None:
        click.echo(found(group, {}, "taskapi", "_TASKAPI_COMPLETE").source())
