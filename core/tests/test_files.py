"""Plans, models and accelerators in TOML, and files that are written whole or not at all."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest
from attrs import asdict
from hypothesis import given, settings, strategies as st

from llmplan.catalogues import COST_MODELS, DTYPES, GPUS, MODELS
from llmplan.catalogues.record_file import read_record
from llmplan.catalogues.toml_source import TomlSource
from llmplan.errors import BadInputError
from llmplan.output.files import write_whole
from llmplan.records import HardwareProfile, Recompute
from llmplan.records.cluster import is_plain
from llmplan.records.hardware import LINKS
from llmplan.request import InferRequest, TrainRequest
from llmplan.request.plan_file import read_plan
from llmplan_layers import Transformer

MODEL = {
    "name": "mini", "layers": 4, "hidden": 64, "heads": 4, "ffn_hidden": 256, "gated_mlp": True, "vocab": 1000,
}  # fmt: skip
FULL_MODEL = MODEL | {
    "family": "minis", "kv_heads": 2, "head_dim": 32, "max_seq_len": 512, "tied_embeddings": True, "norm": "layer",
    "position": "learned", "training_seq_len": 256, "training_tokens": 1e9, "source": "a paper", "note": "a note",
    "norm_bias": False, "norms_per_layer": 4, "qk_norm": "head", "embedding_norm": True, "final_norm": False,
    "qkv_bias": True, "o_bias": True, "mlp_bias": True, "lm_head_bias": True, "attention_sinks": True,
    "parallel_attn_mlp": True, "learned_pos_rows": 514, "sliding_window": 128, "full_attention_step": 2,
    "mtp_layers": 1,
}  # fmt: skip
GPU = {
    "name": "mini-gpu", "memory_gib": 80, "memory_bandwidth_gb_per_s": 2000, "fp16_tflops": 312,
    "scaleup_bandwidth_gb_per_s": 300,
}  # fmt: skip
FULL_GPU = GPU | {
    "vendor": "Mini", "architecture": "small", "fp32_tflops": 19.5, "tf32_tflops": 156, "bf16_tflops": 311,
    "fp8_tflops": 624, "fp4_tflops": 1250, "int8_tops": 625, "int4_tops": 1248, "scaleup_link": "MiniLink",
    "scaleup_domain_size": 8, "scaleout_nic_gbits_per_gpu": 200, "pcie_bandwidth_gb_per_s": 32, "tdp_w": 400,
    "launch_year": 2020, "l2_mb": 40, "sm_count": 108, "boost_clock_mhz": 1410,
    "reserved_gib": 0.5, "fp16_sum_rate": 2, "source": "a datasheet", "confidence": "high", "note": "a note",
}  # fmt: skip
NUMBERS = (
    "memory_bytes", "memory_bytes_per_second", "scale_up_bytes_per_second", "scale_up_domain",
    "scale_out_bytes_per_second", "host_bytes_per_second", "tdp_watts", "l2_bytes", "sm_count", "launch_year",
    "clock_hertz", "reserved_bytes", "fp16_sum_rate",
)  # fmt: skip
"""Of an accelerator in SI, beside its rates."""
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\x7f", exclude_categories=("Cs", "Cc")), max_size=20)


def toml(values: dict, header: str = "") -> str:
    """Values as TOML, one line a key. JSON writes strings, numbers and booleans the way TOML does."""
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in values.items()]
    return "\n".join([*([f"[{header}]"] if header else []), *lines, ""])


@pytest.fixture
def write(tmp_path):
    """Writes a file, and says where."""

    def written(text: str | bytes, name: str = "file.toml") -> str:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return written


def refusal(read, *arguments: object) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(BadInputError) as caught:
        read(*arguments)
    message = str(caught.value)
    assert "\n" not in message
    return message


def names_in(folder: Path) -> list[str]:
    """The files of a folder."""
    return sorted(path.name for path in folder.iterdir())


# Models and accelerators


def test_a_model_of_the_fewest_keys(write):
    """If it fails, --model FILE.toml asks for more than a model needs, or fills the rest in wrongly."""
    model = read_record(write(toml(MODEL)), MODELS)
    assert isinstance(model, Transformer)
    assert (model.kv_heads, model.head_dim) == (4, 16)
    assert (model.tied_embeddings, model.norm, model.position) == (False, "rms", "rope")
    assert (model.max_seq_len, model.training_seq_len, model.training_tokens, model.sources) == (None, None, None, {})
    assert sum(model.parameters_by_part().values()) == 2 * 64_000 + 4 * (4 * 64 * 64 + 3 * 64 * 256 + 2 * 64) + 64


def test_a_model_of_all_keys(write):
    """If it fails, a key of --model FILE.toml is dropped on the way."""
    model = asdict(read_record(write(toml(FULL_MODEL)), MODELS))
    words = {"name", "family", "note", "source"}
    assert model.pop("sources") == dict.fromkeys(set(FULL_MODEL) - words, "a paper")
    assert (model.pop("moe"), model.pop("mla"), model.pop("aliases")) == (None, None, ())
    assert (model.pop("stored"), model.pop("assumed"), model.pop("beside")) == (None, (), {})
    assert model == {key: value for key, value in FULL_MODEL.items() if key != "source"}


def test_an_accelerator_of_the_fewest_keys(write):
    """If it fails, --gpu FILE.toml asks for more than an accelerator needs, or fills the rest in wrongly."""
    gpu = read_record(write(toml(GPU)), GPUS)
    assert isinstance(gpu, HardwareProfile)
    assert gpu.peak_flops == {"fp16": 312e12}
    assert gpu.scale_up_domain == 1
    assert gpu.scale_out_bytes_per_second is gpu.host_bytes_per_second is gpu.l2_bytes is gpu.efficiency is None


def test_an_accelerator_of_all_keys_in_si_units(write):
    """If it fails, GiB are taken for GB, Gbit for Gbyte, or a rate goes to another format."""
    record = read_record(write(toml(FULL_GPU)), GPUS)
    gpu = {**asdict(record), **{name: getattr(record, name) for name in LINKS}}
    assert is_plain(record.cluster)
    del gpu["cluster"]
    assert gpu == {
        "name": "mini-gpu",
        "vendor": "Mini",
        "architecture": "small",
        "memory_bytes": 80 * 1024**3,
        "memory_bytes_per_second": 2000e9,
        "peak_flops": {
            "fp32": 19.5e12, "tf32": 156e12, "fp16": 312e12, "bf16": 311e12, "fp8": 624e12, "fp4": 1250e12,
            "int8": 625e12, "int4": 1248e12,
        },
        "scale_up_link": "MiniLink",
        "scale_up_bytes_per_second": 300e9,
        "scale_up_domain": 8,
        "scale_out_bytes_per_second": 25e9,
        "host_bytes_per_second": 32e9,
        "context_line": "driver_context",
        "tdp_watts": 400,
        "l2_bytes": 40 * 2**20,
        "sm_count": 108,
        "clock_hertz": 1410e6,
        "reserved_bytes": 0.5 * 1024**3,
        "fp16_sum_rate": 2,
        "launch_year": 2020,
        "efficiency": None,
        "kernels": None,
        "aliases": (),
        "sources": dict.fromkeys((*NUMBERS, *(f"peak_flops.{name}" for name in gpu["peak_flops"])), "a datasheet"),
        "confidence": "high",
        "note": "a note",
    }  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(
    values=st.fixed_dictionaries(
        {
            "name": st.from_regex(r"[a-z0-9]+([.-][a-z0-9]+)*", fullmatch=True),
            "layers": st.integers(1, 200),
            "hidden": st.integers(1, 20_000),
            "heads": st.just(8),
            "head_dim": st.integers(1, 256),
            "ffn_hidden": st.integers(1, 60_000),
            "gated_mlp": st.booleans(),
            "vocab": st.integers(1, 300_000),
        },
        optional={
            "kv_heads": st.sampled_from([1, 2, 4, 8]),
            "tied_embeddings": st.booleans(),
            "max_seq_len": st.integers(1, 10**7),
            "training_tokens": st.floats(1, 1e15) | st.integers(1, 10**15),
            "family": TEXT,
            "note": TEXT,
        },
    )
)
def test_what_is_written_is_what_is_read(values, tmp_path_factory):
    """If it fails, a number, a flag or a text of a model file comes out as another."""
    path = tmp_path_factory.getbasetemp() / "round-trip.toml"
    path.write_text(toml(values), encoding="utf-8")
    model = asdict(read_record(str(path), MODELS))
    assert {key: model[key] for key in values} == values


@settings(max_examples=20, deadline=None)
@given(
    memory=st.floats(0.1, 1e4),
    rate=st.floats(0.1, 1e6) | st.integers(1, 10**6),
    gbits=st.floats(0.1, 1e5),
    domain=st.integers(1, 1024),
)
def test_what_is_written_of_an_accelerator_is_what_is_read(memory, rate, gbits, domain, tmp_path_factory):
    """If it fails, a unit of an accelerator file is off."""
    path = tmp_path_factory.getbasetemp() / "round-trip-gpu.toml"
    values = {
        "memory_gib": memory,
        "int8_tops": rate,
        "scaleout_nic_gbits_per_gpu": gbits,
        "scaleup_domain_size": domain,
    }
    path.write_text(toml(GPU | values), encoding="utf-8")
    gpu = read_record(str(path), GPUS)
    assert gpu.memory_bytes / 2**30 == pytest.approx(memory)
    assert gpu.peak_flops["int8"] / 1e12 == pytest.approx(rate)
    assert gpu.scale_out_bytes_per_second * 8 / 1e9 == pytest.approx(gbits)
    assert gpu.scale_up_domain == domain


@pytest.mark.parametrize(
    ("kind", "values", "key", "value", "words"),
    [
        (MODELS, MODEL, "layers", 8.5, "8.5 is not a whole number"),
        (MODELS, MODEL, "layers", "8", "'8' is not a whole number"),
        (MODELS, MODEL, "layers", True, "True is not a whole number"),
        (MODELS, MODEL, "layers", [8], "[8] is not a whole number"),
        (MODELS, MODEL, "gated_mlp", 1, "1 is not true or false"),
        (MODELS, MODEL, "gated_mlp", "yes", "'yes' is not true or false"),
        (MODELS, MODEL, "name", 7, "7 is not text in quotes"),
        (MODELS, FULL_MODEL, "kv_heads", "2", "'2' is not a whole number"),
        (MODELS, FULL_MODEL, "training_tokens", True, "True is not a number"),
        (MODELS, FULL_MODEL, "training_tokens", "1.4T", "'1.4T' is not a number"),
        (GPUS, GPU, "memory_gib", "80", "'80' is not a number"),
        (GPUS, GPU, "memory_gib", True, "True is not a number"),
        (GPUS, GPU, "fp16_tflops", "312", "'312' is not a number"),
        (GPUS, FULL_GPU, "scaleup_domain_size", 8.5, "8.5 is not a whole number"),
        (GPUS, FULL_GPU, "vendor", 3, "3 is not text in quotes"),
    ],
)
def test_a_value_of_the_wrong_type_is_named_with_its_line(write, kind, values, key, value, words):
    """If it fails, 8.5 layers become 8 silently, or the reader searches for the line that is wrong."""
    path = write(toml(values | {key: value}))
    line = list(values).index(key) + 1
    assert refusal(read_record, path, kind) == f"{path}: line {line}: {key}: {words}"


@pytest.mark.parametrize(
    ("kind", "values", "key", "value"),
    [
        (MODELS, MODEL, "layers", 0),
        (MODELS, MODEL, "hidden", -64),
        (MODELS, MODEL, "name", "My Model"),
        (MODELS, MODEL, "heads", 0),
        (MODELS, FULL_MODEL, "kv_heads", 3),
        (MODELS, FULL_MODEL, "norm", "batch"),
        (MODELS, FULL_MODEL, "norms_per_layer", 3),
        (MODELS, FULL_MODEL, "qk_norm", "all"),
        (MODELS, FULL_MODEL, "position", "rotary"),
        (MODELS, FULL_MODEL, "training_tokens", 0),
        (GPUS, GPU, "name", "Mini GPU"),
        (GPUS, GPU, "memory_gib", -80),
        (GPUS, GPU, "memory_bandwidth_gb_per_s", 0),
        (GPUS, GPU, "fp16_tflops", -1),
        (GPUS, GPU, "scaleup_bandwidth_gb_per_s", 0),
        (GPUS, FULL_GPU, "scaleup_domain_size", 0),
        (GPUS, FULL_GPU, "scaleout_nic_gbits_per_gpu", -200),
        (GPUS, FULL_GPU, "int8_tops", 0),
    ],
)
def test_a_value_out_of_range_is_named_with_its_line(write, kind, values, key, value):
    """If it fails, the message speaks of another name or number (bytes, an attribute) than stands in the file."""
    path = write(toml(values | {key: value}))
    line = list(values).index(key) + 1
    message = refusal(read_record, path, kind)
    assert message.startswith(f"{path}: line {line}: ")
    assert re.search(rf"\b{key}\b", message)
    assert str(value) in message


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(write, number):
    """If it fails, TOML's nan gets into a record."""
    text = toml(GPU).replace("memory_gib = 80", f"memory_gib = {number}")
    assert f"{number} is not a positive number" in refusal(read_record, write(text), GPUS)


