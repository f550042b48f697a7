"""Takes a rule's source apart: what depends on hyper-parameters alone, and the arithmetic on one element.

``m + (1 - beta1) * (g - m)`` becomes ``m + c0 * (g - m)`` with the coefficient ``c0 = 1 - beta1``. Coefficients are
worked out in Python, in double precision and once a step; so the element's arithmetic keeps the dtype of its arrays,
and a power such as ``beta1 ** t`` costs nothing per element.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import textwrap
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any, NamedTuple, NoReturn

import numpy as np

from fastdl.errors import RuleError

Function = Callable[..., Any]


class Split(NamedTuple):
    """The two parts of a rule.

    ``coefficients(t, *hyper)`` returns a list of floats; ``element(*arrays, *coefficients)`` is Python for Numba to
    compile.
    """

    coefficients: Callable[..., list[float]]
    element: Function
    coefficient_count: int


def split(function: Function, state: Sequence[str], hyper: Sequence[str]) -> Split:
    """Take a rule apart.

    Parameters
    ----------
    function : function
        ``f(p, g, *state, *, t, **hyper)`` of scalars, returning p and the state.
    state, hyper : sequence of str
        The names of its state arrays and hyper-parameters.

    Returns
    -------
    Split

    Raises
    ------
    RuleError
        If the function is not of this form, with the line.
    """
    source = _Source(function)
    arrays, scalars = source.arguments(state, hyper)
    splitter = _Splitter(source, arrays, scalars, results=1 + len(state))
    body = splitter.body(source.tree.body)
    count = len(splitter.coefficients)
    if not splitter.returns:
        source.fail(source.tree, "returns nothing", f"return {', '.join(['p', *state])}")

    list_of = ast.List([ast.Name(name, ast.Load()) for name in splitter.coefficients], ast.Load())
    prologue = _define("coefficients", scalars, [*splitter.prologue, ast.Return(list_of)], source.tree)
    element = _define("element", [*arrays, *splitter.coefficients], body, source.tree)
    compute = _run(prologue, source, "coefficients")

    def coefficients(t: float, *values: float) -> list[float]:
        with np.errstate(all="ignore"):
            return [float(value) for value in compute(*((t, *values) if "t" in scalars else values))]

    return Split(coefficients, _run(element, source, "element"), count)


class _Source:
    """A function's syntax tree, and errors that show its lines."""

    def __init__(self, function: Function) -> None:
        self.function = function
        self.name = getattr(function, "__name__", repr(function))
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError) as error:
            raise RuleError(
                "has no source to read", op=self.name, hint="Define the rule with def in a file or a notebook cell"
            ) from error
        self.lines, self.first = lines, first
        tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
        if not isinstance(tree, ast.FunctionDef):
            raise RuleError("not a function", op=self.name, expected="def rule(p, g, ...)", got=type(tree).__name__)
        self.tree = tree
        ast.increment_lineno(tree, first - 1)
        closure = inspect.getclosurevars(function)
        self.names = {**vars(builtins), **closure.globals, **closure.nonlocals}
        self.filename = inspect.getfile(function)

    def fail(self, node: ast.AST, problem: str, expected: str = "", hint: str = "") -> NoReturn:
        number = getattr(node, "lineno", self.first)
        raise RuleError(f"line {number}: {problem}", op=self.name, expected=expected, got=self.line(number), hint=hint)

    def line(self, number: int) -> str:
        index = number - self.first
        return self.lines[index].strip() if 0 <= index < len(self.lines) else ""

    def arguments(self, state: Sequence[str], hyper: Sequence[str]) -> tuple[list[str], list[str]]:
        """The names of arrays and of scalars, after a check of the signature."""
        arguments = self.tree.args
        arrays = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        scalars = [argument.arg for argument in arguments.kwonlyargs]
        wanted = f"def {self.name}(p, g, {''.join(name + ', ' for name in state)}*, t, {', '.join(hyper)})"
        if arrays[2:] != list(state) or len(arrays) < 2 or arguments.vararg or arguments.kwarg:
            self.fail(self.tree, "takes other arrays than it says", wanted)
        if sorted(name for name in scalars if name != "t") != sorted(hyper):
            self.fail(self.tree, "takes other hyper-parameters than it says", wanted)
        return arrays, (["t"] if "t" in scalars else []) + list(hyper)


