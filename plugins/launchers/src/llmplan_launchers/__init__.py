"""Launch files of the programs that train and serve, written from plans and read back."""