@pytest.mark.parametrize(("kind", "values"), [(MODELS, MODEL), (GPUS, GPU)])
def test_every_missing_field_is_named(write, kind, values):
    """If it fails, somebody who writes a file finds the required fields one error at a time, or not at all."""
    optional = {"fp16_tflops", "name"}
    message = refusal(read_record, write("note = 'empty'\n"), kind)
    for key in set(values) - optional:
        assert f"{key}: missing" in message


def test_an_accelerator_without_any_rate_is_refused(write):
    """If it fails, an accelerator that cannot compute gets in."""
    message = refusal(read_record, write(toml({key: value for key, value in GPU.items() if "tflops" not in key})), GPUS)
    assert "no rate is given at all; one of fp32_tflops, " in message


def test_hidden_that_heads_do_not_divide_asks_for_head_dim(write):
    """If it fails, a head_dim that is rounded down is made up for the model."""
    path = write(toml(MODEL | {"heads": 3}))
    assert "head_dim: not given, and hidden is no multiple of heads" in refusal(read_record, path, MODELS)


@pytest.mark.parametrize(
    ("kind", "values", "wrong", "right"),
    [
        (MODELS, MODEL, "hidden_size", "hidden"),
        (MODELS, MODEL, "hedas", "heads"),
        (GPUS, GPU, "fp16_tflop", "fp16_tflops"),
        (GPUS, GPU, "memory_gb", "memory_gib"),
    ],
)
def test_an_unknown_field_is_named_with_its_line_and_the_nearest_that_exists(write, kind, values, wrong, right):
    """If it fails, a misspelt optional field is ignored and its default priced, or the message does not help."""
    path = write(toml(values | {wrong: 1}))
    line = len(values) + 1
    assert refusal(read_record, path, kind) == f"{path}: line {line}: {wrong}: not a field (did you mean {right}?)"


