"""Tests of a module, run on each of its mutants in a process of its own until one fails.

Everything is imported and collected once. A mutant of a function is put into the functions that are there, which takes
no time, and tried by the tests that run its statement; one of anything else, a constant or a default, is imported
afresh in place of the module.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import importlib.abc
import importlib.util
import os
import pickle
import resource
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import CodeType, FunctionType, ModuleType
from typing import Any

import pytest
from attrs import define, field, frozen
from coverage import Coverage
from hypothesis import Phase, settings
from mutants import Mutant

SURVIVED, TOO_LONG = "survived", "took too long"
_LONGEST = 120.0
"""Seconds of a processor, for the tests of a mutant that is imported."""
_OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov", "-W", "ignore")


def try_all(module: Path, tests: Sequence[str], tried: Sequence[Mutant], *, imported: bool) -> list[str]:
    """By mutant: the test that killed it, or `SURVIVED`; `imported` where functions run while modules are imported."""
    ready: list[str | None] = [None] * len(tried)
    if not imported:
        swapped = in_child(lambda: _swap_each(module, tests, tried))
        if not isinstance(swapped, list):
            raise SystemExit(f"{module}: its tests fail, or cannot be run, before anything is changed: {swapped}")
        ready = swapped
    killers = [one for one in ready if one not in (None, SURVIVED)]
    found = []
    for mutant, one in zip(tried, ready, strict=True):
        verdict = one
        if one is None:
            verdict = in_child(lambda text=mutant.text: _import(module, text, tests, killers), _LONGEST)
            if verdict != SURVIVED:
                killers.append(verdict)
        found.append(verdict)
    return found


def in_child(work: Callable[[], Any], seconds: float | None = None) -> Any:
    """What some work returns that a process of its own does, silently."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        if seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
        with open(os.devnull, "w") as nothing:  # noqa: PTH123 - no path of a person's
            if not os.environ.get("LLMPLAN_MUTATION_LOUD"):
                os.dup2(nothing.fileno(), 1)
                os.dup2(nothing.fileno(), 2)
            with contextlib.suppress(BaseException), os.fdopen(writer, "wb") as out:
                pickle.dump(work(), out)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as came:
        data = came.read()
    os.waitpid(child, 0)
    return pickle.loads(data) if data else TOO_LONG  # noqa: S301 - from ourselves


def _quickly() -> None:
    """Random tests try the same examples each time, and make a failure no smaller."""
    settings.register_profile("mutation", derandomize=True, database=None, phases=(Phase.explicit, Phase.generate))
    settings.load_profile("mutation")


def _first_failure(items: Sequence[pytest.Item], session: pytest.Session) -> str:
    """The test that fails first."""
    for item in items:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)
        if session.testsfailed:
            return item.nodeid
    return SURVIVED


@frozen
class _Unchanged:
    """What the tests do while nothing is changed."""

    seconds: dict[str, float]
    by_line: dict[int, list[str]]
    """The tests that run a line of the module."""

    def of(self, lines: range, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Those that run one of some lines, in the order that they have."""
        names = {name for line in lines for name in self.by_line.get(line, [])}
        return [item for item in items if item.nodeid in names]


@define
class _Swapping:
    """A plugin of pytest that runs what was collected once for each mutant."""

    module: Path
    tried: Sequence[Mutant]
    verdicts: list[str | None] = field(factory=list)
    broken: str = "nothing was collected"

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of one run of everything."""
        for cache in _caches():
            cache.cache_clear()
        whole = in_child(lambda: self._baseline(session))
        if not isinstance(whole, _Unchanged):
            self.broken = whole
            return True
        items = sorted(session.items, key=lambda item: whole.seconds[item.nodeid])
        functions, statements = _functions(self.module), _statements(self.module)
        gc.freeze()  # or each process would copy what its collector looks at
        for mutant in self.tried:
            code = _changed_code(self.module, mutant.text, functions)
            some = whole.of(min((one for one in statements if mutant.line in one), key=len), items)
            limit = 2 * sum(whole.seconds[item.nodeid] for item in some) + 3
            verdict = None if code is None else in_child(lambda c=code, t=some: self._one(c, t, session), limit)
            self.verdicts.append(verdict)
            if verdict is not None:
                items.sort(key=lambda item: item.nodeid != verdict)
        return True

    def _baseline(self, session: pytest.Session) -> _Unchanged | str:
        caches = _caches()
        watched = Coverage(data_file=None, config_file=False, include=[str(self.module)], messages=False)
        took = {}
        watched.start()
        for item in session.items:
            for cache in caches:
                cache.cache_clear()
            watched.switch_context(item.nodeid)
            begin = time.process_time()
            if (failed := _first_failure([item], session)) != SURVIVED:
                return failed
            took[item.nodeid] = time.process_time() - begin
        watched.stop()
        return _Unchanged(took, watched.get_data().contexts_by_lineno(str(self.module)))

    def _one(self, code: dict[FunctionType, CodeType], items: Sequence[pytest.Item], session: pytest.Session) -> str:
        for function, changed in code.items():
            function.__code__ = changed
        return _first_failure(items, session)


def _swap_each(module: Path, tests: Sequence[str], tried: Sequence[Mutant]) -> list[str | None] | str:
    """None where the mutant is not of a function alone; the test that fails without any."""
    _quickly()
    plugin = _Swapping(module, tried)
    pytest.main([*_OPTIONS, *tests], plugins=[plugin])
    return plugin.verdicts if len(plugin.verdicts) == len(tried) else plugin.broken


def _caches() -> list[functools._lru_cache_wrapper[Any]]:
    """Where our functions remember what they returned."""
    every = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)]  # noqa: SLF001
    return [one for one in every if one.__module__.startswith("llmplan")]


