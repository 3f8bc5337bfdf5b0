"""Optimizers by what they keep of a parameter beside its master weight."""

from __future__ import annotations

from llmplan.records import Optimizer

OPTIMIZERS = (
    Optimizer(
        name="adam",
        default=True,
        description="momentum and variance in 32 bits: 8 bytes a parameter",
        state_bytes=8.0,
        source="Kingma and Ba 2014, arXiv:1412.6980; in mixed precision Rajbhandari et al. 2020, arXiv:1910.02054, 3.1",
    ),
    Optimizer(
        name="sgd",
        description="momentum in 32 bits: 4 bytes a parameter",
        state_bytes=4.0,
        source="Sutskever et al. 2013, On the importance of initialization and momentum in deep learning",
    ),
    Optimizer(
        name="adafactor",
        description="a row and a column of variances a matrix, without momentum: next to nothing",
        state_bytes=0.01,
        source="Shazeer and Stern 2018, arXiv:1804.04235, section 3: (n + m)/(n m) of 4 bytes, 0.002 for a matrix of "
        "4,096 x 4,096, and all of a vector's",
    ),
    Optimizer(
        name="lion",
        description="momentum in 32 bits: 4 bytes a parameter",
        state_bytes=4.0,
        source="Chen et al. 2023, arXiv:2302.06675, algorithm 2",
    ),
    Optimizer(
        name="adam-8bit",
        description="momentum and variance in 8 bits, a scale a block of 2,048: 2 bytes a parameter",
        state_bytes=2.004,
        source="Dettmers et al. 2021, arXiv:2110.02861, section 2.1",
    ),
    Optimizer(
        name="muon",
        description="momentum in 32 bits, made orthogonal in 5 Newton-Schulz steps: 4 bytes a parameter",
        state_bytes=4.0,
        newton_schulz_steps=5,
        source="Jordan et al. 2024, kellerjordan.github.io/posts/muon; embeddings and norms, which take Adam there, "
        "are counted as matrices",
    ),
)