def test_a_field_like_no_other_gets_the_list(write):
    """If it fails, somebody who guesses a field learns nothing of those that there are."""
    message = refusal(read_record, write(toml(MODEL | {"zzz": 1})), MODELS)
    assert "zzz: not a field; there are name, family, layers, " in message


def test_all_that_is_wrong_is_said_at_once(write):
    """If it fails, a file with five mistakes takes five runs to mend."""
    message = refusal(
        read_record, write(toml(MODEL | {"layers": "8", "vocab": 1.5, "gated_mlp": "x", "zz1": 1})), MODELS
    )
    for key in ("layers", "vocab", "gated_mlp", "zz1"):
        assert f"{key}: " in message


@pytest.mark.parametrize("kind", [DTYPES, COST_MODELS])
def test_some_kinds_do_not_come_from_files(write, kind):
    """If it fails, --dtype FILE.toml crashes."""
    assert "only models, gpus, clusters, frameworks, engines, optimizers and sites can be given as files" in refusal(
        read_record, write(""), kind
    )


# Files that cannot be read


@pytest.mark.parametrize("read", [lambda path: read_record(path, MODELS), lambda path: read_plan(path, TrainRequest)])
def test_files_that_cannot_be_read_say_why(write, tmp_path, read):
    """If it fails, a wrong path ends in a traceback."""
    missing = str(tmp_path / "missing.toml")
    assert refusal(read, missing) == f"{missing}: No such file or directory"
    assert refusal(read, str(tmp_path)) == f"{tmp_path}: Is a directory"
    latin = write('note = "für"\n'.encode("latin-1"))
    assert refusal(read, latin) == f"{latin}: is not UTF-8 text"


