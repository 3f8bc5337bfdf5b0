"""Tests of modules, run on each of their mutants in a process of its own until one fails.

Everything is imported and collected once. A mutant of a function is put into the functions that are there, which takes
no time, and tried by the tests that run its statement; one of anything else, a constant or a default, is tried by all,
and is imported afresh in place of the module where they do not notice.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import gc
import importlib.abc
import importlib.util
import itertools
import os
import pickle
import resource
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attrs import define, frozen
from coverage import Coverage
from hypothesis import Phase, settings
from mutants import Mutant
from mutation_swap import Loaded

SURVIVED, TOO_LONG = "survived", "took too long"
_LONGEST = 120.0
"""Seconds of a processor, for the tests of a mutant that is imported."""
_QUICK = 2.0
"""The same of the tests that a mutant has to be noticed by: of those that run its statement the first, file by file."""
_NO = ("cacheprovider", "xdist", "cov")
_OPTIONS = ("-q", "-x", "--tb=no", "--assert=plain", "-W", "ignore", *(f"-pno:{plugin}" for plugin in _NO))
Tried = Mapping[Path, Sequence[Mutant]]
"""By module."""


def try_all(tried: Tried, tests: Sequence[str], *, imported: bool) -> Iterator[tuple[Path, list[str]]]:
    """By module and mutant: the test that killed it, or `SURVIVED`; `imported` where modules run while imported."""
    if imported:
        for module, mutants in tried.items():
            yield module, _imported(module, [(one, SURVIVED) for one in mutants], tests, None)
        return
    left = set(tried)
    for found in _stream(lambda send: _swap_each(tried, tests, send)):
        if isinstance(found, str):
            raise SystemExit(f"{', '.join(map(str, tried))}: tests fail before anything is changed: {found}")
        module, verdicts, quick = found
        left.remove(module)
        yield module, _imported(module, list(zip(tried[module], verdicts, strict=True)), tests, quick)
    if left:
        raise SystemExit(f"{', '.join(map(str, left))}: the tests broke off; LLMPLAN_MUTATION_LOUD=1 shows where")


def _imported(
    module: Path, tried: Sequence[tuple[Mutant, str]], tests: Sequence[str], quick: frozenset[str] | None
) -> list[str]:
    """What nobody has noticed yet of what is no function, imported in place of the module."""
    killers, found = [verdict for _, verdict in tried if "::" in verdict], []
    for mutant, before in tried:
        verdict = before
        if before == SURVIVED and (quick is None or not mutant.in_function):
            plugin = _Quickest(killers, quick)
            verdict = in_child(lambda m=mutant, p=plugin: _import(module, m.text, tests, p), _LONGEST)
            killers += [verdict] if "::" in verdict else []
        found.append(verdict)
    return found


def _stream(work: Callable[[Callable[[Any], None]], None]) -> Iterator[Any]:
    """What some work sends that a process of its own does, silently, and waits after each until it was looked at."""
    (came, going), (go, further) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(came)
        os.close(further)
        with _silent(), os.fdopen(going, "wb") as out:

            def send(what: Any) -> None:
                pickle.dump(what, out)
                out.flush()
                os.read(go, 1)

            work(send)
        os._exit(0)
    os.close(going)
    os.close(go)
    with os.fdopen(came, "rb") as reading, contextlib.suppress(EOFError):
        while True:
            yield pickle.load(reading)  # noqa: S301 - from ourselves
            os.write(further, b".")
    os.waitpid(child, 0)
    os.close(further)


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with open(os.devnull, "w") as nothing, contextlib.suppress(BaseException):  # noqa: PTH123 - no path of a person's
        if not os.environ.get("LLMPLAN_MUTATION_LOUD"):
            os.dup2(nothing.fileno(), 1)
            os.dup2(nothing.fileno(), 2)
        yield


def in_child(work: Callable[[], Any], seconds: float | None = None) -> Any:
    """What some work returns that a process of its own does, silently."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        if seconds is not None:
            resource.setrlimit(resource.RLIMIT_CPU, (int(seconds) + 1, int(seconds) + 1))
        with _silent(), os.fdopen(writer, "wb") as out:
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
    by_line: dict[Path, dict[int, list[str]]]
    """By module, the tests that run a line of it."""

    def of(self, module: Path, lines: range, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """Those that run one of some lines, in the order that they have; as many as are quick together."""
        names = {name for line in lines for name in self.by_line[module].get(line, [])}
        return self.quick([item for item in items if item.nodeid in names])

    def quick(self, items: Sequence[pytest.Item]) -> list[pytest.Item]:
        """The first of these, as many as are quick together."""
        spent = itertools.accumulate(self.seconds[item.nodeid] for item in items)
        return [item for item, seconds in zip(items, spent, strict=True) if seconds <= _QUICK]

    def limit(self, items: Sequence[pytest.Item]) -> float:
        """Seconds that they may take while something is changed."""
        return 2 * sum(self.seconds[item.nodeid] for item in items) + 2


@define
class _Swapping:
    """A plugin of pytest that runs what was collected once for each mutant."""

    tried: Tried
    send: Callable[[Any], None]

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of one run of everything."""
        for cache in _caches():
            cache.cache_clear()
        whole = in_child(lambda: self._baseline(session))
        if not isinstance(whole, _Unchanged):
            self.send(whole)
            return True
        files = {item.path: number for number, item in reversed(list(enumerate(session.items)))}
        items = sorted(session.items, key=lambda item: (files[item.path], whole.seconds[item.nodeid]))
        loaded = {module: Loaded.of(module) for module in self.tried}
        gc.freeze()  # or each process would copy what its collector looks at
        for module, mutants in self.tried.items():
            verdicts = self._verdicts(loaded[module], mutants, whole, list(items), session)
            self.send((module, verdicts, frozenset(item.nodeid for item in whole.quick(items))))
        return True

    def _verdicts(
        self,
        loaded: Loaded,
        mutants: Sequence[Mutant],
        whole: _Unchanged,
        items: list[pytest.Item],
        session: pytest.Session,
    ) -> list[str]:
        """The last killer is tried first."""
        statements, verdicts = _statements(loaded.path), []
        for mutant in mutants:
            swap, some = loaded.swap(mutant.text), whole.quick(items)
            if swap is None:
                swap = functools.partial(loaded.renew, mutant.text)
            else:
                some = whole.of(loaded.path, min((one for one in statements if mutant.line in one), key=len), items)
            verdict = in_child(lambda s=swap, t=some: s() or _first_failure(t, session), whole.limit(some))
            verdicts.append(verdict)
            items.sort(key=lambda item: item.nodeid != verdict)
        return verdicts

    def _baseline(self, session: pytest.Session) -> _Unchanged | str:
        caches, modules = _caches(), [str(module) for module in self.tried]
        watched = Coverage(data_file=None, config_file=False, include=modules, messages=False)
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
        data = watched.get_data()
        return _Unchanged(took, {module: data.contexts_by_lineno(str(module)) for module in self.tried})


def _swap_each(tried: Tried, tests: Sequence[str], send: Callable[[Any], None]) -> None:
    """Send by module the verdicts and the quick tests; or the test that fails without any mutant."""
    _quickly()
    pytest.main([*_OPTIONS, *tests], plugins=[_Swapping(tried, send)])


def _caches() -> list[functools._lru_cache_wrapper[Any]]:
    """Where our functions remember what they returned."""
    every = [one for one in gc.get_objects() if isinstance(one, functools._lru_cache_wrapper)]  # noqa: SLF001
    return [one for one in every if one.__module__.startswith("llmplan")]


def _statements(module: Path) -> list[range]:
    """The lines of each statement, and of the whole."""
    text = module.read_text("utf-8")
    found = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt)]
    return [range(one.lineno, (one.end_lineno or one.lineno) + 1) for one in found] + [range(1, text.count("\n") + 2)]


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
class _Quickest:
    """A plugin of pytest that runs quick tests, first those that killed other mutants, and remembers what failed."""

    killers: Sequence[str]
    quick: frozenset[str] | None
    """All where None."""
    verdict: str = SURVIVED

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """The last killer first."""
        rank = {nodeid: number for number, nodeid in enumerate(self.killers, start=1)}
        items.sort(key=lambda item: -rank.get(item.nodeid, 0))
        items[:] = [item for item in items if self.quick is None or item.nodeid in self.quick or item.nodeid in rank]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that failed."""
        if report.failed and self.verdict == SURVIVED:
            self.verdict = report.nodeid


def _import(module: Path, text: str, tests: Sequence[str], plugin: _Quickest) -> str:
    _quickly()
    sys.meta_path.insert(0, _Finder(module, text))
    code = pytest.main([*_OPTIONS, *tests], plugins=[plugin])
    return plugin.verdict if plugin.verdict != SURVIVED or code == 0 else "an import"
