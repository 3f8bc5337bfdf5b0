"""Rows of tables of measurements: cells, models, accelerators, frameworks, conventions."""

from types import SimpleNamespace

import pytest

from llmplan import registry, train
from llmplan.errors import BadInputError
from llmplan.records import FrameworkProfile, Recompute
from llmplan_validation.cells import flag, needed, number, whole
from llmplan_validation.flops import causal_flops, flops_of, full_square_flops, korthikanti_flops, narayanan_flops
from llmplan_validation.metrics import prediction
from llmplan_validation.models import VOCABULARY_WHERE_NOT_STATED, model_of
from llmplan_validation.options import called, framework_of, options_of_row, recompute_of
from llmplan_validation.row import serving_row, training_row
from llmplan_validation.table import REQUIRED, read_table

CELLS = {
    "id": "mine-1",
    "model_name": "Mine (7B)",
    "layers": "32",
    "hidden": "4096",
    "heads": "32",
    "ffn_hidden": "16384",
    "gated_mlp": "0",
    "vocab": "51200",
    "seq_len": "2048",
    "accelerator": "A100-SXM4-80GB",
    "n_gpus": "8",
    "tp": "8",
    "pp": "1",
    "micro_batch": "1",
    "global_batch": "8",
    "recompute": "full",
    "measured_metric": "iteration_time_s",
    "measured_value": "2.5",
}
GPUS = [SimpleNamespace(name="mine-80gb", aliases=("MINE", "MINE-SXM-80GB")), SimpleNamespace(name="other", aliases=())]
HARDWARE = SimpleNamespace(architecture="ampere")


@pytest.mark.parametrize(
    ("read", "cell", "value"),
    [
        (whole, "8", 8),
        (whole, "8.0", 8),
        (whole, "", None),
        (number, "1.4e12", 1.4e12),
        (number, "", None),
        (flag, "True", True),
        (flag, "0", False),
        (flag, "", None),
    ],
)
def test_cells_are_read(read, cell, value):
    """A table that a spreadsheet has written, with 8.0 for 8, could not be used."""
    assert read({"column": cell}, "column") == value
    assert read({}, "column") is None


@pytest.mark.parametrize(
    ("read", "cell"),
    [(whole, cell) for cell in ("x", "1.5", "0", "-1", "nan", "inf", "1e30")]
    + [(number, cell) for cell in ("x", "0", "-1", "nan", "inf")]
    + [(flag, "2"), (needed, "")],
)
def test_a_bad_cell_names_its_column(read, cell):
    """The reader would have to guess which of forty columns is wrong."""
    with pytest.raises(BadInputError, match=r"^column: "):
        read({"column": cell}, "column")


def test_an_accelerator_is_called_by_name_or_alias_whatever_follows():
    """A remark behind the name would make a row unpriceable."""
    for cell in ("mine-80gb", "MINE", "mine-sxm-80gb", "MINE-SXM-80GB (type not stated)"):
        assert called(cell, GPUS) is GPUS[0]


@pytest.mark.parametrize("cell", ["", "MINE2", "MINE-PCIE-40GB", "unknown"])
def test_an_unknown_accelerator_is_not_guessed(cell):
    """A row would be priced on a device that only sounds alike."""
    with pytest.raises(BadInputError, match="accelerator"):
        called(cell, GPUS)


def profile(name, *aliases, architectures=()):
    return FrameworkProfile(name=name, aliases=aliases, architectures=architectures)


FRAMEWORKS = (
    profile("short", "Trainer"),
    profile("long", "Trainer X"),
    profile("old", "Trainer", architectures=("ampere",)),
    profile("elsewhere", "Trainer X 2", architectures=("hopper",)),
)


@pytest.mark.parametrize(
    ("cell", "name"), [("my trainer 1.0", "old"), ("TRAINER X 2.1", "long"), ("another", None), ("", None)]
)
def test_the_longest_alias_names_the_framework(cell, name):
    """A row would be priced with the kernels of another program."""
    found = framework_of(cell, HARDWARE, FRAMEWORKS)
    assert (found and found.name) == name


