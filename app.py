"""Front door: `create_app()` for any WSGI server; `python app.py` runs the command line."""

from __future__ import annotations

from adapter.assembly import create_app
from adapter.toolbox import command_line

__all__ = ["create_app", "main"]


def main() -> None:
    """Run the `stepladder` command."""
    command_line()


if __name__ == "__main__":
    main()