def _statements(module: Path) -> list[range]:
    """The lines of each statement, and of the whole."""
    text = module.read_text("utf-8")
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    return [range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in found] + [range(1, text.count("\n") + 2)]


def _functions(module: Path) -> dict[tuple[str, int], list[FunctionType]]:
    """Those of a module that are there, by name and line."""
    found: dict[tuple[str, int], list[FunctionType]] = {}
    for one in gc.get_objects():
        if isinstance(one, FunctionType) and one.__code__.co_filename == str(module):
            found.setdefault((one.__code__.co_name, one.__code__.co_firstlineno), []).append(one)
    return found


def _codes(code: CodeType) -> Iterator[tuple[tuple[str, int], CodeType]]:
    yield (code.co_name, code.co_firstlineno), code
    for one in code.co_consts:
        if isinstance(one, CodeType):
            yield from _codes(one)


def _own(code: CodeType) -> tuple[Any, ...]:
    """What a code does, without that which is inside it."""
    constants = tuple("code" if isinstance(one, CodeType) else repr(one) for one in code.co_consts)
    return code.co_code, constants, code.co_names


def _changed_code(
    module: Path, text: str, functions: dict[tuple[str, int], list[FunctionType]]
) -> dict[FunctionType, CodeType] | None:
    """The functions that a mutant changes, with their new code; None where it changes anything else."""
    old = dict(_codes(compile(module.read_text("utf-8"), str(module), "exec", dont_inherit=True)))
    new = dict(_codes(compile(text, str(module), "exec", dont_inherit=True)))
    changed = [key for key in {*old, *new} if key not in old or key not in new or _own(old[key]) != _own(new[key])]
    found: dict[FunctionType, CodeType] = {}
    for key in changed:
        here = functions.get(key) or functions.get(_outer(key, new, functions) or key, [])
        if not here:
            return None
        found |= {function: new[function.__code__.co_name, function.__code__.co_firstlineno] for function in here}
    return found


def _outer(
    key: tuple[str, int], new: dict[tuple[str, int], CodeType], functions: dict[tuple[str, int], list[FunctionType]]
) -> tuple[str, int] | None:
    """The function that is there around a code that is not, as of a generator in it."""
    for other in functions:
        if other in new and any(inner == key for inner, _ in _codes(new[other])):
            return other
    return None


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports a text in place of a module."""

    def __init__(self, module: Path, text: str) -> None:
        self.module, self.text = module, text
        parts = module.with_suffix("").parts
        self.name = ".".join(parts[parts.index("src") + 1 :])

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:  # noqa: ARG002
        """Ours of this one alone."""
        return importlib.util.spec_from_file_location(name, self.module, loader=self) if name == self.name else None

    def create_module(self, spec: object) -> None:
        """As usual."""

    def exec_module(self, module: ModuleType) -> None:
        """The mutant."""
        exec(compile(self.text, str(self.module), "exec", dont_inherit=True), module.__dict__)  # noqa: S102


@define
class _KillersFirst:
    """A plugin of pytest that runs first what killed other mutants, and remembers what failed."""

    killers: Sequence[str]
    verdict: str = SURVIVED

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The last killer first."""
        rank = {nodeid: number for number, nodeid in enumerate(self.killers, start=1)}
        items.sort(key=lambda item: -rank.get(item.nodeid, 0))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that failed."""
        if report.failed and self.verdict == SURVIVED:
            self.verdict = report.nodeid


def _import(module: Path, text: str, tests: Sequence[str], killers: Sequence[str]) -> str:
    _quickly()
    sys.meta_path.insert(0, _Finder(module, text))
    plugin = _KillersFirst(killers)
    code = pytest.main([*_OPTIONS, *tests], plugins=[plugin])
    return plugin.verdict if plugin.verdict != SURVIVED or code == 0 else "an import"
