"""Takes a function's source apart: what depends on hyper-parameters alone, and the arithmetic on one element.

``m + (1 - beta1) * (g - m)`` becomes ``m + c0 * (g - m)`` with the coefficient ``c0 = 1 - beta1``. Coefficients are
worked out in double precision and once a step; so the element's arithmetic keeps the dtype of its arrays,
and a power such as ``beta1 ** t`` costs nothing per element.
"""

from __future__ import annotations

import ast
import builtins
import copy
import inspect
import math
import os
import re
import textwrap
import traceback
from collections.abc import Callable, Sequence
from types import CodeType, ModuleType
from typing import Any, NamedTuple, NoReturn

import numpy as np

from fastdl.errors import RuleError

Function = Callable[..., Any]


class Form(NamedTuple):
    """What a function has to look like: its arguments and results."""

    kind: str  # what it is to become
    arrays: Sequence[str]  # the arguments that are elements of arrays
    free: int  # how many of these, from the first, may have other names
    hyper: Sequence[str]  # the arguments by keyword
    optional: Sequence[str]  # those that may be left out
    results: Sequence[str]

    def signature(self, name: str) -> str:
        """The line with def."""
        by_keyword = [*self.optional, *self.hyper]
        return f"def {name}({', '.join([*self.arrays, *(['*'] if by_keyword else []), *by_keyword])})"


class Split(NamedTuple):
    """The two parts of a function.

    ``coefficients(*scalars)`` returns a list of floats. ``numbers(*scalars)`` is the same and
    ``element(*arrays, *coefficients)`` the rest of it, as Python for Numba to compile: ``_real``, which makes
    a result a number of the arrays' dtype, is ``float`` in Python.
    """

    coefficients: Callable[..., list[float]]
    numbers: Function
    scalars: list[str]
    element: Function
    coefficient_count: int
    source: Source


def split(function: Function, form: Form) -> Split:
    """Take a function apart.

    Parameters
    ----------
    function : function
        Of scalars.
    form : Form
        What it has to look like.

    Returns
    -------
    Split

    Raises
    ------
    RuleError
        If the function is not of this form, with the line.
    """
    source = Source(function, form)
    arrays, scalars = source.arguments()
    splitter = _Splitter(source, arrays, scalars)
    body = splitter.body(source.tree.body)
    count = len(splitter.coefficients)
    if not _returns(source.tree.body):
        source.fail(source.tree, "may end without a result", f"return {', '.join(form.results)}")

    list_of = ast.List([ast.Name(name, ast.Load()) for name in splitter.coefficients], ast.Load())
    prologue = _define("coefficients", scalars, [*splitter.prologue, ast.Return(list_of)], source.tree)
    element = _define("element", [*arrays, *splitter.coefficients], body, source.tree)
    compute = _run(prologue, source, "coefficients")
    plain = ast.fix_missing_locations(_Unguarded().visit(copy.deepcopy(prologue)))

    def coefficients(*values: float) -> list[float]:
        try:
            with np.errstate(all="ignore"):
                return list(compute(*values))
        except Exception as error:
            raise source.error(source.line_of(error), f"{type(error).__name__}: {error}") from error

    numbers = _run(plain, source, "coefficients")
    return Split(coefficients, numbers, scalars, _run(element, source, "element"), count, source)


