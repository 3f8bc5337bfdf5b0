"""Files of programs, as these write them: what is read, what is left to options, and what is refused in one line.

Lines follow megatron/training/training.py, torchtitan/components/metrics.py, NeMo's progress bars, the Trainer of
transformers, vllm/benchmarks/serve.py, python/sglang/bench_serving.py and nccl-tests.
"""

from __future__ import annotations

import contextlib
import json
import re

import pytest

from llmplan import registry, train
from llmplan.errors import BadInputError, PluginFailedError
from llmplan.estimate import ServerEstimate
from llmplan.output.document import document
from llmplan_calibration.formats.megatron import MegatronLog
from llmplan_calibration.formats.nccl import gpu_called
from llmplan_calibration.formats.nemo import NemoLog
from llmplan_calibration.formats.serving import SGLANG, VLLM
from llmplan_calibration.formats.torchtitan import TorchtitanLog
from llmplan_calibration.formats.trainer import TrainerLog
from llmplan_calibration.reading import read, reader_of
from llmplan_calibration.sample import UNCHANGED

H100 = {"gpu": "h100-sxm-80gb", "model": "llama-3.1-8b"}


def arguments(**values):
    """As `_print_args` prints them."""
    lines = [f"  {name} {'.' * (48 - len(name))} {value}" for name, value in values.items()]
    return "\n".join(["------------------------ arguments ------------------------", *lines])


def iteration(step, milliseconds, batch=128):
    """As `training_log` prints it."""
    return (
        f" [2025-08-01 07:19:37] iteration {step:8d}/    5000 | consumed samples: {step * batch:12d} | elapsed time "
        f"per iteration (ms): {milliseconds:.1f} | throughput per GPU (TFLOP/s/GPU): 80.2 "
        "| learning rate: 6.976744E-08 "
        f"| global batch size: {batch:5d} | lm loss: 1.043863E+01 | loss scale: 1.0 | grad norm: 26.203 |"
    )


MEGATRON = "\n".join(
    [
        arguments(
            context_parallel_size=1,
            micro_batch_size=1,
            pipeline_model_parallel_size=2,
            recompute_granularity="selective",
            seq_length=8192,
            sequence_parallel=True,
            tensor_model_parallel_size=4,
            use_distributed_optimizer=True,
            virtual_pipeline_model_parallel_size=4,
            world_size=16,
        ),
        *(iteration(step, 1e3, batch=32) for step in range(1, 4)),
        *(iteration(step, 19138.8 if step == 4 else 7000.0 + step) for step in range(4, 24)),
    ]
)
MESH = "[titan] 2025-11-25 19:44:55,287 - root - INFO - Building 2-D device mesh with ['dp_shard', 'tp'], [4, 2]"
BATCH = (
    "[titan] 2025-11-25 19:45:01,287 - root - INFO - Trainer is initialized with local batch size 2, "
    "global batch size 8, gradient accumulation steps 1, sequence length 8192, total steps 1000 (warmup 200)"
)


def titan_step(step, tps):
    """As `MetricsProcessor.log` prints it, in colours."""
    return (
        f"[titan] - root - INFO - \x1b[31mstep: {step:2}  \x1b[32mloss:  8.1000  \x1b[38;2;180;60;0mgrad_norm:  1.8000"
        f"  \x1b[38;2;54;234;195mmemory: 62.01GiB(78.30%)  \x1b[34mtps: {tps:,}  \x1b[36mtflops: 354.20  "
        "\x1b[35mmfu: 35.81%\x1b[39m"
    )


