"""`rollguard triage`, `evals` and `gate`: from complaints to cases, from cases to tests, from tests to a verdict."""
