"""The schema's history. Each released version can be brought forward; none is ever changed afterwards.

From 0004 on each only adds: programs of the version before go on beside it while they are replaced one by one.
"""

HEAD = "0004"
