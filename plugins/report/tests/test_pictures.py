"""Pictures of plans, comparisons, searches and validation sets: what there is to see, and the same bytes each time."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace

import pytest
from attrs import evolve

import llmplan_report.plugin
from llmplan import compare, infer, registry, train
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan.output.files import exporter_of, painter_of
from llmplan.search import InferenceSpace, TrainingSpace, search
from llmplan.testing import check_plugin
from llmplan_report.lines import marks
from llmplan_report.plugin import KINDS
from llmplan_report.tornado import swings

NAMES = {"model": "llama-7b", "gpu": "a100-sxm-80gb"}
LAYOUT = {"tp": 2, "pp": 4, "global_batch": 64, "micro_batch": 1}
PLANS = {
    "train": train(**NAMES, gpus=8, **LAYOUT),
    "infer": infer(**NAMES, tp=1, pp=1),
    "server": infer(**NAMES, tp=1, pp=1, rate="1/s", requests=50),
}
OF_ONE = {
    "train": {"stacked", "memory", "phases", "roofline", "gantt", "tornado"},
    "infer": {"stacked", "memory", "phases", "roofline", "tornado"},
    "server": {"stacked", "memory", "phases", "roofline", "load"},
}
"""Kinds that one plan can be drawn as."""


def words(contents):
    """Texts of a picture: letters are shapes, and what they say stands beside them."""
    return {text.replace("&gt;", ">") for text in re.findall(r"<!-- (.*?) -->", contents.decode())}


def drawn(plan, kind=""):
    """A picture of a plan."""
    return exporter_of(f"{kind}:plan.svg" if kind else "plan.svg").export(plan)


def test_the_plugin_keeps_the_contract(monkeypatch):
    """If it fails, what third parties are held to does not hold for ours."""
    monkeypatch.setattr(llmplan_report.plugin, "_SUFFIXES", (".svg",))  # others hold the same, and take three times it
    monkeypatch.setattr("llmplan_report.page._drawn", lambda *_: [])  # the same pictures again, read in test_page.py
    check_plugin(llmplan_report.plugin)


@pytest.mark.parametrize("kind", PLANS)
def test_a_plan_shows_where_time_and_memory_go(kind):
    """If it fails, a line of a breakdown is missing from the picture of a plan."""
    estimate = PLANS[kind]
    picture = drawn(estimate)
    times = [estimate.time_breakdown] if kind == "train" else [estimate.prefill_breakdown, estimate.decode_breakdown]
    for breakdown in (*times, estimate.memory_breakdown):
        assert {line.words for line, value in breakdown.items() if value > 0} <= words(picture)
    kinds = {line.kind.value for lines in times for line, value in lines.items() if value > 0}
    assert {"memory traffic" if kind == "memory" else kind for kind in kinds} <= words(picture)
    assert drawn(estimate) == picture


@pytest.mark.parametrize(("plan", "kind"), [(plan, kind) for plan in PLANS for kind in KINDS if kind])
def test_each_kind_is_drawn_or_refused_in_words(plan, kind):
    """If it fails, a kind of picture breaks on a plan, or draws one that says nothing about it."""
    if kind in OF_ONE[plan]:
        assert PLANS[plan].plan.model.name in " ".join(words(drawn(PLANS[plan], kind)))
    else:
        with pytest.raises(BadInputError, match=r"^picture: .* of "):
            drawn(PLANS[plan], kind)


def test_stacked_bars_show_capacity_and_what_does_not_fit():
    """If it fails, one buys GPUs for a plan whose bar ends beyond their memory, or misses that it was not priced."""
    compared = compare(train, model="llama-65b", gpu=["a100-sxm-80gb", "a100-sxm-40gb"], gpus=8, tp=8, pp=1, dp=1,
                       micro_batch=1, global_batch=8, zero=0, recompute="none", dtype=["w16a16e16", "fp8"])  # fmt: skip
    said = words(exporter_of("stacked:a.svg").export_comparison(compared))
    assert any("does not fit" in text for text in said)
    assert "capacity" in said
    assert "a100-sxm-80gb · fp8 · not priced" in said


def test_what_varies_without_numbers_is_stacked_and_with_numbers_a_line():
    """If it fails, a comparison of GPUs gets lines between them, or one over batches gets bars."""
    over_gpus = compare(infer, model="llama-7b", gpu=["a100-sxm-80gb", "h100-sxm-80gb"], tp=1, pp=1)
    over_batches = compare(infer, **NAMES, tp=1, pp=1, batch=[1, 64])
    assert "a decode step" in words(exporter_of("a.svg").export_comparison(over_gpus))
    assert "first token, ms" in words(exporter_of("a.svg").export_comparison(over_batches))
    assert "first token, ms" in words(exporter_of("figures:a.svg").export_comparison(over_gpus))


def test_where_the_layout_changes_along_an_axis_is_marked():
    """If it fails, a kink in a line looks like the model's behaviour, and is another layout."""
    kinked = compare(infer, model="llama-3.1-70b", gpu="h100-sxm-80gb", pp=1, batch=[1, 64])
    straight = compare(infer, model="llama-3.1-70b", gpu="h100-sxm-80gb", tp=4, pp=1, batch=[1, 64])
    assert "layout changes here" in words(exporter_of("figures:a.svg").export_comparison(kinked))
    assert "layout changes here" not in words(exporter_of("figures:a.svg").export_comparison(straight))


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_picture_is_of_the_kind_of_its_ending(suffix, start):
    """If it fails, a picture is of another kind than its name says."""
    compared = compare(infer, **NAMES, batch=[1, 2])
    assert exporter_of(f"a.{suffix}").export_comparison(compared).startswith(start)


