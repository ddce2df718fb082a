"""A group of commands that answers a misspelt one with the nearest."""

import click


class Group(click.Group):
    """Suggests the nearest command where none has the name that was typed."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names.

        Args:
            ctx: click's context.
            args: The rest of the command line; never empty.

        Returns:
            The command's name, the command, and the arguments after it.

        Raises:
            click.UsageError: No command has that name; the message has the nearest.
        """
        name = args[0]
        is_option = name.startswith("-") or ctx.resilient_parsing
        if is_option or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        from standby.config.finding import suggest  # noqa: PLC0415 - only for an unknown name

        hint = (
            suggest(name, self.suggestions(ctx))
            or f"'{ctx.command_path} --help' lists all commands"
        )
        raise click.UsageError(f"no command is named {name!r}; {hint}", ctx)

    def suggestions(self, ctx: click.Context) -> list[str]:
        """Return the names that may have been meant.

        Args:
            ctx: click's context.

        Returns:
            The names of the commands.
        """
        return self.list_commands(ctx)
