"""Sites at work: rates that are changed, what is shown, ranges, and the way through files."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from attrs import evolve

from llmplan import infer, registry, train
from llmplan.catalogues import SITES
from llmplan.catalogues.record_file import read_record
from llmplan.errors import BadInputError
from llmplan.output.document import document
from llmplan.request import TrainRequest
from llmplan.request.plan_file import read_plan
from llmplan.search import TrainingSpace, search
from llmplan_calibration import Factor, Fitted, MeasuredSite, Phases
from llmplan_calibration.at_site import AtSite, with_rates
from llmplan_calibration.site import RATES
from llmplan_calibration.site_file import site_text
from llmplan_kit.contracts import ContractError
from llmplan_kit.site_contract import check_run_reader, check_site

GPU = "h100-sxm-80gb"
PLAN = {
    "model": "llama-3.1-8b",
    "gpu": GPU,
    "tp": 2,
    "pp": 1,
    "dp": 8,
    "cp": 1,
    "zero": 1,
    "micro_batch": 1,
    "gradient_accumulation": 4,
    "recompute": "none",
    "offload": "none",
    "seq_len": 4096,
    "schedule": "1f1b",
    "sequence_parallel": True,
}
ASKED = {"model": "llama-3.1-8b", "gpu": GPU, "tp": 2, "prompt_tokens": 1000, "output_tokens": 100, "batch": 8}


def site_of(runs=5, shared=0.5, prior=0.1, left=0.1, phases=("train", "infer"), **factors):
    """A site whose rates are these, each known as well as `left` says."""
    known = {name: Factor(factor=factors.get(name, 1.0), uncertainty=left, prior=prior) for name in RATES}
    fitted = Fitted(runs=runs, shared=shared, **known)
    return MeasuredSite(name="hall", gpus={GPU: Phases(**dict.fromkeys(phases, fitted))})


def test_all_rates_of_half_take_twice_the_time():
    """If it fails, something that takes time has no factor: kernels of fixed latency aside, a plan is its rates."""
    slow = site_of(**dict.fromkeys(RATES, 0.5))
    assert train(**PLAN, site=slow).iteration_seconds == pytest.approx(2 * train(**PLAN).iteration_seconds, rel=0.01)


@pytest.mark.parametrize("rate", RATES)
def test_a_slower_rate_never_makes_a_run_faster(rate):
    """If it fails, a factor is put in upside down somewhere."""
    slow = site_of(**{rate: 0.7})
    assert train(**PLAN, site=slow).iteration_seconds >= train(**PLAN).iteration_seconds
    assert infer(**ASKED, site=slow).total_seconds >= infer(**ASKED).total_seconds


def test_utilisation_is_that_of_the_printed_peak():
    """If it fails, the MFU of a slow site looks like that of a fast one, since its peak shrinks with it."""
    here, there = train(**PLAN), train(**PLAN, site=site_of(compute=0.8))
    assert there.mfu / here.mfu == pytest.approx(here.iteration_seconds / there.iteration_seconds)
    assert there.plan.hardware is here.plan.hardware


def test_what_the_user_states_holds():
    """If it fails, a stated efficiency is changed behind the user's back."""
    stated = {**PLAN, "flops_efficiency": 0.5, "hbm_efficiency": 0.8}
    site = site_of(compute=0.5, memory=0.5)
    assert train(**stated, site=site).iteration_seconds == train(**stated).iteration_seconds
    assert train(**PLAN, mfu=0.4, site=site).iteration_seconds == train(**PLAN, mfu=0.4).iteration_seconds


def test_another_accelerator_or_phase_is_as_published_and_says_so():
    """If it fails, runs of one accelerator change another, of which they tell nothing."""
    only = site_of(compute=0.5, phases=("infer",))
    there = train(**PLAN, site=only)
    assert there.iteration_seconds == train(**PLAN).iteration_seconds
    assert "site hall: no training of h100-sxm-80gb was measured; published rates" in there.plan.assumptions


def test_ranges_narrow_as_what_is_known_grows():
    """If it fails, measuring earns nothing, or more than what the runs have in common."""
    published = train(**PLAN).time_spread
    nothing = train(**PLAN, site=site_of(left=0.1)).time_spread
    something = train(**PLAN, site=site_of(left=0.05)).time_spread
    everything = train(**PLAN, site=site_of(left=1e-6)).time_spread
    assert (nothing.low, nothing.high) == pytest.approx((published.low, published.high))
    assert published.high > something.high > everything.high > 1.0
    assert published.low < something.low < everything.low < 1.0
    memory = train(**PLAN, site=site_of(left=1e-6)).memory_spread
    assert memory.high == train(**PLAN).memory_spread.high


