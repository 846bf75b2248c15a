"""Reserved words of languages: keywords, and functions that our text calls."""

from typing import Final


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


C: Final = _words(
    "auto break case char const continue default do double else enum extern float for goto if inline int long register",
    "restrict return short signed sizeof static struct switch typedef union unsigned void volatile while",
    "asm bool catch class delete explicit export false friend mutable namespace new operator private protected public",
    "template this throw true try typename using virtual",  # C++ compiles the file too
    "sin cos tan asin acos atan atan2 sinh cosh tanh asinh acosh atanh exp exp2 expm1 log log2 log10 log1p sqrt cbrt pow",
    "hypot erf erfc floor ceil round trunc fmod fabs abs fmin fmax tgamma lgamma gamma j0 j1 jn y0 y1 yn isinf isnan nan",
    "signgam errno NAN INFINITY HUGE_VAL main f linux unix",
)
"""C, its mathematical library, and our function `f`."""

JULIA: Final = _words(
    "abstract baremodule begin break catch const continue do else elseif end export false finally for function global if",
    "import in isa let local macro module mutable primitive public quote return struct true try type using where while",
    "sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh exp log sqrt abs sign floor ceil min max pi i im float",
    "erf erfc gamma logabsgamma digamma polygamma besselj bessely besseli besselk first length ifelse searchsortedlast",
    "missing nothing isnan rethrow error DomainError NaN Inf interpolate f",
)
"""Julia, the functions that our text calls, and our own."""
