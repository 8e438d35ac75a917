"""The schema's history. Each released version can be brought forward; none is ever changed afterwards."""

HEAD = "0003"
