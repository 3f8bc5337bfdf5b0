"""Files of single plans, their settings worked out by hand."""

from __future__ import annotations

import json
import shlex

import pytest
import yaml

from llmplan import infer, registry, train
from llmplan.errors import BadInputError
from llmplan_launchers.formats.shell import flags

LAUNCHERS = registry().launchers
TUNED = {
    "model": "qwen3-8b", "gpu": "h100-sxm-80gb", "tuning": "qlora", "lora_rank": 32, "tokens": "20M", "seq_len": 2048,
    "micro_batch": 1, "global_batch": 16, "tp": 1, "pp": 1, "cp": 1, "recompute": "full", "dtype": "bf16",
    "optimizer": "adam-8bit", "framework": "fsdp",
}  # fmt: skip
WHOLE = {name: value for name, value in TUNED.items() if name not in ("tuning", "lora_rank")} | {"optimizer": "adam"}
"""The same run of all weights."""
SERVED = {"model": "llama-3.1-8b", "gpu": "h100-sxm-80gb", "pp": 1}
LOAD = {"concurrency": 4, "requests": 0}


def text_of(name, estimate):
    return LAUNCHERS[name].text(LAUNCHERS[name].write(estimate))


def remarks_of(name, estimate):
    return LAUNCHERS[name].write(estimate).remarks


def refusal_of(name, estimate):
    with pytest.raises(BadInputError) as refused:
        LAUNCHERS[name].write(estimate)
    return str(refused.value)


def test_adapters_of_trl():
    """All weights would be trained, or adapters of another rank, on another batch."""
    text = text_of("trl", train(**TUNED, gpus=1, zero=0))
    found = flags(text)
    expected = {
        "--use_peft": True, "--lora_r": "32", "--load_in_4bit": True, "--lora_target_modules": "all-linear",
        "--max_length": "2048", "--per_device_train_batch_size": "1", "--gradient_accumulation_steps": "16",
        "--max_steps": "610", "--optim": "adamw_8bit", "--bf16": "true", "--gradient_checkpointing": "true",
    }  # fmt: skip
    assert {flag: found[flag] for flag in expected} == expected
    config = yaml.safe_load(text.split("<<'END'\n")[1].split("END\n")[0])
    assert (config["distributed_type"], config["num_processes"]) == ("NO", 1)


def test_adapters_on_some_matrices_alone():
    """A run would adapt all linear layers, and need more memory than planned."""
    estimate = train(**TUNED, gpus=1, zero=0, lora_targets="q+v")
    assert "  --lora_target_modules q_proj v_proj\n" in text_of("trl", estimate)
    assert yaml.safe_load(text_of("axolotl", estimate))["lora_target_modules"] == ["q_proj", "v_proj"]


def test_adapters_over_several_gpus():
    """FSDP and the trainer would both recompute, or neither; weights would not be divided."""
    estimate = train(**TUNED, gpus=8, zero=3)
    config = yaml.safe_load(text_of("axolotl", estimate))
    assert (config["adapter"], config["load_in_4bit"], config["lora_r"]) == ("qlora", True, 32)
    assert (config["dp_shard_size"], config["gradient_accumulation_steps"]) == (8, 2)
    assert config["optimizer"] == "adamw_torch_8bit"  # Axolotl refuses that of bitsandbytes under FSDP 2
    assert config["gradient_checkpointing"] is False
    assert config["fsdp_config"]["activation_checkpointing"] is True
    assert config["fsdp_config"]["reshard_after_forward"] is True
    assert flags(text_of("trl", estimate))["--gradient_checkpointing"] == "false"


def test_adapters_of_megatron_bridge():
    """The recipe would pretrain."""
    text = text_of("megatron-bridge", train(**{**TUNED, "tuning": "lora", "optimizer": "adam"}, gpus=8, zero=1))
    assert "cfg.peft = LoRA(dim=32)\n" in text
    assert 'from_hf_pretrained("Qwen/Qwen3-8B").to_megatron_provider(load_weights=True)' in text
    assert "    finetune(config=cfg, forward_step_func=forward_step)\n" in text