def test_recompute_knows_the_word_of_tables_and_our_own():
    """``selective`` is what papers write."""
    assert recompute_of("selective") is Recompute.ATTENTION_COMPUTE
    assert recompute_of("full") is Recompute.FULL
    assert recompute_of("") is None
    with pytest.raises(BadInputError, match="recompute: 'some'"):
        recompute_of("some")


def test_the_model_and_accelerator_columns_are_enough():
    """DESIGN: whatever is registered, a row with these is priced."""
    cells = {column: CELLS[column] for column in REQUIRED["train"]}
    options = options_of_row(cells)
    said = {"model", "gpu", "seq_len"}
    assert said < set(options)
    assert not {"gpus", "tp", "pp", "dp", "cp", "ep", "vpp"} & set(options)
    assert options["model"].vocab == VOCABULARY_WHERE_NOT_STATED
    assert training_row(cells).note == "vocab not stated: 50,257, GPT-2's"


def test_columns_become_options():
    """A plan would differ from the one that was measured."""
    cells = CELLS | {"dtype": "bf16", "sp": "1", "zero_stage": "0", "total_tokens": "1e9", "gpus_per_node": "4"}
    options = options_of_row(cells)
    assert (options["gpus"], options["tp"], options["zero"], options["tokens"]) == (8, 8, 0, 1e9)
    assert options["sequence_parallel"] is True
    assert options["dtype"] is registry().dtypes["bf16"]
    assert options["gpu"].scale_up_domain == 4
    assert options["model"].tied_embeddings
    assert options["model"].name == "mine-7b"


def test_a_row_of_fine_tuning_is_priced_as_fine_tuning():
    """Rows of LoRA and QLoRA were priced as full training, whose gradients and states they do not have."""
    options = options_of_row(CELLS | {"tuning": "QLoRA", "lora_rank": "64"})
    assert (options["tuning"], options["lora_rank"]) == ("qlora", 64)
    assert "tuning" not in options_of_row(CELLS)


@pytest.mark.parametrize(
    ("columns", "notes", "option", "value"),
    [
        ({"tuning": "lora", "lora_targets": "attention"}, "LoRA rank 8 on q and v", "lora_targets", "attention"),
        ({"tuning": "lora"}, "LoRA rank 8 on q and v", "lora_targets", "q+v"),
        ({}, "LoRA rank 8 on q and v", "lora_targets", None),
        ({"nic_gbits": "400"}, "800 Gb/s inter-node per node", "nic_gbits", 400),
        ({}, "800 Gb/s inter-node per node", "nic_gbits", 800),
        ({"schedule": "DualPipe"}, "", "schedule", "dualpipe"),
    ],
)
def test_columns_say_it_and_notes_where_they_do_not(columns, notes, option, value):
    """A run would be priced on another network, with other adapters or another schedule than it had."""
    assert options_of_row(CELLS | columns | {"notes": notes}).get(option) == value


def test_notes_say_how_a_program_ran():
    """An eager run would be priced as a compiled one, and one on DeepSpeed as one on DDP."""
    found = options_of_row(CELLS | {"framework": "torchtune", "notes": "packed, eager; batch 2"})["framework"]
    assert found.name == "torchtune-eager"
    for said in ("", ", DeepSpeed", ", DeepSpeed, AutoGPTQ"):
        cells = CELLS | {"framework": f"Hugging Face Trainer, PEFT{said}", "notes": "Q-LoRA; base in GPTQ int4"}
        assert options_of_row(cells)["framework"].name == "hugging-face-gptq"
    cells = CELLS | {"framework": "torchtitan (FSDP2)", "notes": "No torch.compile; seq 8192"}
    assert options_of_row(cells)["framework"].name == "torchtitan-eager"


@pytest.mark.parametrize(("grade", "counts"), [("", True), ("A", True), ("B", True), ("C", False)])
def test_a_sanity_bound_is_shown_and_does_not_count(grade, counts):
    """A figure that its source doubts itself would move the score."""
    assert training_row(CELLS | {"quality": grade}).counts is counts


def test_a_rack_is_no_node():
    """NVLink of 72 devices would shrink to the four of a tray."""
    cells = CELLS | {"accelerator": "GB200", "gpus_per_node": "4"}
    assert options_of_row(cells | {"notes": "GPUs in NVL72 domains"})["gpu"].scale_up_domain == 72
    assert options_of_row(cells)["gpu"].scale_up_domain == 4


