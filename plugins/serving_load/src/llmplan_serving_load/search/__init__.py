"""The search for a server: layouts, each priced in closed form for every load; the best are confirmed by simulation."""
