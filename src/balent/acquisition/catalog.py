"""The catalogue of acquisition functions, read from source text: nothing is imported to know them.

The workflow asks here which methods exist, what each needs and which file it lives in, at every
start and in every job; so this module imports neither torch nor a method.
"""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata, util
from pathlib import Path
from typing import Any

from balent import sources
from balent.acquisition.base import Spec
from balent.acquisition.options import check_value
from balent.errors import MethodError

GROUP = "balent.acquisition"
PARAMETERS = {"score": 2, "batch": 3}  # (predictions, context) and (predictions, context, size)


@dataclass(frozen=True)
class Entry:
    """A method: its declaration, and where its function is.

    options  the function's keyword-only parameters with their defaults
    """

    spec: Spec
    module: str
    path: Path
    function: str
    options: dict[str, Any]

    def needs(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """What the sampler has to compute for the method with these options, each need once."""
        added = (
            need
            for option, need in self.spec.option_needs
            if options.get(option, self.options[option]) != self.options[option]
        )
        return tuple(dict.fromkeys((*self.spec.needs, *added)))

    def source_files(self) -> list[Path]:
        """What its scores depend on: its import closure, or the whole package of a plug-in."""
        return sources.closure(self.path) if sources.ours(self.path) else sources.plugin(self.path)


@cache
def catalog() -> dict[str, Entry]:
    """The methods of this package, by name; raises MethodError for a declaration not readable."""
    folder = Path(__file__).resolve().parent
    files = {f"{GROUP}.{path.stem}": path for path in sorted(folder.glob("*.py"))}
    return _by_name(entry for module, path in files.items() for entry in read(path, module))


@cache
def plugins() -> dict[str, Entry]:
    """The methods of other packages: every entry point of GROUP names a module with methods.

    Finding a module's file imports the packages that contain it, not the module. Raises
    MethodError if a module is not there or its declarations are not readable.
    """
    modules = sorted({point.module for point in metadata.entry_points(group=GROUP)})
    return _by_name(entry for module in modules for entry in read(_source(module), module))


def every_method() -> dict[str, Entry]:
    """The methods of this package and of plug-ins, by name."""
    return _by_name([*catalog().values(), *plugins().values()])


def find(name: str) -> Entry:
    """The method of that name or alias; plug-ins are asked only if this package has none.

    Raises MethodError with the nearest and all known names.
    """
    if not isinstance(name, str):
        raise MethodError(f"method: a {type(name).__name__} is not allowed; give a name")
    for table in (catalog, plugins):
        for entry in table().values():
            if name in (entry.spec.name, *entry.spec.aliases):
                return entry
    known = list(every_method())
    raise MethodError(f"unknown method {name!r}{_near(name, known)} (known: {', '.join(known)})")


def check_options(name: str, options: Mapping[str, Any]) -> None:
    """Refuse, by MethodError, an option that the method lacks, or a value that it may not have."""
    entry = find(name)
    allowed = entry.options
    for option, value in options.items():
        if option not in allowed:
            listed = ", ".join(f"{key}={default!r}" for key, default in allowed.items())
            raise MethodError(
                f"{name}: unknown option {option!r}{_near(option, allowed)} "
                f"({'allowed, with defaults: ' + listed if listed else 'it has no options'})"
            )
        check_value(f"{name}: {option}", value, allowed[option], entry.spec.allowed.get(option))


def read(path: Path, module: str) -> list[Entry]:
    """The methods declared in a source file; raises MethodError with file and line."""
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except SyntaxError as error:
        raise MethodError(f"{path}:{error.lineno}: {error.msg}; mend the file") from None
    found = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            for call in filter(_is_register, node.decorator_list):
                assert isinstance(call, ast.Call)
                spec = _declaration(call, path)
                options = _options(node, spec, path)
                found.append(Entry(spec, module, path, node.name, options))
    return found


def _is_register(node: ast.expr) -> bool:
    called = node.func if isinstance(node, ast.Call) else None
    return isinstance(called, ast.Name) and called.id == "register"


def _declaration(call: ast.Call, path: Path) -> Spec:
    where = f"{path}:{call.lineno}: @register"
    if call.args or any(keyword.arg is None for keyword in call.keywords):
        raise MethodError(f"{where}: arguments must be keywords, each written out; name them")
    values = {str(k.arg): _literal(k.value, f"{where}: {k.arg}") for k in call.keywords}
    try:
        return Spec(**values)
    except TypeError as error:
        raise MethodError(f"{where}: {error}; see balent.acquisition.base.Spec") from None
    except MethodError as error:
        raise MethodError(f"{path}:{call.lineno}: {error}") from None


def _options(function: ast.FunctionDef, spec: Spec, path: Path) -> dict[str, Any]:
    where = f"{path}:{function.lineno}: {function.name}"
    arguments = function.args
    if len(arguments.posonlyargs + arguments.args) != PARAMETERS[spec.kind]:
        wanted = ("predictions", "context", "size")[: PARAMETERS[spec.kind]]
        raise MethodError(f"{where}: kind {spec.kind!r} takes ({', '.join(wanted)}), then options")
    if arguments.vararg or arguments.kwarg:
        raise MethodError(f"{where}: takes *args or **kwargs; write every option out")
    options = {}
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        if default is None:
            raise MethodError(f"{where}: option {argument.arg!r} has no default; give it one")
        options[argument.arg] = _literal(default, f"{where}: default of {argument.arg}")
    for option in (*dict(spec.option_needs), *spec.allowed):
        if option not in options:
            raise MethodError(f"{where}: the declaration names {option!r}, which is no option")
    for option, rule in spec.allowed.items():
        check_value(f"{where}: default of {option}", options[option], options[option], rule)
    return options


def _literal(node: ast.expr, where: str) -> Any:
    try:
        return ast.literal_eval(node)
    except ValueError:
        raise MethodError(
            f"{where}={ast.unparse(node)} is not a literal; write the value out (it is read "
            "without running the file)"
        ) from None


def _source(module: str) -> Path:
    try:
        found = util.find_spec(module)
    except ImportError:
        found = None
    if found is None or found.origin is None:
        raise MethodError(
            f"entry point {GROUP!r} names the module {module!r}, which is not there; "
            "reinstall or remove the package that declares it"
        )
    return Path(found.origin)


def _by_name(entries: Iterable[Entry]) -> dict[str, Entry]:
    table: dict[str, Entry] = {}
    taken: dict[str, Path] = {}
    for entry in entries:
        for name in (entry.spec.name, *entry.spec.aliases):
            if name in taken:
                raise MethodError(
                    f"{entry.path}: the name {name!r} is taken by {taken[name]}; choose another"
                )
            taken[name] = entry.path
        table[entry.spec.name] = entry
    return table


def _near(name: str, allowed: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(name).lower(), list(allowed), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""
