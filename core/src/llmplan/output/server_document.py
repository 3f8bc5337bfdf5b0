"""What the JSON of a server under load holds beside its plan and figures."""

from __future__ import annotations

from typing import Any

from llmplan.catalogues.figures import figures_of
from llmplan.estimate.figures import SERVER
from llmplan.output.document import layout_of, plain


def server_document(estimate: Any) -> dict[str, Any]:
    """The load, the most that can be answered, closed form and simulation."""
    server, load, speculation = estimate.server, estimate.server.workload, estimate.server.speculation
    own = {figure.key.removeprefix("server."): figure for figure in figures_of(SERVER) if figure.key.count(".") == 1}
    return {
        "load": {
            "rate": estimate.offered_rate,
            "concurrency": load.concurrency,
            "trace": load.trace_name or None,
            "peak": load.peak,
            "prompt_lengths": None if load.trace else plain(load.prompt),
            "output_lengths": None if load.trace else plain(load.output),
            "mean_prompt_tokens": estimate.mean_lengths[0],
            "mean_output_tokens": estimate.mean_lengths[1],
            "seed": load.seed,
        },
        "batching": {
            "step_tokens": server.step_tokens,
            "chunked_prefill": server.chunked,
            "max_sequences": server.max_sequences,
            "prefix_hit_rate": server.prefix_hit_rate,
        },
        "speculation": speculation
        and {
            "draft_tokens": speculation.draft_tokens,
            "acceptance_rate": speculation.acceptance_rate,
            "draft_model": speculation.draft and speculation.draft.model.name,
            "tokens_per_step": speculation.tokens_per_step,
        },
        "prefill_layout": server.prefill_pool and layout_of(server.prefill_pool),
        **{name: plain(figure.value(estimate)) for name, figure in own.items()},
        "capacity": plain(estimate.capacity),
        "closed_form": plain(estimate.closed_form),
        "simulated": plain(estimate.simulated),
    }
