"""Which version of a package is installed, without importing it."""

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """The version of a package, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def own_version() -> str:
    """The version of splinework; `unknown` where it runs from its sources without having been installed."""
    return installed("splinework") or "unknown"