class Source:
    """A function's syntax tree, and errors that show its lines."""

    def __init__(self, function: Function, form: Form) -> None:
        self.form = form
        self.name = getattr(function, "__name__", repr(function))
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError) as error:
            raise RuleError(
                "has no source to read",
                op=self.name,
                hint=f"Define the {form.kind} with def in a file or a notebook cell",
            ) from error
        self.lines, self.first = lines, first
        try:
            tree = ast.parse(textwrap.dedent("".join(lines))).body[0]
        except SyntaxError:  # a lambda's line is a part of something
            tree = None
        if not isinstance(tree, ast.FunctionDef):
            raise RuleError("not a function", op=self.name, expected=form.signature(form.kind), got=self.line(first))
        self.tree = tree
        ast.increment_lineno(tree, first - 1)
        closure = inspect.getclosurevars(function)
        self.names = {**vars(builtins), **closure.globals, **closure.nonlocals}
        self.filename = inspect.getfile(function)

    def error(self, number: int, problem: str, expected: str = "", hint: str = "") -> RuleError:
        """An error about a line."""
        return RuleError(f"line {number}: {problem}", op=self.name, expected=expected, got=self.line(number), hint=hint)

    def fail(self, node: ast.AST, problem: str, expected: str = "") -> NoReturn:
        """Raise an error about the line of a part of the function."""
        raise self.error(getattr(node, "lineno", self.tree.lineno), problem, expected)

    def line_of(self, error: Exception) -> int:
        """The line of the function that raised an error, or about which its message speaks."""
        said = re.findall(r'File "([^"]*)", line (\d+)', str(error))
        numbers = [int(number) for file, number in said if os.path.basename(file) == os.path.basename(self.filename)]
        frames = traceback.extract_tb(error.__traceback__)
        numbers += [frame.lineno or 0 for frame in frames if frame.filename == self.filename]
        return next((number for number in reversed(numbers) if self.line(number)), self.tree.lineno)

    def line(self, number: int) -> str:
        """A line's text; nothing if it is none of the function's."""
        index = number - self.first
        return self.lines[index].strip() if 0 <= index < len(self.lines) else ""

    def arguments(self) -> tuple[list[str], list[str]]:
        """The names of arrays and of scalars, after a check of the signature."""
        arguments = self.tree.args
        arrays = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
        scalars = [argument.arg for argument in arguments.kwonlyargs]
        form, wanted = self.form, self.form.signature(self.name)
        fits = len(arrays) == len(form.arrays) and arrays[form.free :] == list(form.arrays[form.free :])
        if not fits or arguments.vararg or arguments.kwarg:
            self.fail(self.tree, "takes other arrays than it says", wanted)
        if sorted(name for name in scalars if name not in form.optional) != sorted(form.hyper):
            self.fail(self.tree, "takes other hyper-parameters than it says", wanted)
        return arrays, [name for name in form.optional if name in scalars] + list(form.hyper)


