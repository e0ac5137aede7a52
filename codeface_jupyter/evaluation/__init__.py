"""How often models are right in a user's own notebooks: each code cell hidden behind its request.

`tasks` finds the cells that say what they do, `run` has each model asked for them in a process
where the notebook runs (`worker`, `replay`), `judge` compares what the answers do with what the
cells do, and `report` sums it up.
"""
