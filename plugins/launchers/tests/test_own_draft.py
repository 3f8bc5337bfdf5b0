"""Layers for multi-token prediction: trained by Megatron's own words, and servers that draft with them."""

import json
import shlex

import pytest

from llmplan import infer, train
from llmplan_launchers.serving.tensorrt_llm import LAUNCHER as TENSORRT_LLM
from llmplan_launchers.serving.vllm import LAUNCHER as VLLM
from llmplan_launchers.training.megatron import LAUNCHER as MEGATRON


@pytest.fixture(scope="module")
def served():
    """DeepSeek-V3 that proposes a token by itself."""
    return infer(
        model="deepseek-v3", gpu="h200-sxm-141gb", dtype="fp8", tp=8, pp=1, dp=1, rate=1, requests=0,
        speculative_tokens=1, acceptance_rate=0.85, draft_model="mtp",
    )  # fmt: skip


def test_vllm_is_told_and_tells(served):
    """If it fails, vLLM looks for a draft of a name that nobody has published."""
    text = VLLM.write(served).text
    words = shlex.split(text.replace("\\\n", " "), comments=True)
    config = json.loads(words[words.index("--speculative-config") + 1])
    assert config == {"method": "mtp", "num_speculative_tokens": 1}
    assert VLLM.read(text).options["draft_model"] == "mtp"


def test_tensorrt_llm_is_told(served):
    """If it fails, TensorRT-LLM looks for the folder of a draft that there is not."""
    text = TENSORRT_LLM.write(served).text
    assert "decoding_type: MTP" in text
    assert "num_nextn_predict_layers: 1" in text
    assert "speculative_model_dir" not in text


def test_megatron_trains_them():
    """If it fails, a plan with multi-token prediction is launched without it."""
    plan = {"gpu": "h100-sxm-80gb", "tp": 8, "pp": 1, "dp": 64, "ep": 32, "cp": 1, "vpp": 1, "recompute": "full"}
    plan |= {"micro_batch": 1, "gradient_accumulation": 1, "seq_len": 4096, "tokens": 1e12, "zero": 1}
    text = MEGATRON.write(train(model="glm-4.5", **plan)).text
    assert "--mtp-num-layers 1" in text
    assert MEGATRON.read(text).options["model"]["mtp_layers"] == 1
