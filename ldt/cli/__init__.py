"""The ldt-rate command: one subcommand a file."""
