"""Source fragments of the NumPy file: functions of one variable, and the program around them."""

from typing import Final

_CLAMPED: Final = '''def _clamped(size, x, far, points, pieces, last, low, high):
    """Values `(rows, size)` of B-splines, in each cell a polynomial of v between -1/2 and 1/2; straight on by `far`."""
    cell = np.clip(np.searchsorted(points, x, side="right") - 1, 0, last)
    left, right = points[cell], points[cell + 1]
    v = (((x - left) - (right - x)) / (2 * (right - left)))[:, None]
    p, degree = pieces[cell], pieces.shape[1] - 1
    values = np.zeros((len(x), degree + 1)) * v
    for power in range(degree, -1, -1):
        values = values * v + p[:, power]
    if far is not None:
        slopes = np.zeros_like(values)
        for power in range(degree, 0, -1):
            slopes = slopes * v + power * p[:, power]
        values += slopes / (right - left)[:, None] * far[:, None]
    rows = np.zeros((len(x), size))
    np.put_along_axis(rows, cell[:, None] + np.arange(degree + 1), values, axis=1)
    return rows'''

_WHOLE: Final = '''def _whole(size, x, far, points, pieces, last, low, high):
    """Values `(rows, size)` of B-splines, in each cell a polynomial of v between -1/2 and 1/2; zero beyond all knots."""
    cell = np.clip(np.searchsorted(points, x, side="right") - 1, 0, last)
    left, right = points[cell], points[cell + 1]
    outside = (x < points[0]) | (x > points[-1])
    v = np.where(outside, 0.0, ((x - left) - (right - x)) / (2 * (right - left)))[:, None]
    p, degree = pieces[cell], pieces.shape[1] - 1
    values = np.zeros((len(x), degree + 1)) * v
    for power in range(degree, -1, -1):
        values = values * v + p[:, power]
    values[outside] = 0.0
    rows = np.zeros((len(x), size + 2 * degree))  # with room for splines before the first and after the last
    np.put_along_axis(rows, cell[:, None] + np.arange(degree + 1), values, axis=1)
    return rows[:, degree : degree + size]'''

_LOCAL: Final = '''def _local(size, x, far, points, last, low, high):
    """Values `(rows, size)` of the powers of v, the place between -1/2 and 1/2 in the cell of x; straight on by `far`."""
    cell = np.clip(np.searchsorted(points, x, side="right") - 1, 0, last)
    left, right = points[cell], points[cell + 1]
    outside = (x < points[0]) | (x > points[-1])
    v = np.where(outside, 0.0, ((x - left) - (right - x)) / (2 * (right - left)))[:, None]
    powers = np.arange(size // (len(points) - 1))
    values = v**powers + 0 * v
    values[outside] = 0.0
    if far is not None:
        values += np.append(0 * v, powers[1:] * v ** powers[:-1], axis=1) * (far / (right - left))[:, None]
    rows = np.zeros((len(x), size))
    np.put_along_axis(rows, len(powers) * cell[:, None] + powers, values, axis=1)
    return rows'''

SPLINES: Final[dict[str, str]] = {"clamped": _CLAMPED, "whole": _WHOLE, "local": _LOCAL}
"""Source for B-splines: evaluated in the domain only, on all knots, or as polynomials of each edge."""

PREDICT: Final = '''def predict(x):
    """Outputs `(rows, outputs)` for inputs `(rows, inputs)`, columns in the order of INPUTS."""
    x = np.asarray(x, dtype=float)
    if x.ndim != 2 or x.shape[1] != len(INPUTS):
        raise ValueError(f"predict takes x of shape (rows, {len(INPUTS)}), got {x.shape}")
    parts = [x[start : start + 4096] for start in range(0, max(len(x), 1), 4096)]  # to limit memory
    with np.errstate(all="ignore"):  # NaN and infinity are valid results
        return np.concatenate([_predict(part) for part in parts])'''

SCRIPT: Final = '''def _main(path):
    """Writes the rows of a CSV with the predictions as further columns to the standard output."""
    with open(path, newline="", encoding="utf-8-sig") as file:
        rows = [row for row in csv.reader(file) if row]
    header, body = (rows[0], rows[1:]) if rows else ([], [])
    missing = [name for name in INPUTS if name not in header]
    if missing:
        print(f"{path} lacks the columns {missing}; it has {header}", file=sys.stderr)
        return 2
    places = [header.index(name) for name in INPUTS]
    try:
        x = [[float(row[place] or "nan") for place in places] for row in body]
    except (ValueError, IndexError) as error:
        print(f"{path} has a row that cannot be read: {error}", file=sys.stderr)
        return 2
    writer = csv.writer(sys.stdout, lineterminator="\\n")
    writer.writerow([*header, *(f"{name}_predicted" for name in OUTPUTS)])
    values = predict(np.array(x).reshape(len(x), len(INPUTS)))
    writer.writerows([*row, *map(repr, y)] for row, y in zip(body, values.tolist()))
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: python {sys.argv[0]} DATA.csv > PREDICTIONS.csv")
    sys.exit(_main(sys.argv[1]))
'''
