"""From partial aggregates to closed panes and windows."""
