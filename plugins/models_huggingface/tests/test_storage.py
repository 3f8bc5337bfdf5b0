"""Bits of stored weights: by configuration, and by the files themselves."""

import json
import struct

import pytest

from llmplan import infer, train
from llmplan.errors import BadInputError
from llmplan_models_huggingface.checkpoint import model_of

ATTENTION = 2 * 64 * 64 + 2 * 64 * 32
"""Q and O of 64 x 64, K and V of 64 x 32."""
MLP = 3 * 64 * 96
BITS = {
    "fp8": ({"quant_method": "fp8", "weight_block_size": [128, 128]}, "fp8", 8 + 32 / 128**2),
    "fp8 but attention": (
        {"quant_method": "fp8", "modules_to_not_convert": ["self_attn", "lm_head"]},
        "fp8",
        (16 * ATTENTION + 8 * MLP) / (ATTENTION + MLP),
    ),
    "fp8 but a layer": ({"quant_method": "fp8", "modules_to_not_convert": ["model.layers.0"]}, "fp8", (16 + 8) / 2),
    "awq": ({"quant_method": "awq", "bits": 4, "group_size": 128}, "w4a16e16", 4 + 20 / 128),
    "gptq": ({"quant_method": "gptq", "bits": 8, "group_size": -1}, "w8a16e16", 8),
    "mxfp4": ({"quant_method": "mxfp4"}, "fp4-weights", 4.25),
    "nf4": ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "w4a16e16", 4.5),
    "nf4 twice": (
        {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_use_double_quant": True},
        "w4a16e16",
        4 + 8 / 64 + 32 / 64 / 256,
    ),
    "int8": ({"quant_method": "bitsandbytes", "load_in_8bit": True}, "w8a16e16", 8),
    "modelopt": ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4", 4.5),
    "modelopt mixed": (
        {
            "quant_method": "modelopt",
            "quant_algo": "MIXED_PRECISION",
            "quantized_layers": {
                "model.layers.0.self_attn.q_proj": {"quant_algo": "FP8"},
                "model.layers.0.mlp.up_proj": {"quant_algo": "NVFP4"},
            },
        },
        "nvfp4",
        (8 * ATTENTION + 4.5 * MLP) / (ATTENTION + MLP),
    ),
    "compressed": (
        {
            "quant_method": "compressed-tensors",
            "config_groups": {
                "group_0": {
                    "weights": {"num_bits": 4, "type": "int", "strategy": "group", "group_size": 32, "symmetric": True},
                    "input_activations": None,
                }
            },
            "ignore": ["lm_head", r"re:.*self_attn.*"],
        },
        "w4a16e16",
        (16 * ATTENTION + 4.5 * MLP) / (ATTENTION + MLP),
    ),
    "compressed fp8": (
        {
            "quant_method": "compressed-tensors",
            "config_groups": {
                "group_0": {
                    "weights": {"num_bits": 8, "type": "float", "strategy": "channel"},
                    "input_activations": {"num_bits": 8, "type": "float"},
                }
            },
        },
        "fp8",
        8,
    ),
}
PLAN = {"gpu": "h100-sxm-80gb", "tp": 1, "pp": 1, "dp": 1}


@pytest.mark.parametrize("case", BITS)
def test_bits_of_a_quantised_checkpoint(read, case):
    """If it fails, a quantised model takes other bytes on the device than its files have."""
    table, dtype, bits = BITS[case]
    stored = read(quantization_config=table).stored
    assert (stored.dtype, stored.training_dtype) == (dtype, "bf16")
    assert stored.layer_bits == pytest.approx(bits, rel=1e-12)


