"""Models in TOML with experts or latent attention: [moe] and [mla], in a file of their own or inside a plan."""

from __future__ import annotations

import pytest

from llmplan.catalogues import MODELS
from llmplan.catalogues.record_file import read_record
from llmplan.errors import BadInputError
from llmplan.request import TrainRequest
from llmplan.request.plan_file import read_plan
from llmplan_layers import LatentAttention, MixtureOfExperts

SHAPE = """\
name = "mini"
layers = 4
hidden = 64
heads = 4
ffn_hidden = 256
gated_mlp = true
vocab = 1000
"""
MOE = "n_routed_experts = 8\ntop_k = 2\nmoe_ffn_hidden = 32\n"
MLA = "kv_lora_rank = 12\nqk_nope_head_dim = 8\nqk_rope_head_dim = 4\nv_head_dim = 6\n"
FULL = f"""\
{SHAPE}
[moe]
{MOE}n_shared_experts = 1
shared_ffn_hidden = 48
first_dense_layers = 1
moe_layer_step = 3
router_bias = true
shared_expert_gate = true
[mla]
q_lora_rank = 24
{MLA}"""


@pytest.fixture
def write(tmp_path):
    """Writes a file, and says where."""

    def written(text: str) -> str:
        path = tmp_path / "file.toml"
        path.write_text(text)
        return str(path)

    return written


def refusal(read, path: str, *arguments: object) -> str:
    """What is said about a file, without its name."""
    with pytest.raises(BadInputError) as caught:
        read(path, *arguments)
    return str(caught.value).removeprefix(f"{path}: ")


def test_all_keys_of_both_tables(write):
    """If it fails, a key of [moe] or [mla] is dropped on the way."""
    model = read_record(write(FULL), MODELS)
    assert model.moe == MixtureOfExperts(
        n_routed_experts=8, n_shared_experts=1, top_k=2, moe_ffn_hidden=32, shared_ffn_hidden=48,
        first_dense_layers=1, moe_layer_step=3, router_bias=True, shared_expert_gate=True,
    )  # fmt: skip
    assert model.mla == LatentAttention(
        q_lora_rank=24, kv_lora_rank=12, qk_nope_head_dim=8, qk_rope_head_dim=4, v_head_dim=6
    )
    assert model.head_dim == 12


def test_a_plan_may_hold_such_a_model(write):
    """If it fails, experts can be planned for from a model file only."""
    plan = read_plan(
        write("tp = 2\n[model]\n" + FULL.replace("[moe]", "[model.moe]").replace("[mla]", "[model.mla]")), TrainRequest
    )
    assert (plan["model"].moe.top_k, plan["model"].mla.kv_lora_rank) == (2, 12)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("[moe]\n" + MOE.replace("= 2", "= 9"), "line 10: moe.top_k: 9 is more than n_routed_experts = 8"),
        ("[moe]\n" + MOE.replace("= 2", "= 2.5"), "line 10: moe.top_k: 2.5 is not a whole number"),
        (
            "[moe]\n" + MOE.replace("top_k", "topk"),
            "line 8: moe.top_k: missing; moe.topk: not a field (did you mean top_k?)",
        ),
        (
            "[moe]\n" + MOE + "n_shared_experts = -1",
            "line 12: moe.n_shared_experts: -1 is not a whole number of at least 0",
        ),
        ("[moe]\n" + MOE + "shared_ffn_hidden = 5", "line 12: moe.shared_ffn_hidden: 5, and n_shared_experts = 0"),
        (
            "[moe]\n" + MOE + "first_dense_layers = 4",
            "line 8: moe: first_dense_layers = 4 and moe_layer_step = 1 leave none of 4 layers with experts",
        ),
        ("moe = 8", "line 8: moe: 8 is not a table"),
        ("mla = [1]", "line 8: mla: [1] is not a table"),
        ("[mla]\n" + MLA + "q_lora_rank = 0", "line 13: mla.q_lora_rank: 0 is not a whole number of at least 1"),
        ("head_dim = 16\n[mla]\n" + MLA, "line 8: head_dim: 16 is not qk_nope_head_dim + qk_rope_head_dim = 12"),
    ],
)
def test_what_is_wrong_in_a_table_is_named_with_its_line(write, table, message):
    """If it fails, a slip among the experts is searched for in the whole file, or priced."""
    assert refusal(read_record, write(SHAPE + table), MODELS) == message


def test_the_line_is_right_inside_a_plan_too(write):
    """If it fails, the same slip in a plan file is blamed on another line."""
    text = "tp = 2\n[model]\n" + SHAPE + "[model.moe]\n" + MOE.replace("= 2", "= 9")
    assert refusal(read_plan, write(text), TrainRequest) == "line 12: moe.top_k: 9 is more than n_routed_experts = 8"