class _Splitter(ast.NodeTransformer):
    """Rewrites the statements; gathers the prologue and the names of coefficients."""

    def __init__(self, source: Source, arrays: Sequence[str], scalars: Sequence[str]) -> None:
        self.source = source
        self.scalars = set(scalars)  # names of numbers that depend on hyper-parameters alone
        self.known = {*arrays, *scalars}  # names that have a value
        self.own = self.known | _stored(source.tree)
        self.results = source.form.results
        self.prologue: list[ast.stmt] = []
        self.coefficients: list[str] = []
        self.depth = 0  # of branches that depend on an element

    def body(self, statements: Sequence[ast.stmt]) -> list[ast.stmt]:
        kept: list[ast.stmt] = []
        for statement in statements:
            is_docstring = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if is_docstring or isinstance(statement, ast.Pass):
                continue
            if not isinstance(statement, ast.Assign | ast.AugAssign | ast.If | ast.Return):
                self.source.fail(statement, "not possible in such a function", "assignments, if and return")
            if self.depth == 0 and self._is_scalar_statement(statement):
                self._note(_stored(statement), is_scalar=True)
                self.prologue.append(statement)
            else:
                if self.depth == 0 and isinstance(statement, ast.If):
                    kept += self._carry(_stored(statement) & self.scalars)
                kept.append(self.visit(statement))
        return kept

    def _carry(self, names: set[str]) -> list[ast.stmt]:
        """Assignments of numbers that a branch may change for some elements alone."""
        carried: list[ast.stmt] = []
        for name in sorted(names):
            value = self._coefficient(ast.Name(name, ast.Load()))
            carried.append(ast.Assign([ast.Name(name, ast.Store())], value))
        self._note(names, is_scalar=False)
        return carried

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

    def _note(self, names: set[str], is_scalar: bool) -> None:
        self.known |= names
        self.scalars = self.scalars | names if is_scalar else self.scalars - names

    def _is_scalar(self, node: ast.expr) -> bool:
        """Whether the expression has no array in it."""
        names = self.source.names
        for each in ast.walk(node):
            if (
                isinstance(each, ast.Name)
                and each.id not in self.known
                and (each.id in self.own or each.id not in names)
            ):
                self.source.fail(each, f"unknown name {each.id!r}" + " on this path" * (each.id in self.own))
            if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id not in self.known:
                module = names.get(each.value.id)
                if isinstance(module, ModuleType) and not hasattr(module, each.attr):
                    self.source.fail(each, f"unknown name {ast.unparse(each)!r}")
        return all(name in self.scalars or name not in self.known for name in _names(node))

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
        self.prologue.append(ast.copy_location(ast.Assign([ast.Name(name, ast.Store())], guarded), node))
        return ast.copy_location(ast.Name(name, ast.Load()), node)

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        for target in node.targets:
            parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
            if not all(isinstance(part, ast.Name) for part in parts):
                self.source.fail(node, "assigns to something that is not a name")
        node.value = self.visit(node.value)
        self._note(_stored(node), is_scalar=False)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.Assign:
        if not isinstance(node.target, ast.Name):
            self.source.fail(node, "assigns to something that is not a name")
        before = ast.copy_location(ast.Name(node.target.id, ast.Load()), node)
        value = ast.copy_location(ast.BinOp(before, node.op, node.value), node)
        return self.visit_Assign(ast.copy_location(ast.Assign([node.target], value), node))

    def visit_If(self, node: ast.If) -> ast.If:
        node.test = self.visit(node.test)
        self.depth += 1
        before, known = self.known, []  # at the end of the branches that have one
        for name in ("body", "orelse"):
            self.known = set(before)
            statements = getattr(node, name)
            setattr(node, name, self.body(statements) or [ast.Pass()])
            if not _returns(statements):
                known.append(self.known)
        self.known = set.intersection(*known) if known else before
        self.depth -= 1
        return node

    def visit_Return(self, node: ast.Return) -> ast.Return:
        values = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value] if node.value else []
        expected = f"return {', '.join(self.results)}"
        if len(values) != len(self.results):
            self.source.fail(node, f"returns {len(values)} results, not {len(self.results)}", expected)
        if any(isinstance(value, ast.Tuple | ast.List) for value in values):
            self.source.fail(node, "returns several values in the place of a number", expected)
        numbers = [ast.Call(ast.Name("_real", ast.Load()), [self.visit(value)], []) for value in values]
        node.value = ast.copy_location(ast.Tuple([ast.copy_location(each, node) for each in numbers], ast.Load()), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.Call:
        node.args = [self.visit(argument) for argument in node.args]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
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


class _Unguarded(ast.NodeTransformer):
    """Takes the guards of coefficients off."""

    def visit_Call(self, node: ast.Call) -> Any:
        is_guard = isinstance(node.func, ast.Name) and node.func.id == "_number"
        return node.args[0].body if is_guard and isinstance(node.args[0], ast.Lambda) else node


def _names(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _stored(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)}


def _returns(statements: Sequence[ast.stmt]) -> bool:
    """Whether every path through the statements returns."""
    return any(
        isinstance(each, ast.Return) or (isinstance(each, ast.If) and _returns(each.body) and _returns(each.orelse))
        for each in statements
    )


def _number(compute: Callable[[], Any]) -> float:
    """A coefficient. One of a branch that is not taken may have no value, or a complex one."""
    try:
        value = compute()
    except (ArithmeticError, ValueError):
        return math.nan
    if isinstance(value, str | bytes):
        raise TypeError(f"{value!r} is not a number")
    return math.nan if isinstance(value, complex | np.complexfloating) else float(value)


def _define(name: str, arguments: Sequence[str], body: list[ast.stmt], like: ast.AST) -> ast.FunctionDef:
    signature = ast.arguments([], [ast.arg(argument) for argument in arguments], None, [], [], None, [])
    return ast.copy_location(ast.FunctionDef(name, signature, body, []), like)


def _run(definition: ast.FunctionDef, source: Source, name: str) -> Function:
    module = ast.fix_missing_locations(ast.Module([definition], []))
    code: CodeType = compile(module, source.filename, "exec")
    namespace: dict[str, Any] = {**source.names, "_np": np, "_number": _number, "_real": float}
    exec(code, namespace)  # the user's own function, rearranged
    made: Function = namespace[name]
    return made