class _Splitter(ast.NodeTransformer):
    """Rewrites the statements; gathers the prologue and the names of coefficients."""

    def __init__(self, source: _Source, arrays: Sequence[str], scalars: Sequence[str], results: int) -> None:
        self.source = source
        self.scalars = set(scalars)  # names of numbers that depend on hyper-parameters alone
        self.known = {*arrays, *scalars}
        self.results = results
        self.prologue: list[ast.stmt] = []
        self.coefficients: list[str] = []
        self.returns = False
        self.depth = 0  # of branches that depend on an element

    def body(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        kept: list[ast.stmt] = []
        for statement in statements:
            is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if is_docstring or isinstance(statement, ast.Pass):
                continue
            if self.depth == 0 and self._is_scalar_statement(statement):
                self._note_targets(statement, is_scalar=True)
                self.prologue.append(statement)
            else:
                kept.append(self.visit(statement))
        return kept

    def _is_scalar_statement(self, statement: ast.stmt) -> bool:
        if isinstance(statement, ast.If):
            return self._is_scalar(statement.test) and all(
                self._is_scalar_statement(each) for each in (*statement.body, *statement.orelse)
            )
        if isinstance(statement, ast.AugAssign):
            return self._is_scalar(statement.value) and self._is_scalar(statement.target)
        if isinstance(statement, ast.Assign):
            targets = [name for target in statement.targets for name in _names(target)]
            return self._is_scalar(statement.value) and not any(name in self.known - self.scalars for name in targets)
        return False

    def _note_targets(self, statement: ast.stmt, is_scalar: bool) -> None:
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.known.add(node.id)
                (self.scalars.add if is_scalar else self.scalars.discard)(node.id)

    def _is_scalar(self, node: ast.expr) -> bool:
        """Whether the expression has no array in it."""
        names = _names(node)
        for each in ast.walk(node):
            if isinstance(each, ast.Name) and each.id not in self.known and each.id not in self.source.names:
                self.source.fail(each, f"unknown name {each.id!r}")
        return all(name in self.scalars or name not in self.known for name in names)

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, ast.expr) and not isinstance(node, ast.Tuple) and self._is_scalar(node):
            return self._coefficient(node)
        return super().visit(node)

    def _coefficient(self, node: ast.expr) -> ast.expr:
        name = f"_c{len(self.coefficients)}"
        self.coefficients.append(name)
        guarded = ast.Call(
            ast.Name("_number", ast.Load()),
            [ast.Lambda(ast.arguments([], [], None, [], [], None, []), node)],
            [],
        )
        self.prologue.append(ast.Assign([ast.Name(name, ast.Store())], guarded))
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        node.value = self.visit(node.value)
        self._note_targets(node, is_scalar=False)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.Assign:
        if not isinstance(node.target, ast.Name):
            self.source.fail(node, "assigns to something that is not a name")
        value = ast.BinOp(ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], ast.copy_location(value, node)), node))

    def visit_If(self, node: ast.If) -> ast.If:
        node.test = self.visit(node.test)
        self.depth += 1
        node.body, node.orelse = self.body(node.body), self.body(node.orelse)
        self.depth -= 1
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value] if node.value else []
        if len(values) != self.results:
            expected = "p and each state array, in order"
            self.source.fail(node, f"returns {len(values)} results, not {self.results}", expected)
        self.returns = True
        node.value = ast.copy_location(ast.Tuple([self.visit(value) for value in values], ast.Load()), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(argument) for argument in node.args]
        return node

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        # A power with a number as exponent: x * x and sqrt(x) keep the dtype, and cost less.
        if isinstance(node.op, ast.Pow) and isinstance(node.right, ast.Constant):
            if node.right.value == 0.5:
                root = ast.Attribute(ast.Name("_np", ast.Load()), "sqrt", ast.Load())
                return ast.copy_location(ast.Call(root, [self.visit(node.left)], []), node)
            if isinstance(node.right.value, int):
                node.left = self.visit(node.left)
                return node
        return self.generic_visit(node)

    def visit_Expr(self, node: ast.Expr) -> NoReturn:
        self.generic_statement(node)

    def generic_statement(self, node: ast.stmt) -> NoReturn:
        self.source.fail(node, "not possible in a rule", "assignments, if and return")

    visit_For = visit_While = visit_With = visit_Try = visit_FunctionDef = visit_AnnAssign = generic_statement
    visit_Raise = visit_Assert = visit_Import = visit_ImportFrom = visit_Global = visit_Delete = generic_statement


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _number(compute: Callable[[], Any]) -> float:
    """A coefficient. One of a branch that is not taken may have no value."""
    try:
        return float(compute())
    except (ArithmeticError, ValueError):
        return math.nan


def _define(name: str, arguments: Sequence[str], body: list[ast.stmt], like: ast.AST) -> ast.FunctionDef:
    signature = ast.arguments([], [ast.arg(argument) for argument in arguments], None, [], [], None, [])
    return ast.copy_location(ast.FunctionDef(name, signature, body, []), like)


def _run(definition: ast.FunctionDef, source: _Source, name: str) -> Function:
    module = ast.fix_missing_locations(ast.Module([definition], []))
    code: CodeType = compile(module, source.filename, "exec")
    namespace: dict[str, Any] = {**source.names, "_np": np, "_number": _number}
    exec(code, namespace)  # the user's own function, rearranged
    made: Function = namespace[name]
    return made
