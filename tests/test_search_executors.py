"""Executors: wherever the shares of a search are worked on, it finds the same."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import suppress

import pytest
from search_space import FIXED, SPACE

from llmplan.errors import BadInputError
from llmplan.search import TrainingSpace, search
from llmplan.search.executors import ClusterLostError, executor_of, in_order, workers_of

OPTIONS = {"objective": "cost", "pareto": "time,memory", "top": 5}


def seen(result):
    """All that a search says, but for how long it took."""
    counts = result.counts
    return (
        [(one.plan.layout.gpus, one.plan.layout.tp, one.plan.layout.pp, one.cost, one.memory_bytes_per_gpu)
         for one in (*result.best, *result.pareto)],
        counts.legal, counts.priced, counts.pruned, counts.infeasible_by, counts.pruned_by, counts.illegal_by,
        {name: column.tolist() for name, column in result.columns.items()},
    )  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def _many():
    """The space counts as one of many plans, of which those are pruned that cannot win."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("llmplan.search.run._FEW", 0)
        yield


@pytest.fixture(scope="module")
def here():
    """What is found without an executor."""
    return seen(search(TrainingSpace(**FIXED, **SPACE), **OPTIONS))


@pytest.mark.parametrize("name", ["threads", "processes"])
def test_an_executor_changes_nothing(here, name):
    """If it fails, what a search finds depends on where it runs."""
    with executor_of(name, 2) as executor:
        assert seen(search(TrainingSpace(**FIXED, **SPACE), executor=executor, **OPTIONS)) == here


def test_an_executor_counts_what_is_illegal_as_one_core_does():
    """If it fails, micro-batches that are left open are counted by how the space happens to be cut."""
    wide = {**SPACE, "gpus": [8, 16, 32], "micro_batch": None}
    with executor_of("threads", 2) as executor:
        cut = search(TrainingSpace(**FIXED, **wide), executor=executor)
    whole = search(TrainingSpace(**FIXED, **wide))
    assert (cut.counts.illegal_by, cut.counts.legal) == (whole.counts.illegal_by, whole.counts.legal)


def slowly(number, folder):
    """Work that leaves a mark for each time that it is done."""
    (folder / f"{number}.{os.getpid()}.{time.monotonic_ns()}").touch()
    time.sleep(0.05)
    return number * number


def deadly(number, _folder):
    """The same, but the third task kills the process that does it, unless that is the one that asked."""
    if number == 2 and os.getpid() != ASKED:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


ASKED = os.getpid()


def test_a_process_that_is_killed_loses_no_task(tmp_path):
    """If it fails, a worker that the kernel kills for its memory takes its plans with it."""
    with ProcessPoolExecutor(2) as executor:
        done = [result for _, result in in_order(executor, deadly, [(n, tmp_path) for n in range(30)])]
    assert done == [n * n for n in range(30)]


def test_results_come_in_the_order_of_tasks_and_tasks_are_not_all_submitted(tmp_path):
    """If it fails, ties break by who was quicker, or the whole space is held in a queue."""
    taken = []

    def tasks():
        for number in range(100):
            taken.append(number)
            yield number, tmp_path

    with ThreadPoolExecutor(2) as executor:
        results = in_order(executor, slowly, tasks())
        assert [next(results)[1] for _ in range(3)] == [0, 1, 4]
        results.close()
        assert len(taken) < 15


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("abacus",), "executor: 'abacus' is unknown; llmplan list executors shows what there is"),
        (("threads", 2, "tcp://x:1"), "scheduler: tcp://x:1 needs --executor dask"),
    ],
)
def test_what_is_no_executor_is_refused(options, message):
    """If it fails, a slip runs the search on one core without a word."""
    with pytest.raises(BadInputError) as caught, executor_of(*options):
        pass
    assert str(caught.value) == message


# Dask


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A scheduler and two workers, each a process of its own: its address, the workers, and the scheduler."""
    pytest.importorskip("distributed")
    about = tmp_path_factory.mktemp("dask") / "scheduler.json"
    common = ("--scheduler-file", str(about), "--no-dashboard")
    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0", *common)
    workers = [start("worker", "--nthreads", "1", "--no-nanny", *common) for _ in range(2)]
    try:
        wait_for(lambda: written(about))
        yield json.loads(about.read_text("utf-8"))["address"], workers, scheduler
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def written(path):
    """Whether a scheduler has said all of where it is."""
    with suppress(OSError, ValueError):
        return json.loads(path.read_text("utf-8"))
    return None


def start(what, *options):
    """A process of Dask's own command line."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{what}", *options]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wait_for(ready):
    """At most a minute and a half: the machine may be busy."""
    end = time.monotonic() + 90
    while not ready():
        assert time.monotonic() < end
        time.sleep(0.05)


def killing(process):
    """What a search tells of its progress, and what it gets for it."""

    def kill(_progress):
        process.kill()
        process.wait()

    return kill


@pytest.mark.filterwarnings("ignore")
def test_dask_finds_the_same_until_nobody_is_left_and_then_says_so(here, cluster, monkeypatch):
    """If it fails, several machines find another plan than one, a node that dies takes its plans with it, or a search
    waits for ever for a cluster that is gone, and what it had found is lost.
    """
    impatient = {"distributed.comm.timeouts.connect": "1s"}
    monkeypatch.setattr("llmplan_executors.dask_cluster._LOOK_SECONDS", 0.1)
    monkeypatch.setattr("llmplan_executors.dask_cluster._ALONE_SECONDS", 0.5)
    from dask import config as dask_config

    address, workers, scheduler = cluster
    with dask_config.set(impatient), executor_of("dask", scheduler=address) as executor:

        def searched(**how):
            return search(TrainingSpace(**FIXED, **SPACE), executor=executor, **OPTIONS, **how)

        wait_for(lambda: workers_of(executor) == 2)
        assert seen(searched()) == here
        assert seen(searched(watch=killing(workers[0]), chunk=200)) == here
        assert workers_of(executor) == 1
        alone = searched(watch=killing(workers[1]), interruptible=True)
        assert (alone.complete, alone.lost, bool(alone.best)) == (False, "the Dask cluster has no worker", True)
        monkeypatch.setattr("llmplan_executors.dask_cluster._PATIENCE", "1s")
        killing(scheduler)(None)
        with pytest.raises(ClusterLostError, match="the Dask scheduler is gone"):
            searched()


@pytest.mark.filterwarnings("ignore")
def test_a_scheduler_that_does_not_answer_is_said(monkeypatch):
    """If it fails, a wrong address waits for ever or ends in a traceback."""
    pytest.importorskip("distributed")
    monkeypatch.setattr("llmplan_executors.dask_cluster._PATIENCE", "100ms")
    with pytest.raises(BadInputError, match=r"scheduler: tcp://127.0.0.1:9: no Dask scheduler answers"):
        executor_of("dask", scheduler="tcp://127.0.0.1:9").__enter__()
