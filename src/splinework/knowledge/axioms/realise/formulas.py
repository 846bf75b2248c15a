"""Formulas that impose values at given places, and bounds."""

from collections.abc import Sequence


def ansatz(parts: Sequence[tuple[str, str]], network: str) -> str:
    """`g + ω N` as a formula, from pairs (ω_i, g_i) of formulas."""
    product = "*".join(f"({omega})" for omega, _ in parts)
    if len({value for _, value in parts}) == 1:
        return f"({parts[0][1]})+{product}*({network})"
    # The small constant avoids 0/0 where boundaries meet.
    weights = [
        "(" + "*".join(f"({omega})**2" for k, (omega, _) in enumerate(parts) if k != n) + "+1e-30)"
        for n in range(len(parts))
    ]
    above = "+".join(f"({value})*{weight}" for (_, value), weight in zip(parts, weights, strict=True))
    return f"({above})/({'+'.join(weights)})+{product}*({network})"


def bounded(answer: str, lower: float, upper: float, width: float) -> str:
    """A formula with values between bounds, which is close to `answer` away from them."""
    unbounded = float("inf")
    if lower == -unbounded and upper == unbounded:
        return answer
    if upper == unbounded:
        return f"max(({lower!r})+{width!r}*softplus(({answer}-({lower!r}))/{width!r}),{lower!r})"
    if lower == -unbounded:
        return f"min(({upper!r})-{width!r}*softplus((({upper!r})-({answer}))/{width!r}),{upper!r})"
    middle, span = (lower + upper) / 2, upper - lower
    inside = f"({lower!r})+{span!r}*sigmoid({4 / span!r}*({answer}-({middle!r})))"
    return f"min(max({inside},{lower!r}),{upper!r})"


def as_formula(value: float | str) -> str:
    """A number or a formula as the text of a formula."""
    return value if isinstance(value, str) else repr(value)
