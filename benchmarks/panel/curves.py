"""Functions of one column or of an inner function, drawn by kind: the terms that the families are made of."""

import numpy as np

from benchmarks.panel.expressions import Draws, Expression, column, rounded


def smooth(draws: Draws, j: int) -> Expression:
    """A cubic polynomial, less than one wave and a half, an exponential, a square root or a logarithm, all free of poles."""
    kind = draws.choice(("cubic", "sine", "exp", "sqrt", "ln"))
    x = column(j)
    if kind == "cubic":
        a, b, c = draws.signed(0.2, 1.0), draws.signed(0.2, 1.0), draws.signed(0.2, 1.0)
        return x.into(f"({a:g}·{{}} {b:+g}·{{}}² {c:+g}·{{}}³)", lambda t: a * t + b * t**2 + c * t**3)
    if kind == "sine":
        a, b = draws.between(1.0, 4.0), draws.between(-3.0, 3.0)
        return x.times(a).plus(b).into("sin({})", np.sin)
    if kind == "exp":
        return x.times(draws.signed(0.5, 2.0)).into("exp({})", np.exp)
    offset = draws.between(1.05, 2.0)
    return x.plus(offset).into(*(("sqrt({})", np.sqrt) if kind == "sqrt" else ("ln({})", np.log)))


def wave(draws: Draws, j: int, waves: float) -> Expression:
    """A curve of `waves` waves on [-1, 1]: even ones, a chirp, fading ones, two frequencies, or ones fading from the middle."""
    kind = draws.choice(("even", "chirp", "fading", "two", "middle"))
    x, k, phase = column(j), rounded(np.pi * waves), draws.between(-3.0, 3.0)
    even = x.times(k).plus(phase).into("sin({})", np.sin)
    if kind == "chirp":  # (x + 1.2)² runs over 4.8
        a = rounded(2 * np.pi * waves / 4.8)
        return x.into(f"sin({a:g}·({{}} + 1.2)²)", lambda t: np.sin(a * (t + 1.2) ** 2))
    if kind == "fading":
        return x.times(draws.signed(0.5, 1.5)).into("exp({})", np.exp) * even
    if kind == "two":
        slow = rounded(k * draws.between(0.2, 0.8))
        return even + x.times(slow).into("sin({})", np.sin)
    if kind == "middle":
        return x.times(k).into("cos({})/(1 + {}²)^0.25", _fading_cosine)
    return even


def _fading_cosine(t: np.ndarray) -> np.ndarray:
    return np.asarray(np.cos(t) / np.sqrt(np.sqrt(1 + t**2)))


def rising(draws: Draws, j: int) -> Expression:
    """An increasing curve that levels off, from about 0 to at most about 1, of t = (x + 1)/2 in [0, 1]."""
    kind = draws.choice(("michaelis", "exponential", "hill", "tanh", "ln"))
    t = column(j).into("({} + 1)/2", lambda x: (x + 1) / 2)
    if kind == "michaelis":
        k = draws.ratio(0.05, 1.0)
        return t.into(f"{{}}/({k:g} + {{}})", lambda t: t / (k + t))
    if kind == "exponential":
        a = draws.between(1.5, 8.0)
        return t.into(f"(1 - exp(-{a:g}·{{}}))", lambda t: 1 - np.exp(-a * t))
    if kind == "hill":
        h, k = draws.whole(2, 5), draws.between(0.2, 0.8)
        return t.into(f"{{}}^{h}/({k:g}^{h} + {{}}^{h})", lambda t: t**h / (k**h + t**h))
    if kind == "tanh":
        a, b = draws.between(1.5, 6.0), draws.between(0.0, 0.6)
        return t.into(f"(1 + tanh({a:g}·({{}} - {b:g})))/2", lambda t: (1 + np.tanh(a * (t - b))) / 2)
    a = draws.ratio(2.0, 50.0)
    most = rounded(np.log1p(a))
    return t.into(f"ln(1 + {a:g}·{{}})/{most:g}", lambda t: np.log1p(a * t) / most)