def test_a_search_prunes_nothing_that_a_site_makes_the_best():
    """If it fails, ranges of bounds are wider than those of the plans that they stand for, and the best one is lost."""
    space = {"model": "llama-3.1-8b", "gpu": GPU, "gpus": 16, "site": site_of(left=0.02, compute=0.9, scale_out=0.5)}
    pruned = search(TrainingSpace(**space), top=3)
    whole = search(TrainingSpace(**space), top=3, prune=False)
    assert [one.iteration_seconds for one in pruned.best] == [one.iteration_seconds for one in whole.best]
    assert pruned.best[0].training_seconds_at_confidence == whole.best[0].training_seconds_at_confidence


def test_a_result_carries_its_site_and_gives_the_same_again(tmp_path):
    """If it fails, a result cannot be checked where the file of the site is not."""
    path, result = tmp_path / "hall.toml", tmp_path / "result.json"
    path.write_text(site_text(site_of(compute=0.93, left=0.03)))
    estimate = train(**PLAN, site=str(path))
    result.write_text(json.dumps(document(estimate)))
    path.unlink()
    again = train(**read_plan(str(result), TrainRequest))
    assert again.iteration_seconds == estimate.iteration_seconds
    assert again.time_spread.high == estimate.time_spread.high
    assert document(estimate)["site"] == "hall"


def test_a_site_is_written_as_it_is_read(tmp_path):
    """If it fails, what was calibrated is lost on its way through the file."""
    path = tmp_path / "hall.toml"
    path.write_text(site_text(site_of(compute=0.93)))
    again = read_record(str(path), SITES)
    assert site_text(again) == path.read_text()
    assert again.gpus[GPU].train.compute.factor == 0.93


def test_a_wrong_file_is_one_line_with_its_place(tmp_path):
    """If it fails, who edits a site by hand is not told where it is wrong."""
    path = tmp_path / "hall.toml"
    path.write_text('name = "hall"\n[gpus.h100-sxm-80gb.train]\nruns = 1\nshared = 0.5\ncompute = { factor = -1 }\n')
    with pytest.raises(BadInputError, match=r"hall.toml: line \d+: .*factor: -1"):
        train(**PLAN, site=str(path))


def test_records_are_changed_once_for_many_plans():
    """If it fails, a cost model that keeps what it makes of an accelerator makes it anew for each chunk of a search."""
    plan = train(**PLAN).plan
    at = AtSite(None, site_of(compute=0.9))
    assert at.at(plan).hardware is at.at(evolve(plan, tokens=1e9)).hardware


def test_published_rates_change_nothing():
    """If it fails, a site of which nothing is known prices otherwise than no site."""
    plan = train(**PLAN).plan
    assert with_rates(plan, (1.0,) * len(RATES)) is plan


class Elsewhere:
    """A site of somebody else's, which sees to the cost model by itself."""

    name = "elsewhere"

    def at(self, cost_model):
        """As it is."""
        return cost_model

    def said(self, _hardware, _phase):
        """In words."""
        return "as published"


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ({"said": lambda *_: None}, "said: returned None"),
        ({"at": lambda *_: SimpleNamespace(train=lambda _: 1 / 0)}, "at: prices no plan: ZeroDivisionError"),
    ],
)
def test_the_contract_finds_a_broken_site(broken, why):
    """If it fails, a plugin author learns of a mistake from users."""
    estimates = [train(**PLAN)]
    check_site(Elsewhere(), estimates)
    site = Elsewhere()
    for name, wrong in broken.items():
        setattr(site, name, wrong)
    with pytest.raises(ContractError, match=why):
        check_site(site, estimates)


def test_the_contract_finds_a_reader_that_takes_everything():
    """If it fails, a plugin claims the logs of all others."""
    for reader in registry().run_readers.values():
        check_run_reader(reader)
    greedy = SimpleNamespace(name="greedy", description="", rows=print, recognises=lambda _: True)
    with pytest.raises(ContractError, match="recognises an empty file"):
        check_run_reader(greedy)