def test_activations_that_wait_in_host_memory():
    """A run would need more memory than planned without a word."""
    offloaded = train(**WHOLE, gpus=8, zero=3, offload="all")
    config = yaml.safe_load(text_of("axolotl", offloaded))
    assert (config["activation_offloading"], config["gradient_checkpointing"]) == (True, True)
    assert config["fsdp_config"]["activation_checkpointing"] is False
    assert flags(text_of("trl", offloaded))["--activation_offloading"] == "true"
    assert "offload of activations: Accelerate's FSDP has none" in remarks_of("accelerate", offloaded)
    for name in ("megatron", "megatron-bridge", "deepspeed", "torchtitan"):
        assert any(remark.startswith("offload of activations: ") for remark in remarks_of(name, offloaded))


def test_losses_frozen_weights_and_paged_states():
    """A run would hold logits, weights or states that its plan has not, without a word."""
    asked = {**TUNED, "tuning": "lora", "frozen_bits": 8, "optimizer": "adam-8bit-paged", "gpus": 1}
    linear = train(**asked, cross_entropy="linear")
    config, script = yaml.safe_load(text_of("axolotl", linear)), flags(text_of("trl", linear))
    assert config["liger_fused_linear_cross_entropy"] is True
    assert config["plugins"] == ["axolotl.integrations.liger.LigerPlugin"]
    assert (config["load_in_8bit"], config["optimizer"]) == (True, "paged_adamw_8bit")
    assert "load_in_4bit" not in config
    assert (script["--use_liger_kernel"], script["--optim"]) == ("true", "paged_adamw_8bit")
    assert "--load_in_8bit" in script
    said = "frozen-bits 8: {} holds frozen weights in INT8 of bitsandbytes, not in FP8"
    assert said.format("Axolotl") in remarks_of("axolotl", linear)
    cut = train(**asked, cross_entropy="cut")
    assert yaml.safe_load(text_of("axolotl", cut))["cut_cross_entropy"] is True
    assert "cross-entropy cut: TRL writes linear" in remarks_of("trl", cut)
    assert any(remark.startswith("cross-entropy cut: DeepSpeed has no key") for remark in remarks_of("deepspeed", cut))


def test_parameters_that_wait_in_host_memory():
    """Weights would stay on the device, and the run not fit."""
    offloaded = train(**WHOLE, gpus=8, zero=3, offload="parameters")
    assert yaml.safe_load(text_of("axolotl", offloaded))["fsdp_config"]["offload_params"] is True
    assert not any("moves weights and gradients" in remark for remark in remarks_of("accelerate", offloaded))
    assert json.loads(text_of("deepspeed", offloaded))["zero_optimization"]["offload_param"]["device"] == "cpu"
    with pytest.raises(BadInputError, match="Megatron-Core keeps weights on the device; optimizer would do"):
        text_of("megatron", offloaded)


def test_a_data_set_given_in_samples():
    """A run would go over its data another number of times, or pad where the plan packs."""
    asked = {name: value for name, value in TUNED.items() if name != "tokens"} | {"gpus": 1, "samples": 10_000}
    apart = train(**asked, epochs=2, sample_tokens=300)
    config, script = yaml.safe_load(text_of("axolotl", apart)), flags(text_of("trl", apart))
    assert (config["num_epochs"], config["sample_packing"], "max_steps" in config) == (2, False, False)
    assert (script["--num_train_epochs"], script["--packing"], "--max_steps" in script) == ("2", "false", False)
    packed = train(**asked, sample_tokens=300, packing=True)
    assert yaml.safe_load(text_of("axolotl", packed))["sample_packing"] is True
    assert flags(text_of("trl", packed))["--packing"] == "true"
    filled = train(**{**WHOLE, "tokens": None}, gpus=8, zero=1, samples=10_000, sample_tokens=300)
    assert any(remark.startswith("samples that are not packed: ") for remark in remarks_of("megatron", filled))


def test_megatrons_fused_loss():
    """Megatron-LM would run one kernel after the other over its logits."""
    fused = train(**WHOLE, gpus=8, zero=1, cross_entropy="fused")
    text = text_of("megatron", fused)
    assert flags(text)["--cross-entropy-loss-fusion"] is True
    assert registry().launchers["megatron"].read(text).options["cross_entropy"] == "fused"
    assert "cfg.model.cross_entropy_loss_fusion = True\n" in text_of("megatron-bridge", fused)


