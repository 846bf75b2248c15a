"""Keys of trees of modules, as a test writes them."""

from splinework.interpret.structure.findings import Key


def node(kind: str, *children: str | Key) -> Key:
    """The key of a module; a child that is a name is an input.

    >>> node("sum", "x1", "x2") == node("sum", "x2", "x1")
    True
    """
    return kind, frozenset((child, frozenset()) if isinstance(child, str) else child for child in children)
