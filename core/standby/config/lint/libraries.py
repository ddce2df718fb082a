"""Libraries that a plugin needs: the missing ones, and those of an unsuitable version."""

from importlib.machinery import PathFinder
from importlib.util import find_spec

from standby.plugin import Library, ProviderInfo
from standby.runtime.versions import version_mismatch
from standby.settings import Provider


def is_missing(library: Library) -> bool:
    """Say whether a library cannot be imported, without importing it.

    Args:
        library: The library, by its module; a dotted module is looked up in its package.

    Returns:
        `True` where the import system finds no such module.

    """
    top, *below = library.module.split(".")
    try:
        spec = find_spec(top)
    except ValueError:  # a module without a spec: it was imported in some unusual way
        return False
    name = top
    for part in below:
        name = f"{name}.{part}"
        if spec is not None:
            spec = PathFinder.find_spec(name, spec.submodule_search_locations)
    return spec is None


def library_problem(library: Library) -> str:
    """Say why a library cannot be used.

    Args:
        library: The library, by its module and its requirement.

    Returns:
        That it is missing, or which unsuitable version is installed; "" where it can be used.

    """
    if is_missing(library):
        return "which is not installed"
    version = version_mismatch(library.requirement)
    return f"and version {version} is installed" if version else ""


def required_libraries(info: ProviderInfo, provider: Provider) -> list[Library]:
    """Return the libraries that a provider's models cannot run without.

    Args:
        info: What the plugin says of its libraries.
        provider: The provider, whose options and transport may need more of them.

    Returns:
        The libraries, in the plugin's order.

    """
    return [library for library in info.libraries if library.is_needed_by(provider)]
