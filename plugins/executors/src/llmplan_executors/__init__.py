"""Where the shares of a search are worked on: threads, processes, and Dask on other machines."""