@pytest.mark.parametrize(
    ("text", "line", "column", "field"),
    [
        ("gpus = 8\ntp = 8 8\n", 2, 8, "tp"),
        ("gpus = 8\ntp = \n", 2, 6, "tp"),
        ("gpus = 8\n  tp = eight\n", 2, 8, "tp"),
        ("gpus = 8\r\ntp = 8 8\r\n", 2, 8, "tp"),
        ('gpus = 8\ndtype = "w8\n', 2, 12, "dtype"),
        ("gpus = 8\ngpus = 16\n", 2, 10, "gpus"),
        ("gpus = 8\n[model\n", 2, 7, "[model"),
        ("gpus = 08\n", 1, 9, "gpus"),
        ("gpus = 1.4T\n", 1, 11, "gpus"),
        ("gpus 8\n", 1, 6, "gpus 8"),
    ],
)
def test_malformed_toml_is_named_with_file_line_column_and_field(write, text, line, column, field):
    """If it fails, somebody with a plan of fifty lines searches for the one that is wrong."""
    path = write(text)
    message = refusal(read_plan, path, TrainRequest)
    assert message.startswith(f"{path}: line {line}, column {column}: ")
    assert message.endswith(f", at {field}")


def test_a_text_that_never_ends_is_named(write):
    """If it fails, the end of a file has no line and the reading of it crashes."""
    path = write('gpus = 8\nmodel = """\n')
    assert refusal(read_plan, path, TrainRequest).startswith(f"{path}: line 3, column 1: Unterminated string")


