"""What users see: the lists of public names, their docstrings, examples and signatures."""

from __future__ import annotations

import ast
import builtins
import doctest
import importlib
import inspect
import pkgutil
import re
import types
from pathlib import Path

import numpy as np
import pytest

import fastdl
from fastdl import kernels, nn, optim, reference
from fastdl.optim.optimizer import Options

PACKAGE = Path(fastdl.__file__).parent
SOURCES = sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")])
REFERENCE_ONLY = {"rules"}
KERNELS_ONLY = {
    "BuildInfo",
    "CompiledFunction",
    "CompiledRule",
    "Plan",
    "class_numbers",
    "row_numbers",
    "count_step",
    "build_info",
    "cpu_level",
    "get_num_threads",
    "map_elements",
    "probabilities",
    "real_targets",
    "set_num_threads",
}
INTERNAL = {"FLAGS", "LEVELS", "OPENMP"}  # of fastdl.kernels: parts of build_info()
EXTRAS = {"matplotlib", "sklearn", "tqdm", "numba", "torch", "optuna", "sqlalchemy"}
SECTIONS = ("Parameters", "Attributes", "Returns", "Raises", "Notes", "Examples")


def modules():
    """All modules but those whose name, or whose package's, begins with an underscore."""
    found = {"fastdl": fastdl}
    for each in pkgutil.walk_packages(fastdl.__path__, "fastdl."):
        if not any(part.startswith("_") for part in each.name.split(".")):
            try:
                found[each.name] = importlib.import_module(each.name)
            except fastdl.errors.MissingDependencyError:
                continue
            except ModuleNotFoundError as error:
                if error.name.split(".")[0] not in EXTRAS:
                    raise
    return found


MODULES = modules()


def is_of_fastdl(value, package="fastdl"):
    return str(getattr(value, "__module__", package)).startswith(package)


def public_names(module):
    """The names without an underscore of what is defined in the module, or for a package, below it; but for modules."""
    package = "fastdl" if module is fastdl.errors else module.__name__
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType) and is_of_fastdl(value, package)
    }


def documented():
    """{address: object} of what the packages list in ``__all__``, and of the methods of listed classes."""
    found = {}
    for module in [module for module in MODULES.values() if hasattr(module, "__all__")] + [nn.initializers]:
        for value in (getattr(module, name) for name in sorted(public_names(module))):
            if inspect.isroutine(value) or inspect.isclass(value):
                found[f"{value.__module__}.{value.__qualname__}"] = value
            for owner in filter(is_of_fastdl, getattr(value, "__mro__", ())):
                for name in vars(owner):
                    member = getattr(owner, name)
                    if not name.startswith("_") and inspect.isroutine(member) and is_of_fastdl(member):
                        found[f"{owner.__module__}.{owner.__qualname__}.{name}"] = member
    return found


DOCUMENTED = documented()


def section(docstring, title):
    """The lines of a section of a docstring in NumPy's style, or None where there is none."""
    match = re.search(rf"^{title}\n-+\n(.*?)(?=^\S[^\n]*\n-{{3,}}\n|\Z)", docstring, re.DOTALL | re.MULTILINE)
    return match and match[1].rstrip().splitlines()


def entries(lines):
    """The names before the colons of a section's entries."""
    return [
        name.strip().lstrip("*")
        for line in lines or ()
        if line and not line.startswith(" ")
        for name in line.split(" : ")[0].split(",")
    ]


def docstring(value):
    return inspect.getdoc(value) or ""


def parameters(value):
    """The names in the signature; settings that a base class only hands on are described by those it hands them to."""
    if value is optim.Optimizer:  # described as its subclasses take them
        return ["convention", *Options.__annotations__]
    is_options = inspect.isclass(value) and issubclass(value, optim.Optimizer)
    return [
        each.name
        for each in inspect.signature(value).parameters.values()
        if each.name != "self" and not (inspect.isclass(value) and each.kind is each.VAR_KEYWORD and not is_options)
    ]


@pytest.mark.parametrize("name", MODULES)
def test_module_says_what_it_holds(name):
    assert MODULES[name].__doc__
    assert MODULES[name].__doc__[0].isupper() or MODULES[name].__doc__.startswith("fastdl")


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if hasattr(module, "__all__")])
def test_all(name):
    """``__all__`` has every public name of the package once; whatever it lists is there."""
    module = MODULES[name]
    assert len(set(module.__all__)) == len(module.__all__)
    listed = {each for each in module.__all__ if not isinstance(getattr(module, each), types.ModuleType)}
    assert listed - {"__version__"} == public_names(module) - INTERNAL


