"""Published measurements, and how far the cost model was off them."""