TITAN = "\n".join([MESH, BATCH, titan_step(1, 412), *(titan_step(10 * at, 6900 + at) for at in range(1, 10))])
NEMO = "\n".join(
    f"Training epoch 0, iteration {at}/249 | lr: 1.961e-06 | global_batch_size: 128 | global_step: {at} | "
    f"reduced_train_loss: 1.315 | train_step_timing in s: {7.126 if at else 12.5}"
    for at in range(10)
)
BAR = "Epoch 0: :  50%|█| 50/100 [10:48<00:00, reduced_train_loss=0.01, train_step_timing in s=9.000]\r" * 5
TRAINER = """{'loss': 0.9199, 'grad_norm': 3.8179216384887695, 'learning_rate': 1e-06, 'epoch': 5.96}
{'train_runtime': 3244.7018, 'train_samples_per_second': 4.922, 'train_steps_per_second': 0.308, 'train_loss': 1.17}
100%|███| 998/998 [54:04<00:00,  3.25s/it]
"""
VLLM_RUN = {
    "date": "20251129-101010",
    "endpoint_type": "vllm",
    "label": None,
    "model_id": "llama-3.1-8b",
    "tokenizer_id": "llama-3.1-8b",
    "num_prompts": 640,
    "request_rate": "inf",
    "burstiness": 1.0,
    "max_concurrency": 32,
    "duration": 71.2,
    "completed": 640,
    "total_input_tokens": 655_360,
    "total_output_tokens": 163_840,
    "request_throughput": 8.98,
    "output_throughput": 2301.1,
    "total_token_throughput": 11505.6,
    "mean_ttft_ms": 310.2,
    "mean_tpot_ms": 12.9,
    "mean_itl_ms": 12.9,
}
SGLANG_RUN = {
    "backend": "sglang",
    "dataset_name": "random",
    "request_rate": 4.0,
    "max_concurrency": None,
    "duration": 75.0,
    "completed": 300,
    "total_input_tokens": 307_200,
    "total_output_tokens": 76_800,
    "output_throughput": 960.0,
    "total_output_tokens_retokenized": 76_790,
    "mean_e2e_latency_ms": 2900.0,
    "mean_ttft_ms": 90.0,
    "mean_tpot_ms": 11.2,
}


def one(reader, text, **options):
    """The only row."""
    rows = list(reader.rows("run.log", text, options))
    assert len(rows) == 1
    return rows[0]


def test_a_megatron_log_is_its_usual_batch_and_its_arguments():
    """By hand: 20 steps of batch 128, the first of them cold; the median of the last 16 is 7015.5 ms."""
    row = one(MegatronLog(), MEGATRON, **H100)
    assert row.measured == pytest.approx(7.0155)
    sizes = {"tp": 4, "pp": 2, "vpp": 4, "cp": 1, "micro_batch": 1, "seq_len": 8192, "gpus": 16, "global_batch": 128}
    also = {"sequence_parallel": True, "zero": 1, "recompute": "attention-compute", "framework": "megatron-core"}
    assert row.options == {**sizes, **also, **H100}


def test_the_command_line_goes_before_a_log():
    """If it fails, a user cannot correct what a log says, or says too little."""
    row = one(MegatronLog(), MEGATRON, **H100, dp=1, recompute="none", global_batch_tokens=1e6)
    assert row.options["recompute"] == "none"
    assert "gpus" not in row.options
    assert "global_batch" not in row.options


def test_a_torchtitan_log_is_tokens_of_a_device_and_its_mesh():
    """By hand: 8 devices, weights in 4 parts, 6,905 tokens a second in the middle of the warm steps."""
    row = one(TorchtitanLog(), TITAN, **H100)
    assert row.measured == pytest.approx(6905.5)
    facts = {"tp": 2, "pp": 1, "cp": 1, "dp": 4, "gpus": 8, "zero": 3, "sequence_parallel": True}
    assert facts.items() <= row.options.items()
    assert (row.options["global_batch"], row.options["micro_batch"], row.options["seq_len"]) == (8, 2, 8192)


def test_a_mesh_in_words_is_read_too():
    """If it fails, logs of 2026 lose their layout."""
    words = "Building device mesh with parallelism: pp=2, dp_replicate=2, dp_shard=4, cp=1, tp=2, ep=1, etp=1"
    row = one(TorchtitanLog(), "\n".join([words, BATCH, titan_step(10, 5000)]), **H100)
    assert (row.options["gpus"], row.options["dp"], row.options["zero_group"]) == (32, 8, 4)
    assert "micro_batch" not in row.options


