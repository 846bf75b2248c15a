"""Which statement of a file a test reaches, and a mutant's text in the place of functions that are loaded already."""

import ast
import gc
import inspect
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from types import CodeType, FunctionType

from tests.mutants.operators import Mutant


@dataclass(frozen=True)
class Span:
    """Bytes of a source that are run together: a statement of a function, or what a lambda returns.

    Attributes:
        start: First byte.
        end: Byte behind the last one.
        outer: First byte of the outermost function around it.
    """

    start: int
    end: int
    outer: int


class Traced:
    """A source whose functions say which of their statements are run.

    Args:
        source: The text.
        path: Its place, for tracebacks.

    Attributes:
        spans: What is traced; outside of functions nothing is.
        code: The program, which calls `__reached__` with the number of a span.
        reached: The numbers that it called so far.
    """

    def __init__(self, source: str, path: str) -> None:
        self.path, self.spans, self.reached = path, list[Span](), set[int]()
        self._lines = [0]
        for line in source.encode().splitlines(keepends=True):
            self._lines.append(self._lines[-1] + len(line))
        tree = ast.parse(source)
        self._mark(tree, None)
        self.code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)

    def innermost(self, mutant: Mutant) -> int | None:
        """Number of the smallest span around a mutant; None where it is outside of functions."""
        around = [n for n, s in enumerate(self.spans) if s.start <= mutant.start and mutant.end <= s.end]
        return min(around, key=lambda n: self.spans[n].end - self.spans[n].start, default=None)

    def together(self, number: int) -> set[int]:
        """Numbers of the spans of the same outermost function."""
        return {n for n, span in enumerate(self.spans) if span.outer == self.spans[number].outer}

    def replace(self, source: str, loaded: Iterable[FunctionType]) -> None:
        """Gives those of some functions that are of this program the code of another text.

        Raises:
            ValueError: The functions of the other text cannot be told apart by their order, or have other outer variables.
        """
        mutant = compile(source, self.path, "exec", dont_inherit=True)
        fresh = {id(old): new for old, new in _pairs(self.code, mutant)}
        for function in loaded:
            function.__code__ = fresh.get(id(function.__code__), function.__code__)

    def _mark(self, node: ast.AST, outer: int | None) -> None:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            for each in (node.args, *getattr(node, "decorator_list", ())):
                self._mark(each, outer)
            inner = self._place(node)[0] if outer is None else outer
            if isinstance(node, ast.Lambda):
                self._mark(node.body, inner)
                value = ast.Tuple([self._call(node.body, inner), node.body], ast.Load())
                node.body = ast.Subscript(value, ast.Constant(1), ast.Load())
            else:
                node.body = self._block(node.body, inner)
            return
        for name, value in ast.iter_fields(node):
            if isinstance(value, list) and value and isinstance(value[0], ast.stmt) and outer is not None:
                setattr(node, name, self._block(value, outer))
            else:
                for child in value if isinstance(value, list) else [value]:
                    if isinstance(child, ast.AST):
                        self._mark(child, outer)

    def _block(self, body: list[ast.stmt], outer: int) -> list[ast.stmt]:
        text = isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
        traced = body[:text]
        for statement in body[text:]:
            self._mark(statement, outer)
            traced += [ast.copy_location(ast.Expr(self._call(statement, outer)), statement), statement]
        return traced

    def _call(self, node: ast.stmt | ast.expr, outer: int) -> ast.Call:
        self.spans.append(Span(*self._place(node), outer))
        return ast.Call(ast.Name("__reached__", ast.Load()), [ast.Constant(len(self.spans) - 1)], [])

    def _place(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        end = (node.end_lineno or 1) - 1, node.end_col_offset or 0
        return self._lines[node.lineno - 1] + node.col_offset, self._lines[end[0]] + end[1]


def functions() -> list[FunctionType]:
    """All functions that there are."""
    gc.unfreeze()
    found = [each for each in gc.get_objects() if type(each) is FunctionType]
    gc.freeze()
    return found


def _pairs(old: CodeType, new: CodeType) -> Iterator[tuple[CodeType, CodeType]]:
    """Programs and those of the same place in another text."""
    inner = [[each for each in code.co_consts if inspect.iscode(each)] for code in (old, new)]
    if [each.co_name for each in inner[0]] != [each.co_name for each in inner[1]]:
        raise ValueError(f"the functions in {old.co_name} are others")
    for a, b in zip(*inner, strict=True):
        yield a, b
        yield from _pairs(a, b)