def test_the_dtype_of_the_checkpoint_applies_and_is_said(read):
    """If it fails, a quantised model is served in 16 bits, or nobody learns why not."""
    model = read(quantization_config=BITS["awq"][0])
    served = infer(model=model, **PLAN).plan
    assert served.dtype.name == "w4a16e16"
    assert served.dtype.weight_bits + served.dtype.scale_bits == pytest.approx(4 + 20 / 128)
    assert "dtype w4a16e16: AWQ, 4 bits in groups of 128" in served.assumptions
    assert infer(model=model, **PLAN, dtype="fp8").plan.dtype.name == "fp8"
    trained = train(model=model, **PLAN, tokens=1e9, seq_len=64).plan
    assert trained.dtype.name == "bf16"
    assert "dtype bf16, unquantised: AWQ, 4 bits in groups of 128" in trained.assumptions


def test_a_cache_in_eight_bits_applies(read):
    """If it fails, the scales of a checkpoint for its KV cache are ignored."""
    table = {"quant_method": "modelopt", "quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}
    model = read(quantization_config=table)
    assert infer(model=model, **PLAN).plan.kv_bits == 8
    assert infer(model=model, **PLAN, kv_bits=16).plan.kv_bits == 16
    assert infer(model=model, **PLAN, dtype="bf16").plan.kv_bits == 16


def test_the_file_beside_the_configuration(write):
    """If it fails, checkpoints of ModelOpt that say so in hf_quant_config.json are served in 16 bits."""
    path = write()
    (path.parent / "hf_quant_config.json").write_text(json.dumps({"quantization": {"quant_algo": "FP8"}}))
    assert model_of(path, "x", assume=False).stored.dtype == "fp8"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"quant_method": "hqq"}, "quant_method: 'hqq' is none of fp8"),
        ({"quant_method": "gptq", "bits": 3}, "bits: 3: GPTQ of other than 4 or 8 bits is not priced"),
        ({"quant_method": "bitsandbytes"}, "load_in_4bit, load_in_8bit: neither is true"),
        ({"quant_method": "modelopt", "quant_algo": "X"}, "quant_algo: 'X' is none of"),
        ({"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION"}, "quantized_layers: missing"),
        (
            {"quant_method": "modelopt", "quant_algo": "MIXED_PRECISION", "quantized_layers": {"x": 3}},
            "quantized_layers: '' is none of",
        ),
        ({"quant_method": "fp8", "weight_block_size": [128]}, "weight_block_size: [128] is no block, like [128, 128]"),
        ({"quant_method": "fp8", "weight_block_size": [0, 0]}, "weight_block_size: [0, 0] is no block"),
        ({"quant_method": "fp8", "modules_to_not_convert": 3}, "modules_to_not_convert: 3 is no list of names"),
        ({"quant_method": "awq", "bits": True}, "bits: True: AWQ of other than 4 or 8 bits is not priced"),
        ({"quant_method": "fp8", "modules_to_not_convert": ["re:["]}, "'re:[' is no regular expression"),
        ({"quant_method": "compressed-tensors"}, "config_groups: 0 groups; one is priced"),
        (
            {"quant_method": "compressed-tensors", "config_groups": {"g": {"weights": {"num_bits": 2}}}},
            "weights of 2 bits (int) with activations of 16 are not priced",
        ),
    ],
)
def test_what_is_not_priced_is_refused(read, table, words):
    """If it fails, an unknown quantisation is priced as 16 bits."""
    with pytest.raises(BadInputError) as error:
        read(quantization_config=table)
    assert "config.json: quantization_config: " + words in str(error.value)


def tensors(layers=2, bits=4.25):
    """The names of a quantised LLaMA of the tests, with the bytes of each."""
    inside = {"self_attn.q_proj.qweight": ATTENTION, "mlp.up_proj.qweight": MLP}
    sizes = {
        f"model.layers.{n}.{name}": int(weights * bits / 8) for n in range(layers) for name, weights in inside.items()
    }
    return {**sizes, "model.embed_tokens.weight": 100 * 64 * 2, "lm_head.weight": 100 * 64 * 2}


def write_safetensors(path, sizes):
    """A file whose header says so, without the weights."""
    header, start = {"__metadata__": {"format": "pt"}}, 0
    for name, size in sizes.items():
        header[name] = {"dtype": "I8", "shape": [size], "data_offsets": [start, start + size]}
        start += size
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text)


