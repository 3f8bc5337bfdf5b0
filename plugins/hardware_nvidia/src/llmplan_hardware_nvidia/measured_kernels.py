"""What kernels and links of NVIDIA accelerators with timings reach of their printed peaks, by shape.

Generated from timings by ``python -m calibration FOLDER`` beside src: run it, edit nothing. Only formats with timings
are here; what stands in for the others, and for accelerators without timings, is in curves.py.

- GEMMs: of 64 rows and more, those with m, n, k >= 1024 counting three times. half_n is large in fp8, fp4 and int8,
  whose timings include the quantisation of the activations: m k elements, 1/n of the work.
- Attention: causal. What was not timed is said in the source.
- hbm: slope of latency over bytes in 16-bit GEMMs of at most 8 rows and more than 64 MB of weights.
- Collectives: NCCL's, groups of 2, 4 and 8 together. On PCIe (L40S) the curve is that of 4 GPUs: without peer-to-peer
  2 are four times as fast, and 8 four times as slow. A GB200, timed in groups of 2 and 4, is within 4 % of the B200,
  whose curves it takes.
"""

from __future__ import annotations

from collections.abc import Mapping

from llmplan.records import (
    AttentionCurve,
    AttentionKernel,
    CollectiveCurve,
    GemmCurve,
    KernelCurves,
    NetworkCurve,
)

_A100_FLASH_2 = AttentionKernel(
    forward=AttentionCurve(
        plateau=0.6982,
        half_tokens=337.9,
        half_head_dim=10.48,
        launch_seconds=2.7e-06,
    ),
    backward=AttentionCurve(
        plateau=0.6982,
        half_tokens=539.3,
        half_head_dim=18.03,
        launch_seconds=2.7e-06,
    ),
)
_H100_FLASH_2 = AttentionKernel(
    forward=AttentionCurve(
        plateau=0.3662,
        half_tokens=360.6,
        half_head_dim=8.979,
        launch_seconds=2.7e-06,
    ),
    backward=AttentionCurve(
        plateau=0.3662,
        half_tokens=560.9,
        half_head_dim=16.34,
        launch_seconds=2.7e-06,
    ),
)
_H100_FLASH_3 = AttentionKernel(
    forward=AttentionCurve(
        plateau=0.8893,
        half_tokens=615.6,
        half_head_dim=48.09,
        launch_seconds=2.7e-06,
    ),
    backward=AttentionCurve(
        plateau=0.8893,
        half_tokens=779.7,
        half_head_dim=62.96,
        launch_seconds=2.7e-06,
    ),
)

