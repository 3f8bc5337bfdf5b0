"""The LLaMA family, and its published tables, for llmplan."""
