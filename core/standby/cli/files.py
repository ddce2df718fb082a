"""The files that commands read and write; an error names the file and the remedy."""

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import click

from standby.cli.errors import CommandError


def read_file(path: Path, *, option: str, limit: int | None = None) -> bytes:
    """Read a file that an option names.

    Args:
        path: The file.
        option: The option, such as "--schema"; the message names it.
        limit: The most bytes that the file may have; `None` for any number.

    Returns:
        The file's content.

    Raises:
        CommandError: The file cannot be read, or is too large.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(-1 if limit is None else limit + 1)
    except OSError as error:
        raise CommandError(f"{option}: {path} cannot be read: {error.strerror}") from None
    if limit is not None and len(data) > limit:
        raise CommandError(f"{path} is larger than {limit} bytes; is it the right one?")
    return data


def write_file(path: Path, text: str, *, option: str) -> None:
    """Write a file that an option names, over one that exists.

    Args:
        path: The file.
        text: Its content, written as UTF-8.
        option: The option, such as "--out"; the message names it.

    Raises:
        click.BadParameter: The file cannot be written.
    """
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        reason, remedy = _format_reason(error), "name a file in a folder that exists"
        message = f"{path} cannot be written: {reason}; {remedy}"
        raise click.BadParameter(message, param_hint=f"'{option}'") from None


def create_file(path: Path, text: str) -> bool:
    """Write a file that does not exist yet: all of it, or none.

    Args:
        path: The file.
        text: Its content, written as UTF-8.

    Returns:
        Whether it was written; `False`: a file of that name exists, and is unchanged.

    Raises:
        OSError: It cannot be written; a part of it would be kept the next time, and is removed.
    """
    try:
        stream = path.open("x", encoding="utf-8")
    except FileExistsError:
        return False
    try:
        with stream:
            stream.write(text)
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        raise OSError(error.errno, error.strerror, str(path)) from error
    return True


@contextmanager
def writing_into(folder: Path, *, option: str | None = None) -> Generator[None]:
    """Turn what keeps files from being written into one error that names the remedy.

    Args:
        folder: The folder; the message names it where the system names no file.
        option: The option that names another folder, if it is not an argument.

    Yields:
        Nothing; write the files inside the `with`.

    Raises:
        CommandError: A file or a folder cannot be written.
    """
    try:
        yield
    except OSError as error:
        remedy = "name a folder that you may write to" + (f" with {option}" if option else "")
        message = f"{error.filename or folder}: {_format_reason(error)}; {remedy}"
        raise CommandError(message) from error


def _format_reason(error: OSError) -> str:
    return (error.strerror or str(error)).lower()