@pytest.mark.parametrize(("text", "seconds"), [(NEMO, 7.126), (BAR, 9.0)])
def test_a_nemo_log_is_its_step_timing(text, seconds):
    """If it fails, one of NeMo's two ways to print is not read."""
    assert one(NemoLog(), text, **H100).measured == pytest.approx(seconds)


def test_a_trainer_log_is_its_run_time_over_its_steps():
    """By hand: 3244.7018 s / 998 steps, and 4.922 / 0.308 samples a step."""
    row = one(TrainerLog(), TRAINER, **H100)
    assert row.measured == pytest.approx(3244.7018 / 998)
    assert row.options["global_batch"] == 16


def test_users_of_a_vllm_benchmark_are_its_concurrency():
    """By hand: 655,360 / 640 prompt tokens; the first token waits for all that begin at once, and tells nothing."""
    rows = list(VLLM.rows("run.json", json.dumps(VLLM_RUN), {"gpu": "h100"}))
    assert [row.metric for row in rows] == ["tpot_ms", "tokens_per_s"]
    load = {"prompt_tokens": 1024, "output_tokens": 256, "concurrency": 32, "engine": "vllm", "model": "llama-3.1-8b"}
    assert load.items() <= rows[0].options.items()


def test_requests_of_an_sglang_benchmark_come_at_its_rate():
    """If it fails, an open load is taken for a closed one."""
    text = "\n".join(json.dumps({**SGLANG_RUN, "request_rate": rate}) for rate in (2.0, 4.0))
    rows = list(SGLANG.rows("run.jsonl", text, {"gpu": "h100", "model": "llama-3.1-8b"}))
    assert [(row.id, row.metric, row.options["rate"]) for row in rows] == [
        ("run.jsonl: line 1", "tpot_ms", 2.0),
        ("run.jsonl: line 1", "ttft_ms", 2.0),
        ("run.jsonl: line 2", "tpot_ms", 4.0),
        ("run.jsonl: line 2", "ttft_ms", 4.0),
    ]


