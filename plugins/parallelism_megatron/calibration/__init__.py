"""What the cost model ``megatron`` learns from published runs: how far its figures were off."""
