"""Pictures: of one plan, a comparison, both searches; what there is to see in them, and the same bytes each time."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

import llmplan_report.plugin
from llmplan import compare, infer, train
from llmplan.cli.main import main
from llmplan.errors import BadInputError
from llmplan.output.files import exporter_of, painter_of
from llmplan.search import InferenceSpace, TrainingSpace, search
from llmplan.testing import check_plugin

SVG = "{http://www.w3.org/2000/svg}"
NAMES = {"model": "llama-7b", "gpu": "a100-sxm-80gb"}
PLANS = {
    "train": train(**NAMES, gpus=8),
    "infer": infer(**NAMES),
    "server": infer(**NAMES, rate="1/s", requests=50),
}


def words(contents):
    """Texts of a picture."""
    return {text.text for text in ET.fromstring(contents).iter(f"{SVG}text")}


def test_the_plugin_keeps_the_contract():
    """If it fails, what third parties are held to does not hold for ours."""
    check_plugin(llmplan_report.plugin)


@pytest.mark.parametrize("kind", PLANS)
def test_a_plan_shows_where_time_and_memory_go(kind):
    """If it fails, a line of a breakdown is missing from the picture of a plan."""
    estimate = PLANS[kind]
    picture = exporter_of("plan.svg").export(estimate)
    times = [estimate.time_breakdown] if kind == "train" else [estimate.prefill_breakdown, estimate.decode_breakdown]
    for breakdown in (*times, estimate.memory_breakdown):
        assert {str(line) for line, value in breakdown.items() if value > 0} <= words(picture)
    assert {line.kind.value for lines in times for line, value in lines.items() if value > 0} <= words(picture)
    assert exporter_of("plan.svg").export(estimate) == picture


@pytest.mark.parametrize(("suffix", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_picture_is_of_the_kind_of_its_ending(suffix, start):
    """If it fails, a picture is of another kind than its name says."""
    compared = compare(infer, **NAMES, batch=[1, 2])
    assert exporter_of(f"a.{suffix}").export_comparison(compared).startswith(start)


def test_best_training_plans_stand_side_by_side():
    """If it fails, the picture of a search for training shows another plan than the table, or none."""
    found = search(TrainingSpace(**NAMES, gpus=8, tp=[1, 2], pp=1, cp=1), top=3)
    drawn = words(exporter_of("a.svg").export_search(found))
    assert "training, days" in drawn
    assert sum("ZeRO" in (text or "") for text in drawn) >= len({estimate.plan.layout for estimate in found.best}) - 1


def test_the_frontier_of_servers_has_the_best_plan_and_the_limits():
    """If it fails, the picture lacks what was asked for."""
    space = InferenceSpace(**NAMES, tp=[1, 2], pp=1, max_sequences=8, requests=0)
    found = search(space, keep=True, tpot=0.05)
    drawn = words(exporter_of("a.svg").export_search(found))
    assert {"frontier", "tpot asked for", "output tokens/s a GPU"} <= drawn


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
    with pytest.raises(BadInputError, match=r"no plugin draws any; pip install 'llmplan-report\[picture\]' brings one"):
        painter_of("a.png")


def test_single_plans_are_drawn_by_the_command_too(tmp_path, capsys):
    """If it fails, --picture of one plan writes nothing, or names another option where it cannot."""
    path = tmp_path / "plan.svg"
    command = ("infer", "--model", "llama-7b", "--gpu", "a100-sxm-80gb", "--picture")
    assert main((*command, str(path))) == 0
    assert b"prefill" in path.read_bytes()
    capsys.readouterr()
    assert main((*command, str(tmp_path / "none" / "plan.svg"))) == 2
    assert capsys.readouterr().err == f"llmplan: picture: {tmp_path}/none/plan.svg: No such file or directory\n"