def test_dp_counts_where_the_gpus_are_not_stated():
    """The row's data parallelism would be lost."""
    assert options_of_row(CELLS | {"n_gpus": "", "dp": "2"})["dp"] == 2
    assert "dp" not in options_of_row(CELLS | {"dp": "2"})


EXPERTS = CELLS | {"gated_mlp": "1", "moe_experts": "160", "moe_top_k": "6", "moe_ffn": "1536"}


def test_a_registered_mixture_knows_what_columns_do_not_say():
    """Latent attention and shared experts would be missing, though a shortened model has them too."""
    shape = {"layers": "4", "hidden": "5120", "heads": "128", "ffn_hidden": "12288", "vocab": "102400"}
    model = model_of(EXPERTS | shape)
    assert model.layers == 4
    assert model.mla is not None
    assert model.moe.n_shared_experts


def test_a_shortened_mixture_has_the_dense_layers_of_its_row():
    """A model of four layers that were cut from the middle would be thought to begin with a dense one."""
    shape = {"layers": "4", "hidden": "5120", "heads": "128", "ffn_hidden": "12288", "vocab": "102400"}
    cells, said = EXPERTS | shape, {"notes": "first layer dense"}
    assert model_of(cells | {"dense_layers": "0"} | said).moe.first_dense_layers == 0
    assert model_of(cells | {"notes": "first 3 layers dense"}).moe.first_dense_layers == 3
    assert model_of(CELLS | {"dense_layers": "2"}).moe is None


DENSE = {"gated_mlp": "1", "hidden": "1024", "heads": "16", "kv_heads": "8", "ffn_hidden": "3072", "vocab": "151936"}


def test_a_registered_dense_model_knows_what_columns_do_not_say():
    """Heads wider than hidden / heads would be priced as narrow ones, or a long sequence be refused."""
    model = model_of(CELLS | DENSE | {"layers": "28", "seq_len": "65536"})
    assert (model.name, model.head_dim, model.max_seq_len) == ("qwen3-0.6b", 128, 65_536)


@pytest.mark.parametrize("other", [{"layers": "29"}, {"kv_heads": "16"}, {"vocab": "32000"}, {"gated_mlp": "0"}])
def test_a_dense_model_of_another_shape_is_made_of_the_columns(other):
    """Norms and biases of an unrelated model would be counted."""
    assert model_of(CELLS | DENSE | {"layers": "28"} | other).head_dim == 1024 // 16


def test_a_model_without_gate_is_made_of_the_columns():
    """Any GPT would take the positions and ties of the one that happens to be registered."""
    assert model_of(CELLS | {"layers": "32", "hidden": "4096", "heads": "32", "vocab": "50432"}).position == "learned"


def test_an_unknown_mixture_is_made_of_the_columns():
    """Only registered models could be priced."""
    model = model_of(EXPERTS)
    assert (model.moe.n_routed_experts, model.moe.top_k, model.moe.moe_ffn_hidden) == (160, 6, 1536)
    assert (model.mla, model.norm, model.tied_embeddings) == (None, "rms", False)


def test_untied_embeddings_are_read_from_the_notes():
    """A model without gate would always share its table."""
    assert not model_of(CELLS | {"notes": "CI; untied embeddings"}).tied_embeddings


@pytest.mark.parametrize(
    ("words", "count"),
    [
        ("Korthikanti model FLOPs (72BLsh^2(1+s/6h+V/12hL)); full (non-causal) attention", korthikanti_flops),
        ("96BsLh^2(1+s/6h+V/16Lh): includes full recompute", narayanan_flops),
        ("formula incl. full recompute (factor 4)", narayanan_flops),
        ("6N + causal (half) attention", causal_flops),
        ("model TFLOPs (attention accounting not stated)", causal_flops),
        ("full (non-causal) attention", full_square_flops),
        ("", full_square_flops),
    ],
)
def test_flops_are_counted_as_the_source_does(words, count):
    """Utilisations of different counts would be compared."""
    assert flops_of(words) is count