def test_packages_list_their_names():
    """Every package has an ``__all__``, and a star import brings just that."""
    for name, module in MODULES.items():
        # The formulas are listed by a table, RULES, as the kernels' are; of interop each package is imported by itself.
        if hasattr(module, "__path__") and name not in ("fastdl", "fastdl.reference.rules", "fastdl.interop"):
            assert module.__all__, name
    namespace = {}
    exec("from fastdl import *", namespace)
    assert set(namespace) - {"__builtins__"} == set(fastdl.__all__)


def test_what_the_design_names_is_there():
    promised = {
        "fastdl": "set_num_threads get_num_threads show_config __version__",
        "fastdl.nn": "Affine BatchNorm Dropout LayerNorm ReLU Sigmoid Tanh LeakyReLU ELU Softplus GELU SiLU "
        "SoftmaxCrossEntropy SigmoidCrossEntropy MeanSquaredError Huber MLP Sequential initializers",
        "fastdl.nn.initializers": "zeros constant normal uniform xavier he he_uniform lecun_normal lecun_uniform "
        "glorot_normal glorot_uniform orthogonal",
        "fastdl.optim": "SGD Momentum Nesterov AdaGrad RMSprop Adadelta Adam AdamW Adamax Nadam RAdam Ftrl Lion LAMB "
        "OPTIMIZERS Optimizer get rule check_rule schedules",
        "fastdl.train": "Trainer",
        "fastdl.book": "SGD Momentum Nesterov AdaGrad RMSprop Adam Affine Relu Sigmoid SoftmaxWithLoss Dropout "
        "BatchNormalization MultiLayerNet MultiLayerNetExtend Trainer numerical_gradient smooth_curve shuffle_dataset "
        "softmax sigmoid relu cross_entropy_error load_mnist np",
        "fastdl.data": "load_digits load_mnist Batches Dataset read_idx",
        "fastdl.kernels": "ACTIVATIONS NEED_INPUT RULES RuleSpec affine_forward affine_backward activation_forward "
        "activation_backward add map_elements softmax softmax_cross_entropy sigmoid_cross_entropy mean_squared_error "
        "huber gather update batch_norm_forward batch_norm_inference batch_norm_backward "
        "layer_norm_forward layer_norm_backward build_info cpu_level "
        "dropout_forward dropout_backward random_bits random_uniform random_normal",
    }
    for module, names in promised.items():
        for name in names.split():
            assert hasattr(MODULES[module], name), f"{module}.{name}"


def has_fields(value):
    """A class whose parameters are its fields."""
    return any(hasattr(value, name) for name in ("__dataclass_fields__", "_fields", "__total__"))


@pytest.mark.parametrize("address", DOCUMENTED)
def test_first_line(address):
    paragraph = docstring(DOCUMENTED[address]).split("\n\n")[0]
    assert paragraph.endswith((".", ":"))
    assert paragraph.count("\n") < 2


@pytest.mark.parametrize(
    "address", [name for name, value in DOCUMENTED.items() if not has_fields(value) and name.split(".")[1] != "errors"]
)
def test_parameters(address):
    """The docstring describes the parameters of the signature, in their order."""
    value = DOCUMENTED[address]
    if inspect.isclass(value) and (issubclass(value, BaseException) or value.__init__ is object.__init__):
        return
    assert entries(section(docstring(value), "Parameters")) == parameters(value)


@pytest.mark.parametrize("address", [name for name, value in DOCUMENTED.items() if inspect.isroutine(value)])
def test_returns(address):
    """There is a section Returns just where something is returned."""
    value = DOCUMENTED[address]
    returned = inspect.signature(value).return_annotation
    if returned is not inspect.Signature.empty:
        assert bool(section(docstring(value), "Returns")) == (returned not in ("None", None))


@pytest.mark.parametrize("address", DOCUMENTED)
def test_sections(address):
    """In one order; the errors that are named exist."""
    text = docstring(DOCUMENTED[address])
    places = [text.index(f"\n{title}\n---") for title in SECTIONS if f"\n{title}\n---" in text]
    assert places == sorted(places)
    for name in entries(section(text, "Raises")):
        assert hasattr(fastdl.errors, name) or hasattr(builtins, name), name


