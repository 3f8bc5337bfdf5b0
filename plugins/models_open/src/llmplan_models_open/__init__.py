"""Model families other than LLaMA, dense and sparse, for llmplan."""
