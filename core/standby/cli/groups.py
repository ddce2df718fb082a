"""A group of commands that answers a misspelt one with the nearest."""

import click


class Group(click.Group):
    """Names the command that was meant where there is none of that name."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names; raises `click.UsageError` with the nearest name."""
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or self.get_command(ctx, name) is not None:
            return super().resolve_command(ctx, args)
        from standby.config.finding import suggest  # noqa: PLC0415 - only for a name that is none

        hint = (
            suggest(name, self.suggestions(ctx))
            or f"'{ctx.command_path} --help' lists all that there are"
        )
        raise click.UsageError(f"no command is named {name!r}; {hint}", ctx)

    def suggestions(self, ctx: click.Context) -> list[str]:
        """Return the names that may have been meant."""
        return self.list_commands(ctx)