def test_best_training_plans_stand_side_by_side():
    """If it fails, the picture of a search for training shows another plan than the table, or none."""
    found = search(TrainingSpace(**NAMES, gpus=8, tp=[1, 2], pp=1, cp=1), top=3)
    said = words(exporter_of("a.svg").export_search(found))
    assert "one iteration" in said
    assert sum(text.startswith("#") for text in said) == len(found.best)
    assert "the best" in " ".join(words(exporter_of("gantt:a.svg").export_search(found)))


def test_the_frontier_of_servers_has_the_best_plan_and_the_limits():
    """If it fails, the picture lacks what was asked for."""
    space = InferenceSpace(**NAMES, tp=[1, 2], pp=1, max_sequences=8, requests=0)
    found = search(space, keep=True, tpot=0.05)
    said = words(exporter_of("a.svg").export_search(found))
    assert {"frontier", "tpot asked for", "output tokens/s a GPU"} <= said


def test_the_tornado_has_the_longest_swing_on_top_and_faster_hardware_is_faster():
    """If it fails, the picture names another number as the one that matters, or its colours are swapped."""
    found = swings(PLANS["train"])
    assert [one.reach for one in found] == sorted((one.reach for one in found), reverse=True)
    by_name = {one.name: one for one in found}
    assert by_name["peak FLOP/s"].higher < by_name["peak FLOP/s"].lower
    assert by_name["tokens to train on"].higher / by_name["tokens to train on"].lower == pytest.approx(1.1 / 0.9)


def test_where_nothing_draws_it_is_said_what_would(monkeypatch):
    """If it fails, a plain installation gets a list of endings for --picture, not the way out."""

    class Bare:
        """No plugin but the core."""

        class exporters:  # noqa: N801 - stands for a catalogue
            """None of them draws."""

            @staticmethod
            def entries():
                """Nothing."""
                return []

    monkeypatch.setattr("llmplan.output.files.registry", Bare)
    with pytest.raises(BadInputError, match="no plugin draws any; python3 -m pip install"):
        painter_of("a.png")


def test_an_unknown_kind_is_refused_with_those_that_there_are():
    """If it fails, a slip of the pen writes another picture to a file with a strange name."""
    with pytest.raises(BadInputError, match=r"'gant:a.svg' names no kind of .svg that there is \(figures, gantt, "):
        painter_of("gant:a.svg")
    assert painter_of("./gant:a.svg").kind == ""


def test_the_command_writes_several_pictures_of_one_plan(tmp_path, capsys, monkeypatch):
    """If it fails, --picture of one plan writes nothing, takes its kind for part of the name, or hides a failure."""
    monkeypatch.chdir(tmp_path)
    command = ("infer", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--picture")
    assert main((*command, "plan.svg", "--picture", "roofline:roof.svg")) == 0
    assert "prefill" in " ".join(words((tmp_path / "plan.svg").read_bytes()))
    assert "FLOPs a byte of memory traffic" in words((tmp_path / "roof.svg").read_bytes())
    capsys.readouterr()
    assert main((*command, "none/plan.svg")) == 2
    assert capsys.readouterr().err.startswith("llmplan: picture: none/plan.svg: No such file or directory\n")


def test_published_figures_stand_beside_predicted_ones(tmp_path, capsys, monkeypatch):
    """If it fails, the picture of a validation set leaves out a metric, or its ranges."""
    published = registry().validation_sets["llama"]
    all_rows = list(published.rows())
    four = list(dict.fromkeys(row.metric for row in all_rows))[:4]  # a panel each, of nineteen
    few = evolve(published, rows=lambda: [row for row in all_rows if row.metric in four])
    monkeypatch.setattr("llmplan_validation.command.registry", lambda: SimpleNamespace(validation_sets={"llama": few}))
    assert main(("validate", "llama", "--picture", str(tmp_path / "a.svg"), "--json")) == 0
    metrics = {row["metric"] for row in json.loads(capsys.readouterr().out)["rows"]}
    said = " ".join(words((tmp_path / "a.svg").read_bytes()))
    assert len(metrics) == 4
    assert all(metric in said for metric in metrics)
    assert "as measured" in said


@pytest.mark.parametrize("in_powers", [False, True])
@pytest.mark.parametrize(
    "values", [[1, 2, 4], [*range(1, 41)], [*range(0, 400, 8)], [1, 2, 3, 500, 501, 502, *range(600, 640)]]
)
def test_numbers_of_an_axis_have_room(values, in_powers):
    """If it fails, forty numbers are printed over each other, and none can be read."""
    marked = marks(values, in_powers=in_powers and values[0] > 0)
    assert marked[0] == values[0]
    assert set(marked) <= set(values)
    assert len(marked) <= 13
    if len(values) <= 12:
        assert marked == values