# Plans


def test_a_plan_of_every_kind_of_option(write):
    """If it fails, an option of a plan file is dropped or read as another."""
    plan = {
        "model": "llama-7b", "gpu": "h100-sxm-80gb", "gpus": 64, "tokens": "1.4T", "global_batch_tokens": 4e6,
        "mfu": 0.4, "recompute": "full", "sequence_parallel": False, "price_per_gpu_hour": 2,
    }  # fmt: skip
    assert read_plan(write(toml(plan)), TrainRequest) == plan | {"tokens": 1.4e12, "recompute": Recompute.FULL}


def test_an_empty_plan_gives_nothing(write):
    """If it fails, a plan file with comments alone crashes."""
    assert read_plan(write("# nothing yet\n"), InferRequest) == {}


def test_a_plan_may_hold_its_model_and_accelerator(write):
    """If it fails, a plan cannot be kept in one file."""
    text = "tp = 2\n" + toml(MODEL, "model") + "\n" + toml(GPU, "gpu")
    plan = read_plan(write(text), InferRequest)
    assert plan["tp"] == 2
    assert (plan["model"].name, plan["gpu"].name) == ("mini", "mini-gpu")
    assert (plan["model"].layers, plan["gpu"].memory_bytes) == (4, 80 * 2**30)


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        ("gpus = -8", "gpus", "-8 is not a whole number of at least 1"),
        ("gpus = 8.5", "gpus", "8.5 is not a whole number of at least 1"),
        ("gpus = true", "gpus", "True is not a whole number of at least 1"),
        ("gpus = [8, 8.5]", "gpus", "8.5 is not a whole number of at least 1"),
        ("tokens = nan", "tokens", "nan is not a positive number, like 1.4e12 or 1.4T"),
        ("mfu = 50", "mfu", "50 is not a fraction above 0 and at most 1"),
        ('recompute = "some"', "recompute", "'some' is not one of none, "),
        ("sequence_parallel = 1", "sequence_parallel", "1 is not true or false"),
        ("micro_batch = 0", "micro_batch", "0 is not a whole number of at least 1"),
        ('model = ""', "model", "'' is not a name"),
    ],
)
def test_a_wrong_option_of_a_plan_is_named_with_file_and_line(write, line, field, words):
    """If it fails, the reader of the message does not know whether the file or the command line is meant."""
    path = write(f"# a plan\n\n{line}\n")
    message = refusal(read_plan, path, TrainRequest)
    assert message.startswith(f"{path}: line 3: ")
    assert field in message.replace("-", "_")
    assert words in message


@pytest.mark.parametrize("line", ["model = 5", "gpu = 80.5", "dtype = true", "model = []", "cost_model = 1"])
def test_a_name_of_the_wrong_type_is_named_with_file_and_line(write, line):
    """If it fails, the message says "5 is not a ModelArchitecture", and not in which file that stands."""
    path = write(f"{line}\n")
    message = refusal(read_plan, path, TrainRequest)
    assert message.startswith(f"{path}: line 1: ")


@pytest.mark.parametrize("table", ["dtype", "cost_model", "gpus"])
def test_a_table_where_none_belongs_is_named_with_file_and_line(write, table):
    """If it fails, an inline record of a kind that has none ends in a message without a place."""
    path = write(f"tp = 8\n[{table}]\nname = 'x'\n")
    message = refusal(read_plan, path, TrainRequest)
    assert message.startswith(f"{path}: line 2: ")
    assert table in message.replace("-", "_")


