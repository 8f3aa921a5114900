"""Reference profiles: what watched fields looked like when all was well."""