@pytest.mark.parametrize("name", ["accelerate", "axolotl", "trl"])
def test_hybrid_sharding(name):
    """Weights would be divided over all nodes, not inside each."""
    estimate = train(**WHOLE, gpus=16, zero=3, zero_group=8)
    text = text_of(name, estimate)
    assert "shard_size: 8\n" in text
    assert "replicate_size: 2\n" in text


def test_sharding_over_part_of_a_context_parallel_group():
    """A file would be written that FSDP makes no mesh of."""
    shape = {**WHOLE, "cp": 4}
    words = "zero-group 2: Accelerate's FSDP shards over whole context parallel groups of 4"
    assert refusal_of("accelerate", train(**shape, gpus=16, zero=3, zero_group=2)) == f"accelerate: {words}"


def test_replicas_that_only_context_parallelism_divides():
    """Accelerate would stop at its mesh."""
    estimate = train(**{**WHOLE, "cp": 2}, gpus=16, zero=3, zero_group=2)
    for name in ("accelerate", "axolotl", "trl"):
        assert refusal_of(name, estimate).startswith(f"{name}: zero-group 2: ")


def test_context_parallelism_of_axolotl():
    """Axolotl asks for a flash kernel there."""
    config = yaml.safe_load(text_of("axolotl", train(**{**WHOLE, "cp": 2}, gpus=16, zero=3)))
    assert (config["context_parallel_size"], config["dp_shard_size"]) == (2, 8)
    assert config["attn_implementation"] == "flash_attention_2"


def test_tensor_parallel_accelerate():
    """Sequence parallelism would be promised that the model's own plan decides on."""
    shape = {**WHOLE, "tp": 2}
    words = "sequence parallelism: the model's own tensor parallel plan decides on it"
    assert words in remarks_of("accelerate", train(**shape, gpus=8, zero=3, sequence_parallel=True))


def test_formats_that_accelerate_lacks():
    """``mixed_precision`` would hold a word that Accelerate does not know."""
    estimate = train(**{**WHOLE, "dtype": "w8a8e16"}, gpus=8, zero=3)
    for name in ("accelerate", "axolotl", "megatron", "torchtitan", "megatron-bridge", "deepspeed"):
        assert refusal_of(name, estimate).startswith(f"{name}: dtype")


def test_many_chunks_of_torchtitan():
    """torchtitan would cut two chunks a stage where the plan has four, or stop at a number of layers."""
    shape = {"model": "llama-3.1-70b", "gpu": "h100-sxm-80gb", "gpus": 64, "tp": 1, "pp": 4, "cp": 1, "zero": 2}
    estimate = train(**shape, micro_batch=1, recompute="full", seq_len=4096, vpp=4)
    text = text_of("torchtitan", estimate)
    assert "pipeline_parallel_layers_per_stage = 5\n" in text  # 80 layers / (4 stages x 4 chunks)
    assert 'pipeline_parallel_schedule = "Interleaved1F1B"\n' in text
    assert "local_batch_size = 64\n" in text  # 1,024 sequences / 16 replicas go through a pipeline at once
    assert LAUNCHERS["torchtitan"].read(text).options["vpp"] == 4


def test_speculation():
    """The server would propose another number of tokens, or with another draft."""
    plan = {**SERVED, "tp": 1, "dp": 1, **LOAD, "speculative_tokens": 3, "acceptance_rate": 0.6}
    ngram, draft = infer(**plan), infer(**plan, draft_model="llama-3.2-1b")
    assert json.loads(flags(text_of("vllm", ngram))["--speculative-config"]) == {
        "method": "ngram", "num_speculative_tokens": 3,
    }  # fmt: skip
    assert json.loads(flags(text_of("vllm", draft))["--speculative-config"]) == {
        "model": "meta-llama/Llama-3.2-1B", "num_speculative_tokens": 3,
    }  # fmt: skip
    sglang = flags(text_of("sglang", draft))
    assert (sglang["--speculative-algorithm"], sglang["--speculative-num-steps"]) == ("STANDALONE", "3")
    assert flags(text_of("sglang", ngram))["--speculative-algorithm"] == "NGRAM"
    assert "decoding_type: NGram\n" in text_of("tensorrt-llm", ngram)
    assert "speculative_model_dir: meta-llama/Llama-3.2-1B\n" in text_of("tensorrt-llm", draft)
    assert flags(text_of("llama-cpp", draft))["--spec-draft-n-max"] == "3"
    assert "speculative-tokens 3: llama-server takes a draft model alone" in remarks_of("llama-cpp", ngram)
    read = LAUNCHERS["vllm"].read(text_of("vllm", draft)).options
    assert (read["speculative_tokens"], read["draft_model"]) == (3, "llama-3.2-1b")