def test_a_served_figure_is_predicted_at_any_rates(tmp_path):
    """If it fails, benchmarks of servers cannot be calibrated on: a slower memory has to take longer."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps(VLLM_RUN))
    sample = read([str(path)], {"gpu": "h100", "tp": 1, "pp": 1, "dp": 1}).samples[0]
    slow = tuple(0.5 if at == 1 else 1.0 for at in range(5))
    assert sample.predict(slow) > 1.3 * sample.predict(UNCHANGED)


RANKS = "\n".join(
    f"#  Rank {rank:2d} Group  0 Pid 147195 on     {host} device {rank % 8:2d} [0x1b] NVIDIA H100 80GB HBM3"
    for host, first in (("dgx-06", 0), ("dgx-07", 8))
    for rank in range(first, first + 8)
)
NCCL = f"""# nThread 1 nGpus 8 minBytes 8 maxBytes 17179869184 step: 2(factor) warmup iters: 5 iters: 30 agg iters: 1
#
# Using devices
{RANKS}
#
#       size         count      type   redop    root     time   algbw   busbw #wrong     time   algbw   busbw #wrong
#        (B)    (elements)                               (us)  (GB/s)  (GB/s)            (us)  (GB/s)  (GB/s)
     1048576        262144     float     sum      -1    156.2    6.71   12.59      0    155.1    6.76   12.68      0
   134217728      33554432     float     sum      -1   1300.8  103.18  193.46      0   1286.8  104.30  195.57      0
  1073741824     268435456     float     sum      -1   8687.1  123.60  231.75      0   8719.1  123.15  230.90      0
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 67.9217
"""


def test_nccl_tests_are_samples_of_the_link_that_they_cross(tmp_path):
    """By hand: 16 ranks on 2 hosts, 231.75 / 123.6 = 2 x 15/16, an all-reduce; small messages tell of no bandwidth."""
    path = tmp_path / "nccl.log"
    path.write_text(NCCL)
    samples = read([str(path)], {"gpu": "h100"}).samples
    assert [one.id for one in samples] == ["all_reduce 128 MiB x 16", "all_reduce 1 GiB x 16"]
    assert samples[1].measured == pytest.approx(8687.1)
    up, out = (tuple(0.25 if at == place else 1.0 for at in range(5)) for place in (2, 3))
    assert samples[1].predict(out) > 1.5 * samples[1].predict(UNCHANGED)
    assert samples[1].predict(up) > samples[1].predict(UNCHANGED)


@pytest.mark.parametrize(
    ("called", "name"), [("NVIDIA A100-SXM4-80GB", "a100-sxm-80gb"), ("NVIDIA H100-SXM5-80GB", "h100-sxm-80gb")]
)
def test_drivers_names_find_the_accelerator(called, name):
    """If it fails, a log that names its GPU needs an option for it."""
    assert gpu_called(called, "nccl.log") == name


def test_gemms_are_samples_of_compute(tmp_path):
    """By hand: 2 x 4096^3 FLOPs at 600 TFLOP/s are 229 us."""
    path = tmp_path / "gemms.csv"
    path.write_text("m,n,k,tflops\n4096,4096,4096,600\n")
    sample = read([str(path)], {"gpu": "h100"}).samples[0]
    assert sample.measured == pytest.approx(2 * 4096**3 / 600e12 * 1e6)
    assert sample.predict((0.5, 1.0, 1.0, 1.0, 1.0)) == pytest.approx(2 * sample.predict(UNCHANGED), rel=0.05)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (MEGATRON, "megatron"),
        (TITAN, "torchtitan"),
        (NEMO, "nemo"),
        (BAR, "nemo"),
        (TRAINER, "trainer"),
        (json.dumps(VLLM_RUN), "vllm-bench"),
        (json.dumps(VLLM_RUN, indent=2), "vllm-bench"),
        (json.dumps(SGLANG_RUN), "sglang-bench"),
        (NCCL, "nccl-tests"),
        ("m,n,k,tflops\n1,2,3,4\n", "gemm-csv"),
        ("id,accelerator,measured_metric,layers\n", "csv"),
    ],
)
def test_a_file_is_recognised_by_one_reader_alone(text, name):
    """If it fails, which plan a file is of depends on the order of plugins."""
    assert [one.name for one in registry().run_readers.values() if one.recognises(text)] == [name]


BAD_ROW = """id,layers,hidden,heads,ffn_hidden,seq_len,accelerator,measured_metric,measured_value
a,32,4096,32,11008,x,H100-SXM5-80GB,iteration_time_s,1
"""
REFUSED = {
    "nothing": ("", r"run\.log: is empty"),
    "unknown": ("hello\n", r"run\.log: is none of .*megatron.*; --format says which"),
    "json": (json.dumps(SGLANG_RUN) + "\n{oops\n", r"run\.log: line 2: is no object of JSON"),
    "no tokens": (
        json.dumps({**VLLM_RUN, "total_output_tokens": 0}),
        r"total_output_tokens: 0 is not a positive",
    ),
    "users": (json.dumps({**VLLM_RUN, "max_concurrency": "x"}), r"max_concurrency: 'x' is not a positive number"),
    "unit": ("m,n,k,time_us\n4096,4096,4096,0.2\n", r"us: 0\.2 is another plan's, or in another unit"),
    "size": ("m,n,k,tflops\n4096,x,4096,600\n", r"run\.log: line 2: n: 'x' is not a positive number"),
    "gpu": (NCCL.replace("NVIDIA H100 80GB HBM3", "Voodoo 2"), r"run\.log: the accelerator 'Voodoo 2' .*--gpu"),
    "ranks": (NCCL.replace("Rank", "Bank"), r"run\.log: names no ranks"),
    "model": (NEMO, r"run\.log: model: not given"),
    "csv": (BAD_ROW, r"run\.log: line 2: seq_len: 'x'"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_line(why, tmp_path, monkeypatch):
    """If it fails, a newcomer gets a traceback, or a site that means nothing."""
    text, message = REFUSED[why]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run.log").write_text(text)
    options = {"gpu": "h100"} if why not in ("gpu", "ranks") else {}
    with pytest.raises(BadInputError) as refused:
        read(["run.log"], options)
    assert re.search(message, str(refused.value)), str(refused.value)
    assert "\n" not in str(refused.value)


STRANGE = ("1.2.3", "9" * 5_000, "0", "-1", "nan", "[", "")


def numbers_of(text):
    """Where the numbers stand, and what is in brackets; of lines that differ in these alone in the first two."""
    seen, begins = [], 0
    for line in text.splitlines(keepends=True):
        seen.append(re.sub(r"[\d.,]+", "0", line))
        if seen.count(seen[-1]) <= 2:
            for found in re.finditer(r"\d[\d.,]*|(?<=\[)[^\]]*(?=\])", line):
                yield begins + found.start(), begins + found.end()
        begins += len(line)


@pytest.mark.parametrize("text", [MEGATRON, TITAN, f"{MESH}, x\n{TITAN}", NEMO, TRAINER, json.dumps(VLLM_RUN), NCCL])
def test_a_number_that_is_none_is_left_out_or_refused(text):
    """If it fails, a log that was cut, or written over, is said to be the fault of the plugin that reads it."""
    reader = reader_of("run.log", text, None)
    for start, end in numbers_of(text[:4_000]):
        for strange in STRANGE:
            spoilt = text[:start] + strange + text[end:]
            with contextlib.suppress(BadInputError):
                list(reader.rows("run.log", spoilt, H100))


def test_a_megatron_log_says_what_it_can():
    """If it fails, one argument that is no number costs a log, or is taken for a size."""
    row = one(MegatronLog(), MEGATRON.replace("world_size" + " " + "." * 38 + " 16", "world_size ... 1e9x"), **H100)
    assert "gpus" not in row.options
    assert row.options["tp"] == 4


def test_an_option_of_another_phase_is_refused(tmp_path):
    """If it fails, a batch of training is silently dropped from a benchmark of serving."""
    path = tmp_path / "run.json"
    path.write_text(json.dumps(VLLM_RUN))
    with pytest.raises(BadInputError, match="global-batch: is no option of serving"):
        read([str(path)], {"gpu": "h100", "global_batch": 8})


def test_the_wrong_format_says_what_it_misses(tmp_path):
    """If it fails, --format with the wrong name fails without a word."""
    path = tmp_path / "run.log"
    path.write_text(NEMO)
    with pytest.raises(BadInputError, match="holds no line with elapsed time per iteration"):
        read([str(path)], H100, "megatron")
    assert reader_of(str(path), NEMO, None).name == "nemo"


def test_a_server_estimate_is_what_benchmarks_are_held_against():
    """If it fails, users of a benchmark are priced as a static batch, without waiting."""
    from llmplan import infer

    row = next(iter(VLLM.rows("run.json", json.dumps(VLLM_RUN), {"gpu": "h100", "tp": 1, "pp": 1, "dp": 1})))
    assert isinstance(infer(**row.options), ServerEstimate)


def test_a_log_goes_with_the_plan_that_predicted_it(tmp_path):
    """If it fails, runs of different layouts cannot make one site, or who predicted a run has to say its plan again."""
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    first.write_text(NEMO)
    second.write_text(NEMO)
    plan, result = tmp_path / "plan.toml", tmp_path / "result.json"
    plan.write_text('model = "llama-3.1-8b"\ngpu = "h100"\ngpus = 8\ntp = 4\npp = 1\nseq_len = 4096\n')
    given = {**H100, "gpus": 16, "tp": 2, "pp": 1, "seq_len": 4096}
    result.write_text(json.dumps(document(train(**given))))
    samples = read([f"{first}:{plan}", f"{second}:{result}"], {}).samples
    told = [dict(sample.plan) for sample in samples]
    assert [(one["gpus"], one["tp"]) for one in told] == [("8", "4"), ("16", "2")]


def test_a_broken_reader_is_named(tmp_path, monkeypatch):
    """If it fails, a plugin's bug looks like one of llmplan's."""
    path = tmp_path / "run.log"
    path.write_text(NEMO)
    monkeypatch.setattr(NemoLog, "rows", lambda *_: 1 / 0)
    with pytest.raises(PluginFailedError, match="nemo"):
        read([str(path)], H100)