@pytest.mark.parametrize(
    ("key", "near"),
    [("micro_bach", "micro_batch"), ("micro-batch", "micro_batch"), ("modle", "model"), ("gpu_s", "gpus")],
)
def test_an_unknown_option_is_named_with_its_line_and_the_nearest_that_exists(write, key, near):
    """If it fails, a misspelt option of a plan is ignored and its default priced."""
    path = write(f"tp = 8\n{key} = 4\n")
    message = refusal(read_plan, path, TrainRequest)
    assert message == f"{path}: line 2: {key} is not an option (did you mean {near}?)"


def test_an_option_of_the_other_command_is_refused(write):
    """If it fails, a plan for training is priced as serving, its tokens ignored."""
    path = write("tokens = 1e12\n")
    assert f"{path}: line 1: tokens is not an option" in refusal(read_plan, path, InferRequest)


@pytest.mark.parametrize("header", ["[model]", "[ model ]", "[model] # mine"])
def test_a_wrong_field_of_an_inline_model_is_named_with_its_line(write, header):
    """If it fails, `layers` of the model is searched for in the wrong table."""
    text = (
        "tp = 8\nlayers_note = 1\n".replace("layers_note = 1\n", "")
        + header
        + toml(MODEL | {"layers": "8"}, "model")[7:]
    )
    path = write(text)
    assert refusal(read_plan, path, TrainRequest) == f"{path}: line 4: layers: '8' is not a whole number"


@pytest.mark.parametrize(
    "text",
    [
        "tp = 8\nmodel = {name = 'mini', layers = '8'}\n",
        "tp = 8\nmodel.name = 'mini'\nmodel.layers = '8'\n",
        "tp = 8\n[model]\nname = 'mini'\n",
    ],
)
def test_a_model_written_another_way_is_named_with_a_line_too(write, text):
    """If it fails, an inline table, dotted keys or a missing field cost the message its line."""
    path = write(text)
    assert re.match(rf"{re.escape(path)}: line [23]: ", refusal(read_plan, path, TrainRequest))


def test_the_line_is_that_of_the_right_table(write):
    """If it fails, the name of the model is blamed for that of the accelerator."""
    path = write(toml(MODEL, "model") + "\n" + toml(GPU | {"name": 7}, "gpu"))
    assert refusal(read_plan, path, TrainRequest) == f"{path}: line {len(MODEL) + 4}: name: 7 is not text in quotes"


def test_a_source_says_where_a_key_stands(write):
    """If it fails, messages lose the line of a quoted key, or name a line for a key that is not there."""
    source = TomlSource.read(write('a = 1\n"b" = 2\n[t]\nc = 3\n[t.u]\nc = 4\n'))
    lines = {("a",): 1, ("b",): 2, ("t",): 3, ("t", "c"): 4, ("t", "u", "c"): 6}
    for keys, line in lines.items():
        assert str(source.error(keys, "no")) == f"{source.path}: line {line}: no"
    assert str(source.error(("z",), "no")) == f"{source.path}: no"


# Writing


def test_a_file_is_written_whole(tmp_path):
    """If it fails, --output writes something else, or leaves its scaffolding behind."""
    target = tmp_path / "plan.json"
    write_whole(str(target), b"old")
    write_whole(str(target), b"new")
    assert target.read_bytes() == b"new"
    assert names_in(tmp_path) == ["plan.json"]


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    """If it fails, a full disk costs the old results, or leaves half a file."""
    resource = pytest.importorskip("resource")
    target = tmp_path / "plan.json"
    target.write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))
    try:
        message = refusal(write_whole, str(target), b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert message == f"output: {target}: File too large"
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["plan.json"]


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    """If it fails, Ctrl-C while a file is written leaves scaffolding behind."""
    target = tmp_path / "plan.json"
    target.write_bytes(b"old")

    def interrupted(_self, _target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(str(target), b"half")
    assert target.read_bytes() == b"old"
    assert names_in(tmp_path) == ["plan.json"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing/plan.json", "No such file or directory"),
        ("file/plan.json", "Not a directory"),
        ("folder.json", "Is a directory"),
        ("x" * 300 + ".json", "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_to_says_why(tmp_path, name, reason):
    """If it fails, a wrong --output ends in a traceback."""
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "folder.json").mkdir()
    target = str(tmp_path / name)
    assert refusal(write_whole, target, b"new") == f"output: {target}: {reason}"
    assert names_in(tmp_path) == ["file", "folder.json"]