MEASURED_KERNELS: Mapping[str, KernelCurves] = {
    "a100-sxm-80gb": KernelCurves(
        gemm={
            "bf16": GemmCurve(
                plateau=0.9262,
                half_tile=383.9,
                half_m=0.0,
                half_n=0.0,
                half_k=184.3,
                launch_seconds=6.944e-06,
            ),
            "int8": GemmCurve(
                plateau=0.99,
                half_tile=0.0,
                half_m=102.7,
                half_n=424.9,
                half_k=428.7,
                launch_seconds=1.457e-05,
            ),
        },
        attention={
            "flash-2": _A100_FLASH_2,
            "flash-3": _A100_FLASH_2,
        },
        hbm=0.8239,
        launch_seconds=2.7e-06,
        collectives={
            "all_reduce": CollectiveCurve(
                plateau=0.8463,
                half_ranks=0.3155,
                half_bytes=6685000.0,
                launch_seconds=8.03e-06,
                step_seconds=1.813e-06,
            ),
            "all_gather": CollectiveCurve(
                plateau=0.8415,
                half_ranks=0.8101,
                half_bytes=5994000.0,
                launch_seconds=8.152e-06,
                step_seconds=9.187e-07,
            ),
            "reduce_scatter": CollectiveCurve(
                plateau=0.8399,
                half_ranks=0.417,
                half_bytes=6583000.0,
                launch_seconds=8.066e-06,
                step_seconds=8.612e-07,
            ),
            "all_to_all": CollectiveCurve(
                plateau=0.8144,
                half_ranks=0.5132,
                half_bytes=4866000.0,
                launch_seconds=1.072e-05,
                step_seconds=3.351e-07,
            ),
        },
        network=NetworkCurve(
            plateau=0.85,
            step_seconds=9.95e-06,
        ),
        source=(
            "A100 operator timings (aiconfigurator): GEMMs, 88 in bf16 and 88 in int8; 252 NCCL collectives of 2 to "
            "8 GPUs; 4 HDR NICs that deliver 85 of 100 GB/s (nccl-tests #119); 19.9 us for the least all-reduce of "
            "two nodes (nccl-tests #150); attention: FlashAttention's own figures, forward and backward together on "
            "an A100, split as on an H100; flash-3, which has no kernel here, is flash-2"
        ),
    ),
    "h100-sxm-80gb": KernelCurves(
        gemm={
            "bf16": GemmCurve(
                plateau=0.8008,
                half_tile=0.0,
                half_m=0.0,
                half_n=0.0,
                half_k=64.43,
                launch_seconds=3.901e-06,
            ),
            "fp8": GemmCurve(
                plateau=0.7599,
                half_tile=0.0,
                half_m=25.72,
                half_n=1574.0,
                half_k=240.2,
                launch_seconds=1.297e-05,
            ),
        },
        attention={
            "flash-2": _H100_FLASH_2,
            "flash-3": _H100_FLASH_3,
        },
        hbm=0.8573,
        launch_seconds=2.7e-06,
        collectives={
            "all_reduce": CollectiveCurve(
                plateau=1.0,
                half_ranks=0.6016,
                half_bytes=5063000.0,
                launch_seconds=4.169e-06,
                step_seconds=1.664e-06,
            ),
            "all_gather": CollectiveCurve(
                plateau=0.9306,
                half_ranks=0.8501,
                half_bytes=4785000.0,
                launch_seconds=4.19e-06,
                step_seconds=8.983e-07,
            ),
            "reduce_scatter": CollectiveCurve(
                plateau=0.9301,
                half_ranks=1.197,
                half_bytes=2126000.0,
                launch_seconds=4.432e-06,
                step_seconds=8.192e-07,
            ),
            "all_to_all": CollectiveCurve(
                plateau=0.7789,
                half_ranks=0.2057,
                half_bytes=3152000.0,
                launch_seconds=7.243e-06,
                step_seconds=1.098e-07,
            ),
        },
        network=NetworkCurve(
            plateau=0.94,
            step_seconds=9.95e-06,
        ),
        source=(
            "H100 operator timings (aiconfigurator): GEMMs, 99 in bf16 and 99 in fp8; 252 NCCL collectives of 2 to "
            "8 GPUs; an NDR NIC that delivers 46 to 48 of 50 GB/s (nccl-tests #290); 19.9 us for the least "
            "all-reduce of two nodes (nccl-tests #150); attention: FlashAttention's own figures on an H100; flash-3 "
            "backward, of which none was timed, assumed to gain what forward gains over flash-2, at most 1.75"
        ),
    ),
    "h200-sxm-141gb": KernelCurves(
        gemm={
            "bf16": GemmCurve(
                plateau=0.7931,
                half_tile=0.0,
                half_m=0.0,
                half_n=0.0,
                half_k=20.2,
                launch_seconds=4.503e-06,
            ),
            "fp8": GemmCurve(
                plateau=0.7802,
                half_tile=0.0,
                half_m=41.98,
                half_n=1486.0,
                half_k=225.0,
                launch_seconds=1.244e-05,
            ),
        },
        attention={
            "flash-2": _H100_FLASH_2,
            "flash-3": _H100_FLASH_3,
        },
        hbm=0.9053,
        launch_seconds=2.7e-06,
        collectives={
            "all_reduce": CollectiveCurve(
                plateau=1.0,
                half_ranks=0.6084,
                half_bytes=4139000.0,
                launch_seconds=4.123e-06,
                step_seconds=1.775e-06,
            ),
            "all_gather": CollectiveCurve(
                plateau=0.942,
                half_ranks=0.9002,
                half_bytes=4066000.0,
                launch_seconds=3.886e-06,
                step_seconds=1.101e-06,
            ),
            "reduce_scatter": CollectiveCurve(
                plateau=0.9328,
                half_ranks=1.153,
                half_bytes=2017000.0,
                launch_seconds=4.14e-06,
                step_seconds=9.58e-07,
            ),
            "all_to_all": CollectiveCurve(
                plateau=0.7846,
                half_ranks=0.1275,
                half_bytes=2887000.0,
                launch_seconds=6.998e-06,
                step_seconds=1.881e-07,
            ),
        },
        network=NetworkCurve(
            plateau=0.94,
            step_seconds=9.95e-06,
        ),
        source=(
            "H200 operator timings (aiconfigurator): GEMMs, 99 in bf16 and 99 in fp8; 252 NCCL collectives of 2 to "
            "8 GPUs; an NDR NIC that delivers 46 to 48 of 50 GB/s (nccl-tests #290); 19.9 us for the least "
            "all-reduce of two nodes (nccl-tests #150); attention: that of h100-sxm-80gb, the same chip, whose "
            "flash-3 backward is assumed"
        ),
    ),
    "b200-sxm": KernelCurves(
        gemm={
            "bf16": GemmCurve(
                plateau=0.7016,
                half_tile=169.0,
                half_m=0.0,
                half_n=0.0,
                half_k=0.0,
                launch_seconds=3.271e-06,
            ),
            "fp8": GemmCurve(
                plateau=0.7081,
                half_tile=0.0,
                half_m=66.92,
                half_n=1915.0,
                half_k=34.09,
                launch_seconds=1.582e-05,
            ),
            "fp4": GemmCurve(
                plateau=0.557,
                half_tile=0.0,
                half_m=176.2,
                half_n=1699.0,
                half_k=438.2,
                launch_seconds=9.099e-06,
            ),
        },
        attention={
            "flash-2": AttentionKernel(
                forward=AttentionCurve(
                    plateau=0.161,
                    half_tokens=360.6,
                    half_head_dim=8.979,
                    launch_seconds=2.7e-06,
                ),
                backward=AttentionCurve(
                    plateau=0.161,
                    half_tokens=560.9,
                    half_head_dim=16.34,
                    launch_seconds=2.7e-06,
                ),
            ),
            "flash-3": AttentionKernel(
                forward=AttentionCurve(
                    plateau=1.0,
                    half_tokens=1639.0,
                    half_head_dim=114.8,
                    launch_seconds=2.7e-06,
                ),
                backward=AttentionCurve(
                    plateau=1.0,
                    half_tokens=1935.0,
                    half_head_dim=133.2,
                    launch_seconds=2.7e-06,
                ),
            ),
        },
        hbm=0.804,
        launch_seconds=2e-06,
        collectives={
            "all_reduce": CollectiveCurve(
                plateau=0.8475,
                half_ranks=0.2824,
                half_bytes=11350000.0,
                launch_seconds=7.075e-06,
                step_seconds=2.599e-06,
            ),
            "all_gather": CollectiveCurve(
                plateau=0.885,
                half_ranks=0.7444,
                half_bytes=10180000.0,
                launch_seconds=7.289e-06,
                step_seconds=1.376e-06,
            ),
            "reduce_scatter": CollectiveCurve(
                plateau=0.8796,
                half_ranks=1.074,
                half_bytes=6390000.0,
                launch_seconds=7.383e-06,
                step_seconds=1.302e-06,
            ),
            "all_to_all": CollectiveCurve(
                plateau=0.879,
                half_ranks=1.628,
                half_bytes=7870000.0,
                launch_seconds=9.298e-06,
                step_seconds=4.366e-07,
            ),
        },
        network=NetworkCurve(
            plateau=0.94,
            step_seconds=9.95e-06,
        ),
        source=(
            "B200 operator timings (aiconfigurator): GEMMs, 99 in bf16 and 99 in fp8 and 99 in fp4; 252 NCCL "
            "collectives of 2 to 8 GPUs; an NDR NIC that delivers 46 to 48 of 50 GB/s (nccl-tests #290); 19.9 us "
            "for the least all-reduce of two nodes (nccl-tests #150); attention: flash-3 is TensorRT-LLM's prefill, "
            "its backward assumed as far behind as h100-sxm-80gb's; flash-2, which has no kernel here, at the "
            "FLOP/s of an H100"
        ),
    ),
    "l40s": KernelCurves(
        gemm={
            "bf16": GemmCurve(
                plateau=0.5911,
                half_tile=0.0,
                half_m=0.0,
                half_n=0.0,
                half_k=0.0,
                launch_seconds=0.0,
            ),
            "fp8": GemmCurve(
                plateau=0.518,
                half_tile=0.0,
                half_m=55.99,
                half_n=416.1,
                half_k=0.0,
                launch_seconds=8.156e-06,
            ),
        },
        attention={
            "flash-2": _A100_FLASH_2,
            "flash-3": _A100_FLASH_2,
        },
        hbm=0.8672,
        launch_seconds=2.7e-06,
        collectives={
            "all_reduce": CollectiveCurve(
                plateau=0.1613,
                half_ranks=0.0,
                half_bytes=0.0,
                launch_seconds=2.382e-06,
                step_seconds=3.218e-06,
            ),
            "all_gather": CollectiveCurve(
                plateau=0.1485,
                half_ranks=0.0,
                half_bytes=0.0,
                launch_seconds=3.486e-06,
                step_seconds=1.884e-06,
            ),
            "reduce_scatter": CollectiveCurve(
                plateau=0.1528,
                half_ranks=0.0,
                half_bytes=37.87,
                launch_seconds=3.204e-06,
                step_seconds=1.807e-06,
            ),
            "all_to_all": CollectiveCurve(
                plateau=0.1464,
                half_ranks=0.0,
                half_bytes=5288.0,
                launch_seconds=6.032e-06,
                step_seconds=1.017e-06,
            ),
        },
        network=NetworkCurve(
            plateau=0.628,
            step_seconds=9.95e-06,
        ),
        source=(
            "L40S operator timings (aiconfigurator): GEMMs, 99 in bf16 and 99 in fp8; 252 NCCL collectives of 2 to "
            "8 GPUs; no NIC timed: what leaves the GPU crosses PCIe; 19.9 us for the least all-reduce of two nodes "
            "(nccl-tests #150); attention: none timed, the fractions of a100-sxm-80gb; flash-3, which has no kernel "
            "here, is flash-2"
        ),
    ),
}
"""By profile name."""