def test_a_draft_that_nobody_knows():
    """Speculation would go on without its draft."""
    line = """vllm serve Qwen/Qwen3-8B --speculative-config '{"model": "tiny", "num_speculative_tokens": 2}'"""
    found = LAUNCHERS["vllm"].read(line)
    assert found.remarks == ("draft tiny: no model is known by that name, give --draft-model",)
    assert LAUNCHERS["vllm"].read("vllm serve Qwen/Qwen3-8B --speculative-config '{'").remarks == (
        "not understood, and left out: --speculative-config",
    )


def test_two_pools_are_no_one_file():
    """Half of a server would be launched."""
    estimate = infer(**SERVED, tp=1, dp=2, **LOAD, prefill_replicas=1)
    assert refusal_of("vllm", estimate).startswith("vllm: prefill-replicas 1: two kinds of server")


def test_experts_over_replicas():
    """Ranks would share experts otherwise than the plan counts their traffic."""
    plan = {"model": "deepseek-v3", "gpu": "h200-sxm-141gb", "tp": 1, "pp": 1, "dp": 16, "dtype": "fp8", "batch": 8}
    estimate = infer(**plan, ep=8)
    vllm = flags(text_of("vllm", estimate))
    assert (vllm["--data-parallel-size"], vllm["--enable-expert-parallel"]) == ("8", True)
    sglang = flags(text_of("sglang", estimate))
    assert [sglang[flag] for flag in ("--tp-size", "--ep-size", "--attn-dp-size")] == ["8", "8", "8"]
    assert sglang["--max-running-requests"] == "64"  # of all 8 together
    trt = text_of("tensorrt-llm", estimate)
    assert "enable_attention_dp: true\n" in trt
    assert (flags(trt)["--tp_size"], flags(trt)["--ep_size"]) == ("8", "8")
    words = "dp: the plan runs 2 servers like this one, each on 8 GPUs, with requests spread over them"
    assert all(words in remarks_of(name, estimate) for name in ("vllm", "sglang", "tensorrt-llm"))
    both = infer(**{**plan, "tp": 2, "dp": 8}, ep=8)
    assert refusal_of("tensorrt-llm", both).startswith("tensorrt-llm: ep 8 over replicas of tp 2: its attention is")


def test_servers_over_nodes():
    """One node's command would be taken for that of all."""
    ranks = infer(**{**SERVED, "model": "llama-3.1-405b"}, tp=16, dp=1, batch=1)
    assert flags(text_of("vllm", ranks))["--distributed-executor-backend"] == "ray"
    assert "2 nodes: a Ray cluster has to run over them first" in remarks_of("vllm", ranks)
    assert any(remark.startswith("2 nodes: ") for remark in remarks_of("sglang", ranks))
    assert refusal_of("llama-cpp", ranks) == "llama-cpp: 16 GPUs on 2 nodes: llama-server runs on one"
    assert refusal_of("kubernetes", ranks).startswith("kubernetes: a server of 16 GPUs spans 2 nodes")
    many = infer(**SERVED, tp=1, dp=16, batch=1)
    assert any(remark.startswith("2 nodes: started on each with --data-parallel-size-local 8") for remark in
               remarks_of("vllm", many))  # fmt: skip


def test_what_llama_cpp_does_not_divide():
    """Experts or both kinds of parallelism would be dropped without a word."""
    experts = infer(**{**SERVED, "model": "mixtral-8x7b"}, tp=4, dp=1, ep=4, batch=1)
    assert refusal_of("llama-cpp", experts) == "llama-cpp: ep 4: llama.cpp divides no experts over GPUs"
    both = infer(**{**SERVED, "pp": 2}, tp=2, dp=1, batch=1)
    assert refusal_of("llama-cpp", both) == "llama-cpp: tp 2 with pp 2: llama.cpp splits layers or tensors, not both"