# pytest runs the examples of the Python modules; those of the compiled ones it does not find.
COMPILED = [
    *(name for name in kernels.__all__ if callable(getattr(kernels, name))),
]


@pytest.mark.parametrize("name", COMPILED)
def test_examples_of_compiled_functions(name):
    value = getattr(kernels, name)
    (example,) = doctest.DocTestFinder(recurse=False).find(value, name, globs={})
    if inspect.isroutine(value):
        assert example.examples
    results = doctest.DocTestRunner().run(example)
    assert results.failed == 0


def test_kernels_and_reference_have_the_same_names():
    assert set(kernels.__all__) - KERNELS_ONLY == set(reference.__all__) - REFERENCE_ONLY
    assert kernels.ACTIVATIONS == reference.ACTIVATIONS
    assert kernels.NEED_INPUT == reference.NEED_INPUT
    assert {name: tuple(spec) for name, spec in kernels.RULES.items()} == {
        name: tuple(spec) for name, spec in reference.RULES.items()
    }


@pytest.mark.parametrize(
    "name", sorted(set(kernels.__all__) - KERNELS_ONLY - {"ACTIVATIONS", "NEED_INPUT", "RULES", "RuleSpec"})
)
def test_kernels_and_reference_have_the_same_signatures(name):
    """Names, order and defaults; ``keys`` and ``op``, the names in errors, are the compiled function's alone."""

    def shape(function):
        return [
            (each.name, each.kind, each.default)
            for each in inspect.signature(function).parameters.values()
            if each.name not in ("keys", "op", "plan", "inputs")
        ]

    assert shape(getattr(kernels, name)) == shape(getattr(reference, name))


FORBIDDEN = {"eval", "exec", "compile", "__import__"}
# A function that a user passes is taken apart, and a loop around it is put together. Neither has text of any
# other origin in it: no name, number or file.
ALLOWED = {"_functions/split.py": ["compile", "exec"], "_functions/compiled.py": ["exec", "exec"]}
UNSAFE_MODULES = {"pickle", "cPickle", "marshal", "shelve", "dill", "joblib", "ctypes", "subprocess"}


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_code_from_data(path):
    """Nothing in the package unpickles, evaluates or runs text; no check is an assertion that -O would remove."""
    called = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN:
            called.append(node.func.id)
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
            assert not {name.split(".")[0] for name in names} & UNSAFE_MODULES, f"line {node.lineno}"
        if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant)
            assert node.value.value is False
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("np.load", "numpy.load"):
            pytest.fail(f"line {node.lineno}: np.load without allow_pickle=False")
    assert sorted(called) == ALLOWED.get(path.relative_to(PACKAGE).as_posix(), [])


def test_no_code_from_data_in_compiled_modules():
    sources = sorted((Path(__file__).parents[1] / "fastdl" / "kernels").glob("*.pyx"))
    assert len(sources) == 17
    for path in sources:
        assert not re.search(r"\b(eval|exec|compile)\(|pickle|marshal|ctypes|\bassert\b", path.read_text()), path.name


def test_errors_are_one_family():
    for name in fastdl.errors.__all__:
        error = getattr(fastdl.errors, name)
        assert issubclass(error, fastdl.errors.FastdlError)
        assert error.__doc__
        made = error("problem", op="op", key=3, arg="x", expected="this", got="that", hint="Do so")
        assert (made.op, made.key, made.arg, made.expected, made.got, made.hint) == (
            "op",
            3,
            "x",
            "this",
            "that",
            "Do so",
        )
        for part in ("problem", "this", "that", "Do so"):
            assert part in str(made)


def test_version():
    assert re.fullmatch(r"\d+\.\d+(\.\d+)?((a|b|rc|\.dev)\d+)?", fastdl.__version__)


def test_show_config(capsys):
    fastdl.show_config()
    printed = capsys.readouterr().out
    for part in (
        fastdl.__version__,
        kernels.cpu_level(),
        str(kernels.get_num_threads()),
        kernels.build_info()["flags"],
    ):
        assert part in printed


def test_the_package_is_typed():
    assert (PACKAGE / "py.typed").exists()
    assert np.__version__ >= "2"
