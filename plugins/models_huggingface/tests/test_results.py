"""Results of models that were read from files hold the model, not the file."""

import json

import pytest

from llmplan import infer, train
from llmplan.output.document import document
from llmplan.request import InferRequest, TrainRequest
from llmplan.request.plan_file import read_plan

HYBRID = {
    "model_type": "qwen3_next",
    "num_hidden_layers": 4,
    "hidden_size": 256,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 64,
    "intermediate_size": 512,
    "vocab_size": 1000,
    "linear_num_key_heads": 4,
    "linear_num_value_heads": 8,
    "linear_key_head_dim": 32,
    "linear_value_head_dim": 32,
    "quantization_config": {"quant_method": "fp8", "weight_block_size": [128, 128]},
}


@pytest.mark.parametrize("fields", [{}, HYBRID], ids=["plain", "hybrid"])
@pytest.mark.parametrize(("price", "request_"), [(train, TrainRequest), (infer, InferRequest)])
def test_a_result_is_priced_again_without_the_file(write, tmp_path, price, request_, fields):
    """If it fails, a result that is passed on says nothing to who has not the configuration."""
    path = write(folder="mine", **fields)
    options = {"tokens": 1e9, "seq_len": 128} if price is train else {"batch": 3}
    first = document(price(model=str(path), gpu="h100-sxm-80gb", gpus=2, **options))
    path.unlink()
    result = tmp_path / "result.json"
    result.write_text(json.dumps(first))
    again = document(price(request_(**read_plan(str(result), request_))))
    assert again == first
