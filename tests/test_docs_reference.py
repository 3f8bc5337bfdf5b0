"""docs/reference.md names every key that goes in or comes out, and no other."""

import json
import re
from functools import cache
from pathlib import Path

import pytest
from attrs import fields_dict

from llmplan import compare, infer, registry, train
from llmplan.catalogues.cluster_file import ClusterFile, LevelFile
from llmplan.catalogues.hardware_file import HardwareFile
from llmplan.output.document import document
from llmplan.search import InferenceSpace, TrainingSpace, search
from llmplan_calibration import Fitted, MeasuredSite
from llmplan_layers import LatentAttention, MixtureOfExperts, Transformer
from llmplan_layers.kind_file import kind_file
from llmplan_layers.layered_file import form
from llmplan_validation import validate

PAGE = (Path(__file__).parents[1] / "docs" / "reference.md").read_text(encoding="utf-8")
NAMES = {"model": "llama-7b", "gpu": "a100-sxm-80gb"}
PRINTED = {
    "train": lambda: train(**NAMES, gpus=8),
    "infer": lambda: infer(**NAMES),
    "server": lambda: infer(**NAMES, rate="1/s", requests=50),
    "comparison": lambda: compare(infer, model="llama-7b", gpu="l40s", batch=[1, 2]),
    "search train": lambda: search(TrainingSpace(**NAMES, gpus=8, tp=[1, 2], pp=1, cp=1)),
    "search infer": lambda: search(InferenceSpace(**NAMES, tp=1, pp=1, max_sequences=4, requests=0)),
}


@cache
def printed(what):
    """The JSON of a command."""
    return document(PRINTED[what]())


def documented(heading):
    """The keys in the first column of the section's table."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (.*?) \|", section, re.MULTILINE)[2:]
    return [key for row in rows for key in re.findall(r"`(\w+)`", row)]


def documented_inside(heading, key):
    """The keys in the second column beside a key."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    row = next(line for line in section.split("\n") if line.startswith(f"| `{key}`"))
    return set(re.findall(r"`(\w+)`", row.split("|")[2]))


@pytest.mark.parametrize(
    ("heading", "keys"),
    [
        ("JSON of `llmplan train`", lambda: printed("train")),
        ("JSON of `llmplan infer`", lambda: printed("infer")),
        ("JSON of a server", lambda: printed("server")["server"]),
        ("JSON of a comparison", lambda: printed("comparison")),
        ("JSON of `llmplan validate`", lambda: validate(registry().validation_sets["llama"]).document()),
        ("JSON of `llmplan search train`", lambda: printed("search train")),
        ("JSON of `llmplan search infer`", lambda: printed("search infer")),
        ("A model in TOML", {*fields_dict(Transformer), "source", "like"}),
        ("A model of layers in TOML", {*fields_dict(form().cls), "source"}),
        ("A kind of layer: `[kinds.NAME]`", fields_dict(kind_file(registry().layer_kinds.values()))),
        ("Experts: `[moe]` of a model", fields_dict(MixtureOfExperts)),
        ("Latent attention: `[mla]` of a model", fields_dict(LatentAttention)),
        ("A site in TOML", [*fields_dict(MeasuredSite), *fields_dict(Fitted)]),
        ("A cluster in TOML", [*fields_dict(ClusterFile), *fields_dict(LevelFile)]),
        ("An accelerator in TOML", {*fields_dict(HardwareFile), "source", "like"}),
    ],
)
def test_every_key_is_documented(heading, keys):
    """A script would read a key that is not there, or miss one that is."""
    assert sorted(documented(heading)) == sorted(keys() if callable(keys) else keys)


@pytest.mark.parametrize(
    ("heading", "command"), [("JSON of `llmplan train`", "train"), ("JSON of `llmplan infer`", "infer")]
)
def test_the_layout_is_documented(heading, command):
    """A script would look for a parallel size under another name."""
    assert documented_inside(heading, "layout") == printed(command)["layout"].keys()


def test_a_server_has_the_keys_of_inference():
    """A script that reads latencies would have to know which it is."""
    assert printed("server").keys() == printed("infer").keys()


def test_the_frontier_of_servers_is_documented():
    """A script would look for a figure of a point under another name."""
    section = PAGE.split("\n## JSON of `llmplan search infer`\n")[1].split("\n## ")[0]
    said = re.findall(r"`(\w+)`", section)
    assert printed("search infer")["pareto"][0].keys() <= set(said)


@pytest.mark.parametrize("key", ["load", "batching", "capacity", "closed_form", "simulated"])
def test_what_is_inside_a_server_is_documented(key):
    """A script would look for a figure under another name."""
    said = documented_inside("JSON of a server", key) | {"mean_prompt_tokens", "mean_output_tokens"}
    assert printed("server")["server"][key].keys() <= said


def test_what_is_printed_is_plain_json():
    """A figure would be NaN or infinite, which JSON has no word for."""
    json.dumps([printed(what) for what in PRINTED], allow_nan=False)
