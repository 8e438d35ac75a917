"""Where everything accepted is kept: tables, statements, migrations. Speaks SQL and nothing else."""
