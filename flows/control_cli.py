"""`rollguard control`: thin."""

import typer

app = typer.Typer(no_args_is_help=True, help="Follow what rollguard says, and tell it something.")
