"""``python -m llmplan``."""

import gc

_OBJECTS = 50_000
"""Between two looks for garbage: a command that prices one plan makes none worth a look, a search gets its share."""


def run() -> int:
    """Entry point. Imports make no garbage, so the collector is kept out of them: 7 ms of some 230."""
    gc.disable()
    from llmplan.cli.main import main

    gc.freeze()
    gc.set_threshold(_OBJECTS)
    gc.enable()
    try:
        return main()
    finally:
        gc.freeze()  # the interpreter would look through everything once more before it ends


if __name__ == "__main__":
    raise SystemExit(run())