@pytest.fixture(scope="module")
def estimate():
    """A plan of the shape that the published formulas are for."""
    return train(**options_of_row(CELLS))


def test_published_formulas_agree_with_the_operators(estimate):
    """A transcription error would shift every utilisation of a source."""
    assert korthikanti_flops(estimate) == pytest.approx(full_square_flops(estimate))
    hidden_half = 3 * 0.5 * 4 * 8 * 2048**2 * 4096 * 32
    assert causal_flops(estimate) == pytest.approx(full_square_flops(estimate) - hidden_half)
    head = 2 * 8 * 2048 * 4096 * 51200
    assert narayanan_flops(estimate) == pytest.approx((korthikanti_flops(estimate) - 3 * head) * 4 / 3 + 3 * head)


def predicted(estimate, metric, **cells):
    return prediction(CELLS | {"measured_metric": metric} | cells)(estimate)


def test_each_metric_is_predicted_in_its_unit(estimate):
    """A percentage would be compared with a fraction, GiB with bytes."""
    assert predicted(estimate, "iteration_time_s") == estimate.iteration_seconds
    assert predicted(estimate, "tokens_per_s_per_gpu") == estimate.tokens_per_second_per_gpu
    assert predicted(estimate, "gpu_hours", total_tokens="1e12") == estimate.gpu_hours
    assert predicted(estimate, "mfu") == pytest.approx(100 * estimate.mfu)
    assert predicted(estimate, "hfu") == pytest.approx(100 * estimate.hfu)
    peak = estimate.plan.gemm.peak_flops
    assert predicted(estimate, "tflops_per_gpu") == pytest.approx(estimate.mfu * peak / 1e12)


def test_memory_is_that_of_the_allocator_or_of_the_device(estimate):
    """The context would be missing from what nvidia-smi shows, or slack be counted as a tensor."""
    lines, total = estimate.memory_breakdown, estimate.memory_bytes_per_gpu
    reserved = total - lines["cuda_context"]
    allocated = reserved - lines["allocator_slack"]
    assert allocated < reserved < total
    assert predicted(estimate, "peak_memory_gb") == pytest.approx(reserved / 2**30)
    notes = "GiB, torch max_memory_allocated; max_memory_reserved 70 GiB"
    assert predicted(estimate, "peak_memory_gb", notes=notes) == pytest.approx(allocated / 2**30)
    assert predicted(estimate, "peak_memory_gb", notes="GB from nvidia-smi") == pytest.approx(total / 2**30)
    assert predicted(estimate, "peak_memory_gb", notes="nvidia-smi, decimal") == pytest.approx(total / 1e9)
    assert predicted(estimate, "peak_memory_gb", memory_read="allocated") == pytest.approx(allocated / 2**30)
    with pytest.raises(BadInputError, match="memory_read: 'top' is none of device, reserved, allocated"):
        predicted(estimate, "peak_memory_gb", memory_read="top")
    with pytest.raises(BadInputError, match="memory_stage: 'second' is neither first nor fullest"):
        predicted(estimate, "peak_memory_gb", memory_stage="second")


def test_memory_is_that_of_the_first_stage_where_it_was_read_there():
    """The logits of the last stage would be looked for on the first, on which nvidia-smi was read."""
    wide = train(model="gpt2", gpu="a100-sxm-80gb", gpus=2, tp=1, pp=2, dp=1, micro_batch=64, global_batch=128,
                 seq_len=1024, recompute="full", tokens=1e9)  # fmt: skip
    fullest = predicted(wide, "peak_memory_gb", notes="nvidia-smi, the heaviest node")
    assert predicted(wide, "peak_memory_gb", notes="nvidia-smi style") < 0.8 * fullest
    assert predicted(wide, "peak_memory_gb", notes="nvidia-smi style", memory_stage="fullest") == fullest


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"measured_value": ""}, "measured_value: empty"),
        ({"measured_value": "fast"}, "measured_value: 'fast'"),
        ({"measured_metric": "joules"}, "measured_metric: 'joules' is none of"),
        ({"measured_metric": ""}, "measured_metric: empty"),
        ({"measured_metric": "gpu_hours"}, "total_tokens: empty"),
        ({"layers": ""}, "layers: empty"),
        ({"layers": "100000000"}, "layers: '100000000'"),
        ({"dtype": "no-such"}, "dtype"),
        ({"moe_experts": "8"}, "moe_top_k: empty"),
    ],
)
def test_a_row_that_cannot_be_read_says_why(cells, reason):
    """It would be guessed at, or end in a traceback."""
    with pytest.raises(BadInputError, match=reason):
        training_row(CELLS | cells)