def bump(draws: Draws, columns: list[int]) -> Expression:
    """A hill around a centre: Gaussian, Lorentzian or sech²; narrower in one column than in two."""
    kind = draws.choice(("gauss", "lorentz", "sech"))
    width = draws.ratio(0.03, 0.2) if len(columns) == 1 else draws.ratio(0.12, 0.4)
    squares = [column(j).plus(draws.between(-0.7, 0.7)).into("{}²", np.square) for j in columns]
    far = squares[0] if len(squares) == 1 else squares[0] + squares[1]
    s = rounded(1 / width**2)
    if kind == "gauss":
        return far.into(f"exp(-{s:g}·{{}})", lambda q: np.exp(-s * q))
    if kind == "lorentz":
        return far.into(f"1/(1 + {s:g}·{{}})", lambda q: 1 / (1 + s * q))
    return far.into(f"1/cosh(sqrt({s:g}·{{}}))²", lambda q: 1 / np.cosh(np.sqrt(s * q)) ** 2)


def kink(draws: Draws, columns: list[int]) -> Expression:
    """A kink: of one column |x - b|, max(0, x - b) or x held within bounds; of two |a·x + b| or the larger one of two planes."""
    if len(columns) == 1:
        x, b = column(columns[0]), draws.between(-0.6, 0.6)
        kind = draws.choice(("abs", "hinge", "clip"))
        if kind == "abs":
            return x.plus(b).into("abs({})", np.abs)
        if kind == "hinge":
            return x.plus(b).into("max(0, {})", lambda t: np.maximum(0, t))
        high = draws.between(0.2, 0.6)
        return x.plus(b).into(f"clip({{}}, -{high:g}, {high:g})", lambda t: np.clip(t, -high, high))
    first, second = (column(j).times(draws.signed(0.4, 1.0)) for j in columns)
    plane = (first + second).plus(draws.between(-0.4, 0.4))
    if draws.chance(0.5):
        return plane.into("abs({})", np.abs)
    other = column(columns[0]).times(draws.signed(0.4, 1.0))
    text = f"max({plane.text}, {other.text})"
    return Expression(text, lambda x: np.maximum(plane(x), other(x)), plane.columns)


def step(draws: Draws, columns: list[int]) -> Expression:
    """A discontinuity: of one column a step, stairs or a box; of two an oblique step, a corner or a chequered pattern."""
    if len(columns) == 1:
        x, kind = column(columns[0]), draws.choice(("step", "stairs", "box"))
        b = draws.between(-0.6, 0.6)
        if kind == "step":
            return x.into(f"[{{}} > {b:g}]", lambda t: (t > b) * 1.0)
        if kind == "stairs":
            m = draws.whole(2, 5)
            return x.into(f"floor({m}·{{}} {b:+g})", lambda t: np.floor(m * t + b))
        c = rounded(b + draws.between(0.2, 0.6))
        return x.into(f"[{b:g} < {{}} < {c:g}]", lambda t: ((t > b) & (t < c)) * 1.0)
    i, j = columns
    b, c = draws.between(-0.5, 0.5), draws.between(-0.5, 0.5)
    kind = draws.choice(("oblique", "corner", "chequered"))
    if kind == "oblique":
        plane = column(i).times(draws.signed(0.4, 1.0)) + column(j).times(draws.signed(0.4, 1.0))
        return plane.into(f"[{{}} > {b:g}]", lambda t: (t > b) * 1.0)
    if kind == "corner":
        return column(i).into(f"[{{}} > {b:g}]", lambda t: (t > b) * 1.0) * column(j).into(
            f"[{{}} > {c:g}]", lambda t: (t > c) * 1.0
        )
    return column(i).plus(b).into("sign({})", np.sign) * column(j).plus(c).into("sign({})", np.sign)