def test_caches_of_other_widths():
    """A server would keep a cache of another size than planned."""
    odd = infer(**SERVED, tp=1, dp=1, batch=1, kv_bits=4)
    assert refusal_of("vllm", odd) == "vllm: kv-bits 4: caches have 32, 16, 8"
    assert flags(text_of("llama-cpp", odd))["--cache-type-k"] == "q4_0"


def test_kernels_launched_one_by_one():
    """CUDA graphs would be on where the plan has none."""
    eager = infer(**SERVED, tp=1, dp=1, **LOAD, cuda_graphs=False, chunked_prefill=False)
    assert flags(text_of("vllm", eager))["--enforce-eager"] is True
    assert flags(text_of("vllm", eager))["--no-enable-chunked-prefill"] is True
    whole = {**SERVED, **LOAD, "tp": 1, "dp": 1, "chunked_prefill": False, "step_tokens": 600, "prompt_tokens": 500}
    for lengths, longest in (("fixed", "628"), (None, "752")):  # 500 + 128; each up to 20 % longer, in 32 draws
        found = flags(text_of("vllm", infer(**whole, prompt_lengths=lengths, output_lengths=lengths)))
        assert found["--max-num-batched-tokens"] == found["--max-model-len"] == longest  # as vLLM asks
    assert flags(text_of("sglang", eager))["--cuda-graph-backend-decode"] == "disabled"
    assert flags(text_of("sglang", eager))["--chunked-prefill-size"] == "-1"
    assert "cuda_graph_config: null\n" in text_of("tensorrt-llm", eager)
    assert "export GGML_CUDA_DISABLE_GRAPHS=1\n" in text_of("llama-cpp", eager)
    read = LAUNCHERS["vllm"].read("vllm serve Qwen/Qwen3-8B --enable-chunked-prefill --quantization awq").options
    assert (read["chunked_prefill"], read["dtype"]) == (True, "w4a16e16")


def test_an_engine_that_kubernetes_does_not_know():
    """Another program would be started than the plan is for."""
    estimate = infer(**SERVED, tp=1, dp=1, batch=1, engine="gpt-fast")
    assert refusal_of("kubernetes", estimate).startswith("kubernetes: a plan for engine gpt-fast: servers of vllm")
    manifest = text_of("kubernetes", infer(**SERVED, tp=1, dp=1, batch=1, engine="llama.cpp", cuda_graphs=False))
    container = next(yaml.safe_load_all(manifest))["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "GGML_CUDA_DISABLE_GRAPHS", "value": "1"}]


def test_plans_of_the_other_kind():
    """A training plan would be served, through Python where no command line stands before."""
    serving, training = infer(**SERVED, tp=1, dp=1, batch=1), train(**TUNED, gpus=1, zero=0)
    assert refusal_of("megatron", serving) == "megatron: launches training, and this is a plan of serving"
    assert refusal_of("vllm", training) == "vllm: serves, and this is a plan of training"
    assert refusal_of("kubernetes", training).startswith("kubernetes: a plan of training: servers of vllm")


CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 4096, "intermediate_size": 14336,
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 8192, "rms_norm_eps": 1e-5, "hidden_act": "silu", "torch_dtype": "bfloat16",
    "tie_word_embeddings": False,
}  # fmt: skip


def test_a_checkpoint_of_the_user(tmp_path):
    """The server would look for weights under a name that llmplan made up."""
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(CONFIG))
    estimate = infer(model=str(folder), gpu="h100-sxm-80gb", tp=1, pp=1, dp=1, batch=1)
    text = text_of("vllm", estimate)
    assert f'MODEL="${{MODEL:-{folder}}}"\n' in text
    assert LAUNCHERS["vllm"].read(f"vllm serve {shlex.quote(str(folder))}").options["model"] == str(folder)


def test_a_model_without_weights_anywhere():
    """A script would start with a repository that does not exist."""
    estimate = infer(**{**SERVED, "model": "megatron-22b"}, tp=2, dp=1, batch=1)
    assert 'MODEL="${MODEL:?path of megatron-22b}"\n' in text_of("vllm", estimate)
    assert any(remark.startswith("the weights of megatron-22b") for remark in remarks_of("kubernetes", estimate))
    tuned = train(**{**WHOLE, "model": "megatron-22b"}, gpus=16, zero=3)
    assert any(remark.startswith("the weights of megatron-22b") for remark in remarks_of("axolotl", tuned))
