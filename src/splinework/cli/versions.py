"""Versions of installed packages, without importing them."""

from importlib.metadata import PackageNotFoundError, version


def installed(package: str) -> str | None:
    """The version of a package, or None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def own_version() -> str:
    """The version of splinework; `unknown` if it is not installed."""
    return installed("splinework") or "unknown"