def write_gguf(path, shapes, kind=12):
    """Two values of metadata, and tensors of Q4_K: 144 bytes for 256 elements."""

    def text(word):
        return struct.pack("<Q", len(word)) + word.encode()

    values = text("general.name") + struct.pack("<I", 8) + text("tiny")
    values += text("tokens") + struct.pack("<IIQ", 9, 8, 2) + text("a") + text("b")
    values += text("scores") + struct.pack("<IIQ", 9, 6, 2) + struct.pack("<ff", 1, 2)
    values += text("bos") + struct.pack("<II", 4, 1)
    body = b"".join(text(name) + struct.pack("<IQQIQ", 2, *shape, kind, 0) for name, shape in shapes.items())
    path.write_bytes(struct.pack("<4sIQQ", b"GGUF", 3, len(shapes), 4) + values + body)


@pytest.mark.parametrize("in_shards", [False, True])
def test_bytes_are_those_of_the_files(write, in_shards):
    """If it fails, a checkpoint that is at hand is priced by what its configuration suggests."""
    path, sizes = write(quantization_config=BITS["awq"][0]), tensors()
    further = {"model.layers.2.mlp.up_proj.weight": 10**6}  # predicts further tokens: not served
    if in_shards:
        names = {name: f"model-0000{number % 2}.safetensors" for number, name in enumerate(sizes | further)}
        for shard in set(names.values()):
            part = {name: size for name, size in (sizes | further).items() if names[name] == shard}
            write_safetensors(path.parent / shard, part)
        (path.parent / "model.safetensors.index.json").write_text(json.dumps({"weight_map": names}))
    else:
        write_safetensors(path.parent / "model.safetensors", sizes | further)
    model = model_of(path, "x", assume=False)
    norms = 2 * 64
    stored = 2 * (int(ATTENTION * 4.25 / 8) + int(MLP * 4.25 / 8))
    assert model.stored.layer_bits == pytest.approx(8 * stored / (2 * (ATTENTION + MLP + norms)))
    assert model.stored.said.endswith("; bytes as in its files")
    weights = infer(model=model, **PLAN).memory_breakdown["weights"]
    ends = infer(model=model, **PLAN, dtype="w16a16e16").memory_breakdown["weights"] - 2 * (ATTENTION + MLP + norms) * 2
    assert weights == pytest.approx(stored + ends)


def test_shards_that_are_missing_are_not_summed(write):
    """If it fails, a half-downloaded checkpoint takes half of its memory."""
    path = write(quantization_config=BITS["awq"][0])
    write_safetensors(path.parent / "one.safetensors", tensors(1))
    index = {"weight_map": {"a": "one.safetensors", "b": "two.safetensors"}}
    (path.parent / "model.safetensors.index.json").write_text(json.dumps(index))
    assert model_of(path, "x", assume=False).stored.layer_bits == pytest.approx(4 + 20 / 128)


def test_a_file_that_ends_too_early(write):
    """If it fails, a broken download ends in a traceback."""
    path = write(quantization_config=BITS["awq"][0])
    (path.parent / "model.safetensors").write_bytes(struct.pack("<Q", 100) + b"{}")
    with pytest.raises(BadInputError, match=r"model\.safetensors: ends inside its header"):
        model_of(path, "x", assume=False)


def test_a_gguf_file_tells_its_bytes(write):
    """If it fails, llama.cpp's files are priced in 16 bits."""
    path = write()
    shapes = {"blk.0.attn_q.weight": (64, 192), "blk.1.ffn_up.weight": (64, 288), "token_embd.weight": (64, 100)}
    write_gguf(path.parent / "tiny-q4_k_m.gguf", shapes)
    stored = model_of(path, "x", assume=False).stored
    inside = (64 * 192 + 64 * 288) * 144 / 256
    assert stored.layer_bits == pytest.approx(8 * inside / (2 * (ATTENTION + MLP + 2 * 64)))
    assert stored.dtype == "gguf-q4-k-m"
    assert infer(model=model_of(path, "x", assume=False), **PLAN).plan.dtype.weight_bits == stored.layer_bits
