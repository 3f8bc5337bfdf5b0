"""``python -m llmplan``."""

from llmplan.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