def written(tmp_path, text, encoding="utf-8"):
    path = tmp_path / "mine.csv"
    path.write_bytes(text.encode(encoding))
    return path


HEAD = ",".join(REQUIRED["train"])


def test_a_table_is_read(tmp_path):
    """Spreadsheets write a mark at the start, blank lines, short rows and quoted line breaks."""
    path = written(tmp_path, f'{HEAD},notes\n\na, 1 ,2\n,3,4,5,6,7,8,9,10,"two\nlines"\n', "utf-8-sig")
    first, second = read_table(path, "train")
    assert (first["id"], first["layers"], first["notes"]) == ("a", "1", "")
    assert (second["id"], second["notes"]) == ("row 2", "two\nlines")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        ("\n\n", "is empty"),
        ("id,layers\na,1\n", "no column hidden, heads"),
        (f"{HEAD},id\n", "column id is there twice"),
        (f"{HEAD}\n\n", "has no rows"),
    ],
)
def test_a_file_that_is_no_table_is_refused_in_one_line(tmp_path, text, reason):
    """A user would see a traceback, or no rows and no reason."""
    with pytest.raises(BadInputError, match=reason) as refused:
        read_table(written(tmp_path, text), "train")
    assert "\n" not in str(refused.value)


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    """As above."""
    with pytest.raises(BadInputError, match="No such file"):
        read_table(tmp_path / "none.csv", "train")
    with pytest.raises(BadInputError, match="is not UTF-8 text"):
        read_table(written(tmp_path, "idé", "latin-1"), "train")
    with pytest.raises(BadInputError, match="field larger than field limit"):
        read_table(written(tmp_path, "x" * 200_000), "train")


SERVED = {
    **CELLS,
    "kv_heads": "32",
    "weight_dtype": "fp16",
    "activation_dtype": "fp16",
    "kv_dtype": "fp16",
    "batch_or_concurrency": "1",
    "input_len": "64",
    "output_len": "64",
    "measured_metric": "decode_ms_per_token",
}


@pytest.mark.parametrize(
    ("cell", "engine", "note"),
    [
        ("MyServe 1.0", "myserve-1-0", "MyServe 1.0: not known, priced as vllm"),
        ("MyLoop (eager PyTorch)", "eager-pytorch", "that no profile knows"),
        ("AutoAWQ 0.1.6 on HF transformers", "autoawq", ""),
        ("vllm 0.18.0", "vllm-2026", ""),
        ("TensorRT-LLM 0.7a", "tensorrt-llm-0.9", ""),
    ],
)
def test_an_engine_that_no_profile_knows_is_priced_as_its_class_and_says_so(cell, engine, note):
    """If it fails, a row of another program passes for one of vLLM, or one of an old version for the newest."""
    row = serving_row({**SERVED, "engine": cell})
    assert row.options["engine"].name == engine
    assert note in row.note
    assert bool(row.note) == bool(note)


@pytest.mark.parametrize(
    ("columns", "sequences"),
    [
        ({"micro_batch": "32"}, 4),  # what the table calls so is a rank's batch
        ({"micro_batch": ""}, 4),
        ({"micro_batch": "2"}, 2),
        ({"micro_batch": "32", "framework": "Megatron-LM"}, 32),
    ],
)
def test_a_program_cuts_a_ranks_batch_by_its_stages(columns, sequences):
    """One micro-batch of a whole batch would wait on every stage for all the others."""
    sizes = {"n_gpus": "512", "tp": "8", "pp": "8", "cp": "1", "global_batch": "256", "framework": "torchtitan (FSDP2)"}
    assert options_of_row(CELLS | sizes | columns)["micro_batch"] == sequences
