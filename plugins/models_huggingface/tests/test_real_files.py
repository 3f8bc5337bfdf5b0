"""Every config.json that is at hand, real or cut down (configs/SOURCES.csv says which, and where each is from)."""

import csv
from functools import cache
from pathlib import Path

import pytest

from llmplan import infer, registry, train
from llmplan.catalogues import MODELS
from llmplan.catalogues.record_file import read_record
from llmplan.errors import BadInputError
from llmplan.testing import check_model
from llmplan_listing.record_text import record_text
from llmplan_models_huggingface.checkpoint import model_of


def rows(table):
    """Of a CSV beside this module."""
    return list(csv.DictReader((Path(__file__).parent / table).read_text("utf-8").splitlines()))


CONFIGS = Path(__file__).parent / "configs"
FILES = sorted(path.name for path in CONFIGS.glob("*.json"))
PARAMETERS = rows("parameters.csv")
REFUSED = {row["file"]: row["field"] for row in rows("refused.csv")}
PLAN = {"gpu": "b200-sxm", "tp": 1, "pp": 1, "dp": 8}
TRAIN = {"seq_len": 512, "micro_batch": 1, "gradient_accumulation": 1, "tokens": 1e9, "recompute": "full", "zero": 1}


@cache
def of(file):
    """The model of a file."""
    return model_of(CONFIGS / file, Path(file).stem.split("--")[1], assume=False)


@pytest.mark.parametrize("row", PARAMETERS, ids=lambda row: row["file"])
def test_parameters_are_those_of_the_checkpoint(row):
    """If it fails, a field of this family is misread."""
    assert sum(of(row["file"]).parameters_by_part().values()) == int(row["parameters"])


@pytest.mark.parametrize("file", [file for file in FILES if file not in REFUSED])
def test_a_model_keeps_the_contract(file):
    """If it fails, the operators of a model and its parameters disagree, or it cannot be priced by arrays."""
    check_model(of(file))


@pytest.mark.parametrize("file", [file for file in FILES if file not in REFUSED])
def test_a_model_is_priced(file):
    """If it fails, a user's model is read, and then breaks the cost model."""
    model = of(file)
    assert train(model=model, **PLAN, **TRAIN).iteration_seconds > 0
    if getattr(model, "generates", True):
        assert infer(model=model, **PLAN, batch=1).decode_seconds_per_token > 0
        return
    with pytest.raises(BadInputError, match="is an encoder"):
        infer(model=model, **PLAN, batch=1)


@pytest.mark.parametrize("file", REFUSED)
def test_what_is_not_priced_is_refused_with_the_field(file):
    """If it fails, a model is silently priced as something else, or the user does not learn what is missing."""
    with pytest.raises(BadInputError) as refusal:
        of(file)
    assert str(refusal.value).startswith(f"model: {CONFIGS / file}: {REFUSED[file]}: ")


REGISTERED = {
    file: name
    for file in FILES
    if (name := Path(file).stem.replace("--", "/")) in registry().models and file not in REFUSED
}


@pytest.mark.parametrize("file", REGISTERED)
def test_a_model_that_is_registered_is_the_same_in_its_file(file):
    """If it fails, a shipped model and the configuration of its checkpoint disagree."""
    mine, theirs = of(file), registry().models[REGISTERED[file]]
    assert sum(mine.parameters_by_part().values()) == sum(theirs.parameters_by_part().values())
    assert mine.kv_cache(2, 100_000).elements == theirs.kv_cache(2, 100_000).elements
    assert mine.lower(2, 4096).flops == pytest.approx(theirs.lower(2, 4096).flops, rel=1e-12)


def test_shipped_models_are_found_by_their_ids():
    """If it fails, the test above compares nothing."""
    assert len(REGISTERED) >= 15


@pytest.mark.parametrize("file", [file for file in FILES if file not in REFUSED])
def test_a_model_is_the_same_in_toml(file, tmp_path):
    """If it fails, llmplan show config.json --toml prints another model than it read."""
    model = of(file)
    path = tmp_path / f"{model.name}.toml"
    path.write_text(record_text(MODELS, model), encoding="utf-8")
    again = read_record(str(path), MODELS)
    assert again.parameters_by_part() == model.parameters_by_part()
    assert again.kv_cache(2, 100_000).elements == model.kv_cache(2, 100_000).elements
    assert again.lower(2, 4096).flops == pytest.approx(model.lower(2, 4096).flops, rel=1e-12)
    assert again.stored == model.stored
