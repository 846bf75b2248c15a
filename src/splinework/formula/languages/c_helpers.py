"""C functions that the C library lacks."""

from typing import Final

SOURCES: Final[dict[str, str]] = {
    "sign_of": """static double sign_of(double z)
{
    return z > 0.0 ? 1.0 : z < 0.0 ? -1.0 : z; /* z: keeps zero and NaN */
}""",
    "smaller": """static double smaller(double a, double b)
{
    return a != a || a < b ? a : b; /* unlike fmin, NaN stays NaN */
}""",
    "larger": """static double larger(double a, double b)
{
    return a != a || a > b ? a : b; /* unlike fmax, NaN stays NaN */
}""",
    "interpolate": """static double interpolate(double z, const double *place, const double *value, int count)
{
    int low = 0, high = count - 1;
    if (z != z)
        return z;
    if (z <= place[low])
        return value[low];
    if (z >= place[high])
        return value[high];
    while (high - low > 1) {
        int middle = (low + high) / 2;
        if (place[middle] <= z)
            low = middle;
        else
            high = middle;
    }
    return value[low] + (value[high] - value[low]) / (place[high] - place[low]) * (z - place[low]);
}""",
    # ψ(z) = ψ(z + 1) - 1/z up to z >= 10, then the asymptotic series; reflected for z < 0 (DLMF 5.5.2, 5.5.4, 5.11.2)
    "digamma": """static double digamma(double z)
{
    double sum = 0.0, w, series;
    if (z <= 0.0) {
        if (z == floor(z))
            return NAN;
        return digamma(1.0 - z) - 3.14159265358979323846 / tan(3.14159265358979323846 * (z - floor(z)));
    }
    for (; z < 10.0; z += 1.0)
        sum -= 1.0 / z;
    w = 1.0 / (z * z);
    series = w * (1.0 / 12 - w * (1.0 / 120 - w * (1.0 / 252 - w * (1.0 / 240 - w * (1.0 / 132 - w * (691.0 / 32760
             - w / 12))))));
    return sum + log(z) - 0.5 / z - series;
}""",
    # Σ (z/2)^(2k+n) / (k! (k+n)!): all terms of one sign (DLMF 10.25.2)
    "bessel_i": """static double bessel_i(int n, double z)
{
    double half = z / 2.0, term = 1.0, sum = 0.0, k;
    int i;
    for (i = 1; i <= n; i++)
        term *= half / i;
    for (k = 1.0; term != 0.0 && fabs(term) > 1e-18 * fabs(sum); k += 1.0) {
        sum += term;
        term *= half * half / (k * (k + n));
        if (isinf(sum) || sum != sum)
            break;
    }
    return z != z ? z : sum;
}""",
    # ∫ exp(-z cosh t) cosh(nt) dt from 0 on (DLMF 10.32.9); the trapezoidal rule converges geometrically
    "bessel_k": """static double bessel_k(int n, double z)
{
    double step = fmin(0.1, 0.5 / sqrt(z)), sum = 0.5 * exp(-z), t, term;
    if (!(z > 0.0))
        return z == 0.0 ? INFINITY : NAN;
    for (t = step; ; t += step) {
        term = 0.5 * (exp(n * t - z * cosh(t)) + exp(-n * t - z * cosh(t)));
        sum += term;
        if (z * sinh(t) > n && term <= 1e-18 * sum)
            return step * sum;
    }
}""",
}

CALLS: Final[dict[str, str]] = {
    "Min": "smaller",
    "Max": "larger",
    "sign": "sign_of",
    "digamma": "digamma",
}
"""Sympy functions with a helper."""
